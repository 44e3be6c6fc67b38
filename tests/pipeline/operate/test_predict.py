"""Files of features become requests of an endpoint, row by row the same, in batches that it takes."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clients import Clients
from pipeline.errors import DataError, ServiceError
from pipeline.operate.predict import PredictedRow, batches, predict, rows

ROWS = [[1.0, 0.5, -2.25], [0.1, 1e-7, 3.0]]


def parsed(path: Path) -> list[list[float]]:
    return [[float(value) for value in line.decode().split(",")] for line in rows(path)]


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


def test_a_lone_row_in_json_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"features": [1, 2]}')
    (tmp_path / "b.json").write_text("[1, 2]\n")
    assert parsed(tmp_path / "a.json") == parsed(tmp_path / "b.json") == [[1, 2]]


def test_pictures_in_an_npz_are_rows_of_their_pixels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    assert parsed(tmp_path / "a.npz")[1] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"no archive", "is not an NPZ file"),
        ("a.json", b"{", "is neither JSON nor JSON Lines"),
        ("a.json", b'{"instances": [{"features": ["x"]}]}', "instance 1: not a list of numbers"),
        ("a.json", b'{"instances": 5}', "its instances are not a list"),
        ("a.json", b"\xff", "cannot be read"),
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
    found = list(batches(iter(lines)))
    assert b"".join(found) == b"".join(lines)
    assert all(0 < body.count(b"\n") <= 500 for body in found)


def test_a_batch_keeps_below_what_an_endpoint_takes() -> None:
    line = b"1," * 500_000 + b"1\n"
    found = list(batches(iter([line] * 13)))
    assert all(len(body) <= 5 * 1024 * 1024 for body in found)
    assert sum(map(len, found)) == 13 * len(line)


class Endpoint(Clients):
    """A client whose requests are answered here: each row's score is its first number."""

    def __init__(self, refuse: str = "", reply: bytes | None = None, *, header: bool = False) -> None:
        super().__init__(boto3.Session("k", "s", region_name="us-east-1"))
        self.asked: list[bytes] = []
        self._refuse = refuse
        self._reply = reply
        self._header = header
        self.runtime.meta.events.register("before-call.sagemaker-runtime.InvokeEndpoint", self._answer)

    def _answer(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        body = params["body"] if isinstance(params["body"], bytes) else params["body"].read()
        self.asked.append(body)
        status = 424 if self._refuse else 200
        http = AWSResponse("http://127.0.0.1", status, {}, None)  # type: ignore[arg-type]
        if self._refuse:
            return http, {"Error": {"Code": "ModelError", "Message": self._refuse}, "ResponseMetadata": {}}
        answers = [
            {"score": float(line.split(b",")[0]), "predicted_label": 1} for line in body.splitlines()[self._header :]
        ]
        text = "".join(json.dumps(answer) + "\n" for answer in answers).encode() if self._reply is None else self._reply
        return http, {"Body": StreamingBody(io.BytesIO(text), len(text)), "ResponseMetadata": {}}


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


def test_a_header_that_the_model_reads_goes_with_every_request(tmp_path: Path) -> None:
    path = csv(tmp_path, 1201)
    path.write_text("size,age\n" + path.read_text())
    endpoint = Endpoint(header=True)
    found = list(predict(endpoint, "demo", path))
    assert [(answer.row, answer.score) for answer in found] == [(row + 1, float(row)) for row in range(1201)]
    assert all(body.startswith(b"size,age\n") for body in endpoint.asked) and len(endpoint.asked) == 3


def test_answers_that_are_not_as_many_as_the_rows_are_refused(tmp_path: Path) -> None:
    answers = b'{"score": 1, "predicted_label": 1}\n' * 3
    with pytest.raises(ServiceError, match="endpoint demo gave 3 answers to 9 rows from row 1 on"):
        list(predict(Endpoint(reply=answers), "demo", csv(tmp_path, 9)))


def test_what_the_model_refuses_is_said_with_the_rows(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="the model refused rows 1 to 500: wrong number of features") as raised:
        list(predict(Endpoint("wrong number of features"), "demo", csv(tmp_path, 600)))
    assert "as many comma-separated numbers" in raised.value.hint


@pytest.mark.parametrize("reply", [b"0.25", b"no JSON", b'{"label": 1}', b"\xff\xfe"])
def test_the_answer_of_another_algorithm_is_told_from_linear_learners(tmp_path: Path, reply: bytes) -> None:
    with pytest.raises(ServiceError, match="endpoint demo does not answer as linear-learner does"):
        list(predict(Endpoint(reply=reply), "demo", csv(tmp_path, 1)))
