"""Files of features become requests of an endpoint, row by row the same, in batches that it takes."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Sequence
from csv import QUOTE_ALL
from csv import reader as csv_reader
from csv import writer as csv_writer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import boto3
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clients import Clients
from pipeline.errors import DataError, ServiceError
from pipeline.operate.answers import Tally, write
from pipeline.operate.deployed_model import DeployedData
from pipeline.operate.predict import PredictedRow, batches, predict, rows
from pipeline.operate.prediction_csv import Sent
from pipeline.operate.prediction_json import sent_json
from scripts.features.featurizer import Category, Featurizer

ROWS = [[1.0, 0.5, -2.25], [0.1, 1e-7, 3.0]]


def parsed(path: Path) -> list[list[float]]:
    return [[float(value) for value in sent.line.decode().split(",")] for sent in rows(path)]


def learnt(width: int, *, scale: float = 1.0) -> DeployedData:
    """Data of features without names."""
    return DeployedData((), width, ("0", "1"), "", None, scale, raw=False)


def test_every_form_gives_the_same_rows(tmp_path: Path) -> None:
    text = "".join(",".join(map(repr, row)) + "\n" for row in ROWS)
    (tmp_path / "a.csv").write_text(text + "\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    np.savez(tmp_path / "a.npz", x=np.array(ROWS))
    (tmp_path / "a.json").write_text(json.dumps({"instances": [{"features": row} for row in ROWS]}))
    (tmp_path / "b.json").write_text(json.dumps([{"features": row} for row in ROWS], indent=1))
    (tmp_path / "c.json").write_text(json.dumps(ROWS))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"features": row}) + "\n" for row in ROWS))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    for name in ("a.csv", "a.csv.gz", "a.npz", "a.json", "b.json", "c.json", "a.jsonl", "a.jsonl.gz"):
        assert parsed(tmp_path / name) == ROWS, name


def test_a_byte_order_mark_before_the_rows_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff1.5,2\n3,4\n")
    (tmp_path / "a.jsonl").write_text('\ufeff{"features": [1.5, 2]}\n{"features": [3, 4]}\n')
    assert parsed(tmp_path / "a.csv") == parsed(tmp_path / "a.jsonl") == [[1.5, 2], [3, 4]]


def test_a_pipe_is_no_file_of_rows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(DataError, match="fifo is a pipe, no regular file"):
        list(rows(tmp_path / "fifo"))


def test_a_folder_is_no_file_of_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder") as raised:
        list(rows(tmp_path))
    assert raised.value.hint == "give a file"


def test_a_lone_row_in_json_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"features": [1, 2]}')
    (tmp_path / "b.json").write_text("[1, 2]\n")
    assert parsed(tmp_path / "a.json") == parsed(tmp_path / "b.json") == [[1, 2]]


def test_pictures_in_an_npz_are_rows_of_their_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    assert parsed(tmp_path / "a.npz")[1] == [4, 5, 6, 7]


def test_pictures_of_mnists_own_files_are_rows_with_the_labels_that_lie_beside(tmp_path: Path) -> None:
    head = b"\0\0\x08"
    pictures = head + b"\3" + np.array([3, 2, 2], ">u4").tobytes() + bytes(range(12))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(pictures)
    images = tmp_path / "t10k-images-idx3-ubyte"
    assert [sent.truth for sent in rows(images)] == ["", "", ""]
    labels = head + b"\1" + np.array([3], ">u4").tobytes() + bytes([7, 0, 9])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    found = list(rows(images, learnt(4, scale=1 / 256)))
    assert [sent.truth for sent in found] == ["7", "0", "9"]
    assert found[1].line == b"0.015625,0.01953125,0.0234375,0.02734375\n"
    with pytest.raises(DataError, match="holds labels"):
        list(rows(tmp_path / "t10k-labels-idx1-ubyte.gz"))


def test_a_pickle_is_read_as_run_reads_it_split_by_split(tmp_path: Path) -> None:
    split = (np.array(ROWS, np.float32), np.array([1, 0]))
    (tmp_path / "a.pkl.gz").write_bytes(gzip.compress(pickle.dumps((split, split, split))))
    assert [sent.truth for sent in rows(tmp_path / "a.pkl.gz")] == ["1", "0"] * 3
    assert parsed(tmp_path / "a.pkl.gz")[4] == np.array(ROWS[0], np.float32).tolist()


def test_sparse_rows_are_sent_with_their_zeros(tmp_path: Path) -> None:
    matrix = scipy.sparse.csc_matrix(np.array([[0, 1.5, 0], [2, 0, 0]]))
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    assert parsed(tmp_path / "a.npz") == [[0, 1.5, 0], [2, 0, 0]]
    with np.load(tmp_path / "a.npz") as arrays:
        np.savez(tmp_path / "b.npz", y=["cat", "dog"], **arrays)
    assert [sent.truth for sent in rows(tmp_path / "b.npz")] == ["cat", "dog"]


@pytest.mark.parametrize("features, labels", [("X", "Y"), ("data", "target"), ("inputs", "targets"), ("rows", "label")])
def test_the_arrays_of_an_npz_are_found_by_the_names_that_run_knows(tmp_path: Path, features: str, labels: str) -> None:
    arrays: dict[str, Any] = {labels: np.array([1, 0]), "age": np.zeros((2, 2)), features: np.array(ROWS)}
    if features == "rows":
        del arrays["age"]
    np.savez(tmp_path / "a.npz", **arrays)
    assert parsed(tmp_path / "a.npz") == ROWS
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["1", "0"]


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "bsr_matrix", "dia_matrix"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_sparse_rows_of_every_form_that_scipy_writes_are_its_own(tmp_path: Path, form: str, packed: bool) -> None:
    wanted = np.arange(36.0).reshape(9, 4) % 3
    scipy.sparse.save_npz(tmp_path / "a.npz", getattr(scipy.sparse, form)(wanted))
    if packed:
        (tmp_path / "a.npz.gz").write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert parsed(tmp_path / ("a.npz.gz" if packed else "a.npz")) == wanted.tolist()


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("index", [10**9, -5])
def test_a_sparse_number_outside_of_its_matrix_is_refused(tmp_path: Path, form: str, index: int) -> None:
    matrix = getattr(scipy.sparse, f"{form}_matrix")(np.ones((9, 4)))
    matrix.indices[3] = index
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    with pytest.raises(DataError, match="is not an NPZ file of plain arrays: indices must be"):
        list(rows(tmp_path / "a.npz"))


def test_every_split_of_an_npz_is_sent_with_its_labels_as_keras_and_numpy_name_them(tmp_path: Path) -> None:
    x, y = np.array(ROWS), np.array([7, 8])
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1, None])
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["7", "8", "7"]
    np.savez(tmp_path / "b.npz", x, y)
    assert [sent.truth for sent in rows(tmp_path / "b.npz")] == ["7", "8"]
    np.savez(tmp_path / "c.npz", y=y, pictures=x)
    assert [sent.truth for sent in rows(tmp_path / "c.npz")] == ["7", "8"]


def test_arrays_of_truth_values_are_numbers_and_no_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[True, False]]))
    assert [sent.line for sent in rows(tmp_path / "a.npz", learnt(2, scale=1 / 256))] == [b"1,0\n"]


@pytest.mark.parametrize("kind", ["U8", "S8", "c16", "M8[s]"])
def test_arrays_of_no_numbers_are_refused_by_their_type(tmp_path: Path, kind: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 3), "i8").astype(kind))
    with pytest.raises(DataError, match=r"a.npz: features of the type .*, where numbers belong"):
        list(rows(tmp_path / "a.npz"))


def test_arrays_without_rows_are_no_answers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.empty((0, 3)))
    (tmp_path / "test-images-idx3-ubyte").write_bytes(b"\0\0\x08\3" + np.array([0, 2, 2], ">u4").tobytes())
    assert list(rows(tmp_path / "a.npz")) == list(rows(tmp_path / "test-images-idx3-ubyte")) == []
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "a.parquet")
    assert list(rows(tmp_path / "a.parquet", learnt(1))) == []


def test_an_array_that_claims_more_rows_than_there_are_numbers_for_them_is_refused(tmp_path: Path) -> None:
    for claim in ("(99999999999999999999999, 6)", "(1000000000000000, 6)", "(-1, 6)"):
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {claim}, }}\n".encode()
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + bytes(48))
        with pytest.raises(DataError, match="is not an NPZ file of plain arrays"):
            list(rows(tmp_path / "a.npz"))


def test_the_columns_of_arrays_must_be_as_many_as_the_models(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array(ROWS), y=[1, 0])
    assert [sent.truth for sent in rows(tmp_path / "a.npz")] == ["1", "0"]
    with pytest.raises(DataError, match="3 columns where the model has 4 features"):
        list(rows(tmp_path / "a.npz", learnt(4)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"no archive", "is not an NPZ file"),
        ("a.pkl", pickle.dumps(print), "the pickle asks for builtins.print"),
        ("a.libsvm", b"1 3:0.5\n", "does not say whether its first column is number 0 or 1"),
        ("a.json", b"{", "is neither JSON nor JSON Lines"),
        ("a.json", b'{"instances": [{"features": ["x"]}]}', "instance 1: not a list of numbers"),
        ("a.json", b'{"instances": 5}', "its instances are not a list"),
        ("a.json", b"\xff", "is no UTF-8 text"),
        ("a.csv", "größe\n1\n".encode("latin-1"), "is no UTF-8 text"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"1,2\n")[:10] + bytes([7] * 8), "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(rows(tmp_path / name))


def test_an_archive_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[print]], dtype=object))
    with pytest.raises(DataError):
        list(rows(tmp_path / "a.npz"))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        list(rows(tmp_path / "nowhere.csv"))


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=1200))
def test_batches_hold_all_lines_in_order_and_at_most_500(lines: list[bytes]) -> None:
    found = list(batches(map(Sent, lines)))
    assert [sent.line for batch in found for sent in batch] == lines
    assert all(0 < len(batch) <= 500 for batch in found)


def test_a_batch_keeps_below_what_an_endpoint_takes() -> None:
    line = b"1," * 500_000 + b"1\n"
    found = [b"".join(sent.line for sent in batch) for batch in batches(map(Sent, [line] * 13))]
    assert all(len(body) <= 5 * 1024 * 1024 for body in found)
    assert sum(map(len, found)) == 13 * len(line)


class Endpoint(Clients):
    """A client whose requests are answered here: each row's score is its first number, its label 1.

    `inspection` is what the conversion of the data that its model learnt from left; none for a model made elsewhere.
    A model that takes `raw` columns has a container before it, which reads a header. What it says to `refuse` it
    says of requests with `at` in them.
    """

    def __init__(
        self,
        refuse: str = "",
        reply: bytes | None = None,
        inspection: dict[str, Any] | None = None,
        *,
        raw: Sequence[str] = (),
        at: bytes = b"",
        status: int = 400,
    ) -> None:
        super().__init__(boto3.Session("k", "s", region_name="us-east-1"))
        self.asked: list[bytes] = []
        self._refuse = refuse
        self._reply = reply
        self._inspection = inspection
        self._raw = raw
        self._header = tuple(f"{name},".encode() for name in raw)
        self._at = at
        self._status = status
        self.sagemaker.meta.events.register("before-call.sagemaker", self._describe)
        self.s3.meta.events.register("before-call.s3.GetObject", self._object)
        self.runtime.meta.events.register("before-call.sagemaker-runtime.InvokeEndpoint", self._answer)

    def _describe(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        source = {"S3DataSource": {"S3Uri": "s3://b/p/executions/e/ConvertData/train", "S3DataType": "S3Prefix"}}
        artefact = "s3://b/p/executions/e/TrainModel/model/job-1/output/model.tar.gz"
        known: dict[str, Any] = {
            "DescribeEndpoint": {"EndpointConfigName": "c"},
            "DescribeEndpointConfig": {"ProductionVariants": [{"ModelName": "m"}]},
            "DescribeModel": {"Containers": [{"ModelDataUrl": artefact}] * (2 if self._raw else 1)},
            "DescribeTrainingJob": {"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]},
        }
        http = AWSResponse("http://127.0.0.1", 200, {}, None)  # type: ignore[arg-type]
        return http, known[model.name]

    def _object(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        inspection = params["url_path"].endswith("/ConvertData/inspection/inspection.json")
        assert inspection or params["url_path"].endswith("/ConvertData/inspection/featurizer.json"), params["url_path"]
        status = 200 if self._inspection else 404
        http = AWSResponse("http://127.0.0.1", status, {}, None)  # type: ignore[arg-type]
        if self._inspection is None:
            return http, {"Error": {"Code": "NoSuchKey", "Message": "gone"}, "ResponseMetadata": {}}
        fitted = Featurizer(tuple(Category(name, ("Bonn",), True) for name in self._raw))
        text = json.dumps(self._inspection).encode() if inspection else fitted.dump()
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}

    def _answer(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        body = params["body"] if isinstance(params["body"], bytes) else params["body"].read()
        self.asked.append(body)
        refused = bool(self._refuse) and self._at in b"\n" + body
        status = 424 if refused else 200
        http = AWSResponse("http://127.0.0.1", status, {}, None)  # type: ignore[arg-type]
        if refused:
            error = {"Code": "ModelError", "Message": self._refuse}
            return http, {"Error": error, "OriginalStatusCode": self._status, "ResponseMetadata": {}}
        lines = [line for line in body.splitlines() if not line.startswith(self._header)]
        text = self._reply if self._reply is not None else b"".join(map(_answered, lines))
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}


def _answered(line: bytes) -> bytes:
    return json.dumps({"score": float(line.split(b",")[0]), "predicted_label": 1}).encode() + b"\n"


class ReleasedEndpoint(Endpoint):
    """One that serves a version which came from another account: the job that trained it is not there."""

    objects: ClassVar[dict[str, Any]] = {
        "/p/data/statistics.json": {"features": [{"name": "width"}, {"name": "height"}]},
        "/p/labels/_classes.json": ["frog", "newt"],
    }

    def _describe(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        quality = {"Statistics": {"S3Uri": "s3://b/p/data/statistics.json", "ContentType": "application/json"}}
        known: dict[str, Any] = {
            "DescribeEndpoint": {"EndpointConfigName": "c"},
            "DescribeEndpointConfig": {"ProductionVariants": [{"ModelName": "m"}]},
            "DescribeModel": {"Containers": [{"ModelPackageName": "arn:aws:sagemaker:us-east-1:1:model-package/g/1"}]},
            "DescribeModelPackage": {
                "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://b/p/promoted/model.tar.gz"}]},
                "ModelMetrics": {"ModelDataQuality": quality},
                "CustomerMetadataProperties": {"Task": "binary_classifier", "TestLabels": "s3://b/p/labels"},
            },
        }
        missing = {"Error": {"Code": "ValidationException", "Message": "gone"}, "ResponseMetadata": {}}
        status = 200 if model.name in known else 400
        return AWSResponse("http://127.0.0.1", status, {}, None), known.get(model.name, missing)  # type: ignore[arg-type]

    def _object(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        text = json.dumps(self.objects[params["url_path"].removeprefix("/b")]).encode()
        http = AWSResponse("http://127.0.0.1", 200, {}, None)  # type: ignore[arg-type]
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}


def test_a_version_whose_training_is_elsewhere_names_its_columns_and_classes_itself(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("height,extra,width\n2,x,1\n4,y,3\n")
    endpoint = ReleasedEndpoint()
    assert [answer.name for answer in predict(endpoint, "demo", tmp_path / "a.csv")] == ["newt", "newt"]
    assert endpoint.asked == [b"1,2\n3,4\n"]


def csv(folder: Path, count: int) -> Path:
    path = folder / "rows.csv"
    path.write_text("".join(f"{number},0\n" for number in range(count)))
    return path


def test_answers_come_in_the_order_of_the_rows_over_several_requests(tmp_path: Path) -> None:
    endpoint = Endpoint()
    found: Iterator[PredictedRow] = predict(endpoint, "demo", csv(tmp_path, 1201))
    assert [(answer.row, answer.label, answer.score) for answer in found] == [
        (number + 1, 1, float(number)) for number in range(1201)
    ]
    assert [body.count(b"\n") for body in endpoint.asked] == [500, 500, 201]


def test_a_header_that_the_model_reads_goes_with_every_request_and_the_label_with_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("age,kind,city\n" + "".join(f'{number},newt,"Bonn, am Rhein"\n' for number in range(600)))
    endpoint = Endpoint(inspection=inspected("'kind' (column 2 of 3)", names=["age", "city=Bonn"]), raw=["age", "city"])
    found = list(predict(endpoint, "demo", path))
    assert [answer.score for answer in found] == [float(number) for number in range(600)]
    assert {answer.truth for answer in found} == {"newt"}
    assert [body.splitlines()[:2] for body in endpoint.asked] == [
        [b"age,city", b'0,"Bonn, am Rhein"'],
        [b"age,city", b'500,"Bonn, am Rhein"'],
    ]


def test_answers_that_are_not_as_many_as_the_rows_are_refused(tmp_path: Path) -> None:
    answers = b'{"score": 1, "predicted_label": 1}\n' * 3
    with pytest.raises(ServiceError, match="endpoint demo gave 3 answers to 9 rows from row 1 on"):
        list(predict(Endpoint(reply=answers), "demo", csv(tmp_path, 9)))


def test_what_the_model_refuses_is_said_with_the_row_at_fault_and_its_own_words(tmp_path: Path) -> None:
    endpoint = Endpoint("row 1, column 'age': 'old' is no number", at=b"\n437,")
    with pytest.raises(ServiceError, match="rows.csv, row 438: the model refused it: column 'age': 'old'") as raised:
        list(predict(endpoint, "demo", csv(tmp_path, 600)))
    assert "logs --endpoint" in raised.value.hint
    assert len(endpoint.asked) < 25


def test_a_model_that_fails_is_not_asked_for_the_row(tmp_path: Path) -> None:
    endpoint = Endpoint("worker died", status=500)
    with pytest.raises(ServiceError, match="the model failed at rows 1 to 9: worker died"):
        list(predict(endpoint, "demo", csv(tmp_path, 9)))
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("reply", [b"0.25", b"no JSON", b'{"label": 1}', b"\xff\xfe"])
def test_the_answer_of_another_algorithm_is_told_from_linear_learners(tmp_path: Path, reply: bytes) -> None:
    with pytest.raises(ServiceError, match="endpoint demo does not answer as linear-learner does"):
        list(predict(Endpoint(reply=reply), "demo", csv(tmp_path, 1)))


def inspected(label: str = "'kind' (column 3 of 3)", **features: Any) -> dict[str, Any]:
    given = {"names": ["width", "height"], "count": 2, "scale": 1.0} | features
    return {"label": label, "classes": ["frog", "newt"], "features": given}


RAW = inspected("'kind' (column 2 of 3)", names=["age = 3", "city = Bonn"])


def sent_for(folder: Path, text: str, inspection: dict[str, Any]) -> tuple[Endpoint, list[PredictedRow]]:
    path = folder / ("rows.json" if text[0] in "{[" else "rows.csv")
    path.write_text(text)
    endpoint = Endpoint(inspection=inspection)
    return endpoint, list(predict(endpoint, "demo", path))


@pytest.mark.parametrize(
    "text",
    [
        "width,height,kind\n1,2,newt\n3,4,frog\n",
        "kind,extra,height,width\nnewt,x,2,1\nfrog,y,4,3\n",
        "\ufeffkind;height;width\nnewt;2;1\nfrog;4;3\n",
        "1,2,newt\n3,4,frog\n",
        '{"kind": "newt", "height": 2, "width": 1}\n{"height": 4, "width": 3, "kind": "frog"}\n',
        '[{"kind": "newt", "height": 2, "width": 1},\n {"height": 4, "width": 3, "kind": "frog"}]\n',
    ],
    ids=["header", "other-order", "semicolons", "no-header", "json-lines", "json"],
)
def test_columns_go_by_name_and_the_label_is_kept_to_be_compared(tmp_path: Path, text: str) -> None:
    endpoint, found = sent_for(tmp_path, text, inspected())
    assert endpoint.asked == [b"1,2\n3,4\n"]
    assert [(row.name, row.truth) for row in found] == [("newt", "newt"), ("newt", "frog")]
    tally = Tally()
    assert len(list(tally.counting(found))) == 2
    assert tally.said == "1 of 2 as the file says (50.00%)"


def test_parquet_goes_by_name_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"kind": ["newt", "frog"], "height": [2.5, None], "width": [1, 3]})
    table.to_parquet(tmp_path / "rows.parquet")
    endpoint = Endpoint(inspection=inspected())
    answers = list(predict(endpoint, "demo", tmp_path / "rows.parquet"))
    assert endpoint.asked == [b"1,2.5\n3,\n"] and [answer.truth for answer in answers] == ["newt", "frog"]


@pytest.mark.parametrize("raw", [(), ("a[0]", "a[1]", "b")], ids=["numbers", "treated"])
def test_a_list_is_a_column_for_each_item_as_in_training(tmp_path: Path, raw: Sequence[str]) -> None:
    table = pd.DataFrame({"a": [[1.5, 2.0], [3.0, 4.0]], "kind": ["newt", "frog"], "b": [5, 6]})
    table.to_parquet(tmp_path / "rows.parquet")
    table.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    for name in ("rows.parquet", "rows.jsonl"):
        endpoint = Endpoint(inspection=inspected(names=["a[0]", "a[1]", "b"], count=3), raw=raw)
        assert [row.truth for row in predict(endpoint, "demo", tmp_path / name)] == ["newt", "frog"]
        rows = [[float(cell) for cell in line.split(b",")] for line in endpoint.asked[0].splitlines()[bool(raw) :]]
        assert rows == [[1.5, 2, 5], [3, 4, 6]]


def test_a_name_that_only_later_rows_have_is_a_gap_in_those_before(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"age": 1}\n{"city": "Bonn", "age": 2, "kind": "newt"}\n')
    endpoint = Endpoint(inspection=RAW, raw=["age", "city"])
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.jsonl")] == ["", "newt"]
    assert endpoint.asked == [b"age,city\n1,\n2,Bonn\n"]


def test_rows_of_json_reach_a_model_that_treats_them_itself_with_a_header_and_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"age": 3, "city": "Bonn", "member": true}\n{"member": false, "age": 4.5}\n')
    endpoint = Endpoint(inspection=inspected("'kind' (column 2 of 4)", names=["age"]), raw=["age", "city", "member"])
    assert len(list(predict(endpoint, "demo", path))) == 2
    assert endpoint.asked == [b"age,city,member\n3,Bonn,true\n4.5,,false\n"]


@pytest.mark.parametrize(
    ("text", "inspection", "message"),
    [
        ('{"width": 1}\n', inspected(), "lacks 1 of the model's 2 features: height"),
        ('{"width": 1, "height": 2}\n{"w": 1}\n', inspected(), "instance 2: 'w' is no name of the first instance's"),
        ('{"width": 1, "height": 2}\n[1, 2]\n', inspected(), "instance 2: not an object with features by name"),
        ('{"width": 1, "height": 2}\n', None, "cannot be found"),
        ('{"width": 1, "height": 2}\n{"wid', inspected(), "neither JSON nor JSON Lines: document 2"),
    ],
    ids=["missing", "added", "a list", "unknown data", "cut"],
)
def test_json_whose_names_do_not_fit_is_refused_with_its_place(
    tmp_path: Path, text: str, inspection: dict[str, Any] | None, message: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(DataError, match=re.escape(message)):
        list(predict(Endpoint(inspection=inspection), "demo", tmp_path / "rows.jsonl"))


def test_json_lines_are_read_as_they_are_sent(tmp_path: Path) -> None:
    """A file that never ends: the first rows come all the same."""
    lines = ('{"features": [1, 2]}\n' for _ in itertools.count())
    assert len(list(itertools.islice(sent_json(tmp_path / "a.jsonl", lines, None), 1000))) == 1000


def test_a_file_without_a_feature_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks 1 of the model's 2 features: height"):
        sent_for(tmp_path, "width,kind\n1,newt\n", inspected())


def test_without_a_header_a_row_of_data_of_which_columns_were_left_out_has_the_features_alone(tmp_path: Path) -> None:
    left = inspected("'kind' (column 4 of 4, 1 left out as wished)")
    _, [answer] = sent_for(tmp_path, "1,2\n", left)
    assert answer.truth == ""
    with pytest.raises(DataError, match="row 1: 3 fields where the model has 2 features"):
        sent_for(tmp_path, "1,2,3\n", left)


def test_a_row_of_another_width_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2: 4 fields where the model has 2 features"):
        sent_for(tmp_path, "1,2\n1,2,3,4\n", inspected())


def test_a_row_that_lacks_a_field_of_its_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: 1 fields where the header has 2"):
        sent_for(tmp_path, "width,height\n1\n", inspected())


def test_pixels_are_scaled_as_the_model_learnt_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([[128, 64]], np.uint8))
    endpoint = Endpoint(inspection=inspected(names=[], scale=1 / 256))
    list(predict(endpoint, "demo", tmp_path / "a.npz"))
    assert endpoint.asked == [b"0.5,0.25\n"]


def test_one_class_against_all_others_is_compared_so(tmp_path: Path) -> None:
    tally = Tally()
    rows = [
        PredictedRow(1, 0, 0.1, "not 0", "7"),
        PredictedRow(2, 1, 0.9, "0", "0.0"),
        PredictedRow(3, 0, 0.1, "not 0", "0"),
    ]
    list(tally.counting(rows))
    assert tally.said.startswith("2 of 3")


def test_amounts_are_compared_by_their_distance() -> None:
    tally = Tally()
    list(tally.counting([PredictedRow(1, None, 2.0, "", "1"), PredictedRow(2, None, 5.0, "", "8")]))
    assert tally.said == "off by 2 on average from the file's own values"


def test_answers_become_a_csv_whole_or_not_at_all(tmp_path: Path) -> None:
    write([PredictedRow(1, 2, [0.1, 0.2, 0.7], "newt", "")], tmp_path / "out.csv", progress=lambda _: None)
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "row,label,name,truth,score_0,score_1,score_2",
        "1,2,newt,,0.1,0.2,0.7",
    ]

    def broken() -> Iterator[PredictedRow]:
        yield PredictedRow(1, 1, 0.5)
        raise ServiceError("the endpoint went away")

    with pytest.raises(ServiceError):
        write(broken(), tmp_path / "other.csv", progress=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_answers_become_parquet_with_numbers_as_numbers(tmp_path: Path) -> None:
    many = [PredictedRow(row, 1, row / 4, "newt", "frog" if row % 2 else "") for row in range(1, 25_001)]
    seen: list[int] = []
    write(many, tmp_path / "out.parquet", progress=seen.append)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert list(table.columns) == ["row", "label", "name", "truth", "score"]
    assert table["score"].tolist() == [answer.score for answer in many]
    assert table["row"].dtype == table["label"].dtype == np.int64 and table["truth"][0] == "frog"
    assert seen == [10_000, 20_000]


def test_amounts_of_a_regression_become_parquet_without_labels(tmp_path: Path) -> None:
    write([PredictedRow(1, None, 2.5)], tmp_path / "out.parquet", progress=lambda _: None)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table["score"].tolist() == [2.5] and table["label"].isna().all()


@pytest.mark.parametrize("name", ["it's", 'a "kind"', "both ' and \"", "a\\b", "Größe", "two\nlines"])
def test_the_label_is_known_by_its_name_whatever_that_is(tmp_path: Path, name: str) -> None:
    pd.DataFrame({"width": [1], name: ["newt"], "height": [2]}).to_csv(tmp_path / "rows.csv", index=False)
    endpoint = Endpoint(inspection=inspected(f"{name!r} (column 2 of 3)"))
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == ["newt"]
    assert endpoint.asked == [b"1,2\n"]


def test_blanks_around_names_are_no_part_of_them(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(" kind, width, height\nnewt,1,2\n")
    endpoint = Endpoint(inspection=inspected("' kind' (column 1 of 3)", names=[" width", " height"]))
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == ["newt"]
    assert endpoint.asked == [b"1,2\n"]


@pytest.mark.parametrize(
    ("text", "asked", "truths"),
    [
        ("1,newt,Bonn\n2,frog,Rom\n", b"1,Bonn\n2,Rom\n", ["newt", "frog"]),
        ("1,Bonn\n2,Rom\n", b"1,Bonn\n2,Rom\n", ["", ""]),
        ("city,age\nBonn,1\n", b"city,age\nBonn,1\n", [""]),
    ],
    ids=["with the label", "without", "by name"],
)
def test_rows_for_a_model_that_treats_them_itself_are_counted_by_the_tables_own_columns(
    tmp_path: Path, text: str, asked: bytes, truths: list[str]
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    answers = b'{"score": 1, "predicted_label": 1}\n' * len(truths)
    endpoint = Endpoint(reply=answers, inspection=RAW, raw=["age", "city"])
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == truths
    assert endpoint.asked == [asked]


def test_a_first_row_of_texts_alone_is_no_header_for_a_model_that_treats_texts(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("blue,Bonn\nred,Rom\n")
    endpoint = Endpoint(reply=b'{"score": 1, "predicted_label": 1}\n' * 2, inspection=RAW, raw=["column 1", "column 3"])
    assert len(list(predict(endpoint, "demo", tmp_path / "rows.csv"))) == 2
    assert endpoint.asked == [b"blue,Bonn\nred,Rom\n"]


def test_a_row_of_another_width_than_the_tables_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2,3,4\n")
    endpoint = Endpoint(inspection=RAW, raw=["age", "city"])
    with pytest.raises(DataError, match="row 1: 4 fields where the model has 2 columns"):
        list(predict(endpoint, "demo", tmp_path / "rows.csv"))
    assert endpoint.asked == []


def test_columns_that_are_called_by_numbers_are_told_from_rows_of_such_numbers(tmp_path: Path) -> None:
    names = [str(number) for number in range(6)]
    given = inspected("'kind' (column 7 of 7)", names=names, count=6)
    (tmp_path / "rows.csv").write_text("0,1,0,1,0,0\n")
    (tmp_path / "named.csv").write_text("5,4,3,2,1,0\n5,4,3,2,1,0\n")
    for name, asked in (("rows.csv", b"0,1,0,1,0,0\n"), ("named.csv", b"0,1,2,3,4,5\n")):
        endpoint = Endpoint(inspection=given)
        assert len(list(predict(endpoint, "demo", tmp_path / name))) == 1
        assert endpoint.asked == [asked]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=2, max_size=4))
def test_a_cell_of_any_characters_is_one_cell_of_the_request(cells: list[str]) -> None:
    text = io.StringIO()
    csv_writer(text, quoting=QUOTE_ALL).writerow(cells)
    with TemporaryDirectory() as folder:
        (path := Path(folder) / "rows.csv").write_bytes(text.getvalue().encode())
        (sent,) = rows(path)
    assert list(csv_reader(io.StringIO(sent.line.decode(), newline=""))) == [cells]


def test_a_row_of_gaps_is_a_row_and_a_blank_line_is_none(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("a\tb\tc\n\t\t\n\n \n1\t2\t3\n")
    assert [sent.line for sent in rows(tmp_path / "rows.tsv")] == [b"a,b,c\n", b",,\n", b"1,2,3\n"]
    (tmp_path / "one.csv").write_text('1\n""\n\n2\n')
    assert [sent.line for sent in rows(tmp_path / "one.csv")] == [b"1\n", b'""\n', b"2\n"]


def test_rows_are_divided_as_the_training_divides_them(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('"a, b, c and d";width\n1;2\n')
    assert [sent.line for sent in rows(tmp_path / "rows.csv")] == [b'"a, b, c and d",width\n', b"1,2\n"]
