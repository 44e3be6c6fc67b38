"""Captured requests: every content type gives the same rows, the time decides, and what is broken is counted."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from botocore.response import StreamingBody

from scripts.features.featurizer import Category, Featurizer, LeftOut, Numeric
from scripts.features.request_rows import RowReader, columns_of
from scripts.formats.recordio import encode_dense, encode_predictions, encode_sparse
from scripts.monitoring import captured
from scripts.monitoring.answered import answer_lines
from scripts.monitoring.captured import Window, read_captured

ROWS = np.array([[1.5, 0.0, -2.0], [0.25, 3.0, 0.0]], np.float32)
END = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)


class Objects:
    """What a bucket holds, behind the two calls of S3 that are made: the service needs more than the image has."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self._bodies[key] = body

    def get_paginator(self, _: str) -> Objects:
        return self

    def paginate(self, *, Prefix: str, Delimiter: str = "", **_: Any) -> list[dict[str, Any]]:
        below = sorted(key for key in self._bodies if key.startswith(Prefix))
        if not Delimiter:
            return [{"Contents": [{"Key": key}]} for key in below]
        folders = {Prefix + key.removeprefix(Prefix).split(Delimiter)[0] + Delimiter for key in below}
        return [{"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}]

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        return {"Body": StreamingBody(io.BytesIO(self._bodies[Key]), len(self._bodies[Key]))}


@pytest.fixture(scope="module")
def stored() -> Objects:
    return Objects()


def part(kind: str, data: bytes, *, text: bool) -> dict[str, str]:
    """One side of a captured line, as the service writes it."""
    shown = data.decode() if text else base64.b64encode(data).decode()
    return {"observedContentType": kind, "mode": "INPUT", "data": shown, "encoding": "CSV" if text else "BASE64"}


def line(kind: str, body: bytes, *, when: str = "2027-01-31T11:30:00Z", text: bool = False) -> bytes:
    answer = b'{"predicted_label":1,"score":0.75}\n{"predicted_label":0,"score":0.25}\n'
    data = {
        "endpointInput": part(kind, body, text=text),
        "endpointOutput": part("application/jsonlines", answer, text=False),
    }
    return json.dumps(
        {"captureData": data, "eventMetadata": {"eventId": "e", "inferenceTime": when}, "eventVersion": "0"}
    ).encode()


def read(stored: Objects, endpoint: str, *lines: bytes, hour: str = "11", reader: RowReader | None = None) -> Any:
    key = f"seen/{endpoint}/AllTraffic/2027/01/31/{hour}/30-00-000-x.jsonl"
    stored.put(key, b"\n".join(lines) + b"\n")
    return read_captured(stored, "s3://bucket/seen", endpoint, Window.until(END, 1), reader or RowReader(3))


DENSE = {"instances": [{"features": row} for row in ROWS.tolist()]}
NESTED = {"instances": [{"data": {"features": {"values": row}}} for row in ROWS.tolist()]}
SPARSE = {
    "instances": [
        {"data": {"features": {"keys": [0, 2], "shape": [3], "values": [1.5, -2.0]}}},
        {"data": {"features": {"keys": [0, 1], "shape": [3], "values": [0.25, 3.0]}}},
    ]
}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("text/csv; charset=utf-8", b"1.5,0,-2\n0.25,3,0\n", id="csv"),
        pytest.param("application/json", json.dumps(DENSE).encode(), id="json"),
        pytest.param("application/json", json.dumps(NESTED).encode(), id="nested"),
        pytest.param("application/json", json.dumps(SPARSE).encode(), id="sparse"),
        pytest.param("application/jsonlines", "\n".join(map(json.dumps, DENSE["instances"])).encode(), id="jsonlines"),
        pytest.param("application/x-recordio-protobuf", encode_dense(ROWS, None), id="recordio"),
        pytest.param(
            "application/x-recordio-protobuf",
            encode_sparse(np.array([0, 2, 4]), np.array([0, 2, 0, 1]), ROWS[ROWS != 0], (2, 3), None),
            id="sparse recordio",
        ),
    ],
)
def test_rows_are_the_same_whatever_they_were_sent_as(stored: Objects, kind: str, body: bytes) -> None:
    found = read(stored, f"same-{len(body)}-{kind[12:14]}", line(kind, body))
    assert (found.rows, found.unread) == (2, 0), found
    np.testing.assert_array_equal(np.column_stack(found.columns(RowReader(3))), ROWS)
    some = RowReader(3, kept=(0, 2))
    np.testing.assert_array_equal(some.rows(kind.partition(";")[0], body), ROWS[:, [0, 2]])
    assert (some.names(), some.watched()) == (["feature 1", "feature 3"], [0, 1])
    assert json.loads(found.answers().splitlines()[0]) == {"predicted_label": 1, "score": 0.75}


