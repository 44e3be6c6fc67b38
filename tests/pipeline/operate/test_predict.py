"""Rows of a file become requests of an endpoint in batches that it takes; answers come in the order of the rows."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError, ServiceError
from pipeline.operate.answers import Tally
from pipeline.operate.predict import PredictedRow, batches, predict, rows
from pipeline.operate.prediction_csv import Sent
from tests.support.predicting import ROWS, Endpoint, inspected, parsed, sent_for


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


def test_parquet_goes_by_name_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"kind": ["newt", "frog"], "height": [2.5, None], "width": [1, 3]})
    table.to_parquet(tmp_path / "rows.parquet")
    endpoint = Endpoint(inspection=inspected())
    answers = list(predict(endpoint, "demo", tmp_path / "rows.parquet"))
    assert endpoint.asked == [b"1,2.5\n3,\n"] and [answer.truth for answer in answers] == ["newt", "frog"]


def test_a_file_without_a_feature_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks 1 of the model's 2 features: height"):
        sent_for(tmp_path, "width,kind\n1,newt\n", inspected())


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