def test_only_the_time_looked_at_counts_and_what_is_written_a_little_later_is_found(stored: Objects) -> None:
    body = b"1,2,3\n4,5,6"
    times = ("2027-01-31T10:59:59Z", "2027-01-31T11:00:00Z", "2027-01-31T11:59:59Z", "2027-01-31T12:00:00Z")
    lines = [line("text/csv", body, when=when, text=True) for when in times]
    assert read(stored, "late", *lines, hour="12").rows == 4


def test_a_line_that_cannot_be_read_is_counted_and_ends_nothing(stored: Objects) -> None:
    good = line("text/csv", b"1,2,3\n4,5,6", text=True)
    found = read(
        stored, "broken", b"{", b'{"captureData": {}}', line("image/png", b"x"), line("text/csv", b"1,2"), good
    )
    assert (found.rows, found.unread) == (2, 4)
    assert "JSON" in found.why


def test_of_more_rows_than_fit_a_part_is_kept_that_is_spread_evenly(
    stored: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "_MOST_CELLS", 3 * 64)
    monkeypatch.setattr(captured, "_FEWEST_KEPT", 1)
    found = read(stored, "many", *(line("text/csv", f"{at},0,0\n{at},0,0".encode(), text=True) for at in range(200)))
    numbers = found.columns(RowReader(3))[0]
    assert found.rows == 400 and 32 <= len(numbers) <= 64
    assert numbers.min() == 0 and numbers.max() >= 190


def test_raw_rows_of_a_table_are_read_as_the_model_reads_them(stored: Objects) -> None:
    table = Featurizer((Numeric("age", 40.0, True), Category("city", ("Seoul",), True), LeftOut("id", "it counts")))
    reader = RowReader(3, table)
    lines = [
        line("text/csv", b"age,id,city\n41,7,Seoul\n,8,N/A\n"),
        line("application/jsonlines", b'{"age": 39, "city": "Busan"}\n{"age": null, "city": "Seoul"}\n'),
    ]
    age, city, _ = read(stored, "raw", *lines, reader=reader).columns(reader)
    np.testing.assert_array_equal(age, [41, np.nan, 39, np.nan])
    assert city.tolist() == ["Seoul", None, "Busan", "Seoul"]
    assert reader.watched() == [0, 1]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("application/json", b'{"predictions": [{"score": 0.5, "predicted_label": 1}]}', id="json"),
        pytest.param("application/jsonlines", b'{"score": 0.5, "predicted_label": 1}\n', id="jsonlines"),
        pytest.param(
            "application/x-recordio-protobuf",
            encode_predictions(np.array([0.5], np.float32), np.array([1], np.float32)),
            id="recordio",
        ),
    ],
)
def test_answers_are_the_same_whatever_was_accepted(kind: str, body: bytes) -> None:
    assert [json.loads(one) for one in answer_lines(kind, body)] == [{"score": 0.5, "predicted_label": 1}]
    assert answer_lines("text/html", body) == []


def test_no_rows_are_columns_without_values() -> None:
    assert [len(column) for column in columns_of([], 3)] == [0, 0, 0]
