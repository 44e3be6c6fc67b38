"""The four request types say the same thing, and garbage in any of them is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.images.linear_learner.requests import (
    BadRequest,
    Floats,
    Rows,
    SparseInstances,
    UnsupportedContentType,
    read_rows,
)
from scripts.formats import recordio

CSV, JSON, LINES, RECORDIO = "text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf"
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TABLES = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1, max_size=5)
)


def dense(rows: Rows) -> Floats:
    if isinstance(rows, SparseInstances):
        return rows @ np.eye(rows.width, dtype=np.float32)
    return rows


@given(TABLES)
def test_dense_rows_are_the_same_in_every_type(table: list[list[float]]) -> None:
    expected = np.array(table, np.float32)
    width = expected.shape[1]
    plain = [{"features": row} for row in table]
    nested = [{"data": {"features": {"values": row}}, "configuration": {}} for row in table]
    bodies = [
        (CSV, "\n".join(",".join(map(repr, row)) for row in table).encode()),
        (f"{CSV}; label_size=0", "".join(",".join(map(repr, row)) + "\r\n" for row in table).encode()),
        (JSON, json.dumps({"instances": plain}).encode()),
        ("", json.dumps({"instances": nested}).encode()),
        (LINES, "\n".join(map(json.dumps, nested)).encode()),
        (RECORDIO, recordio.encode_dense(expected, None)),
    ]
    for content_type, body in bodies:
        assert np.array_equal(dense(read_rows(content_type, body, width)), expected), content_type


@given(st.lists(st.dictionaries(st.integers(0, 9), NUMBERS, max_size=5), min_size=1, max_size=5))
def test_sparse_rows_are_the_same_in_every_type(rows: list[dict[int, float]]) -> None:
    expected = np.zeros((len(rows), 10), np.float32)
    for index, row in enumerate(rows):
        for key, value in row.items():
            expected[index, key] = value
    instances = [
        {"data": {"features": {"keys": list(row), "shape": [10], "values": list(row.values())}}} for row in rows
    ]
    indptr = np.cumsum([0, *map(len, rows)])
    keys = np.array([key for row in rows for key in row], np.int64)
    values = np.array([value for row in rows for value in row.values()], np.float32)
    bodies = [
        (JSON, json.dumps({"instances": instances}).encode()),
        (LINES, "\n".join(map(json.dumps, instances)).encode()),
        (RECORDIO, recordio.encode_sparse(indptr, keys, values, (len(rows), 10), None)),
    ]
    for content_type, body in bodies:
        assert np.array_equal(dense(read_rows(content_type, body, 10)), expected), content_type


def test_a_sparse_body_never_makes_a_large_array() -> None:
    body = b'{"data":{"features":{"keys":[0],"shape":[1000000000],"values":[1]}}}\n' * 1000
    rows = read_rows(LINES, body, 1_000_000_000)
    assert isinstance(rows, SparseInstances) and len(rows.values) == 1000


def test_a_label_column_is_left_out_when_announced() -> None:
    assert read_rows("text/csv;label_size=1", b"1,2,3\n0,4,5\n", 2).tolist() == [[2, 3], [4, 5]]  # type: ignore[union-attr]


def test_a_wrong_width_is_named_as_the_container_names_it() -> None:
    with pytest.raises(BadRequest) as caught:
        read_rows(CSV, b"1,2,3,4", 30)
    assert str(caught.value) == (
        "The feature dimension of the input: 4 does not match the feature dimension of the model: 30. "
        "Please fix the input and try again."
    )


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (CSV, b"a,b"),
        (CSV, b"1,\n"),
        (CSV, b"1,2\n3\n"),
        (CSV, b"\n\n"),
        (CSV, b"nan,1"),
        (CSV, b"1,inf"),
        (CSV, b"1e300,1"),
        (CSV, b"1_0,2"),
        (CSV, "1,\xb2".encode("latin-1")),
        (JSON, b"{"),
        (JSON, b"[1,2]"),
        (JSON, b'{"instances": []}'),
        (JSON, b'{"instances": {}}'),
        (JSON, b'{"instances": [{"features": ["1", "2"]}]}'),
        (JSON, b'{"instances": [{"features": [true, false]}]}'),
        (JSON, b'{"instances": [{"features": [null, 1]}]}'),
        (JSON, b'{"instances": [{"features": [[1, 2]]}]}'),
        (JSON, b'{"instances": [{"features": [1, 2]}, {"features": [1]}]}'),
        (JSON, b'{"instances": [{"features": [NaN, 1]}]}'),
        (JSON, b'{"instances": [{"features": 1}]}'),
        (JSON, b'{"instances": [7]}'),
        (JSON, b'{"instances": [{"data": {"features": {"keys": [2], "shape": [2], "values": [1]}}}]}'),
        (JSON, b'{"instances": [{"data": {"features": {"keys": [-1], "shape": [2], "values": [1]}}}]}'),
        (JSON, b'{"instances": [{"data": {"features": {"keys": [0, 1], "shape": [2], "values": [1]}}}]}'),
        (JSON, b'{"instances": [{"data": {"features": {"keys": [0.5], "shape": [2], "values": [1]}}}]}'),
        (JSON, b'{"instances": [{"data": {"features": {"keys": [0], "values": [1]}}}]}'),
        (JSON, b"[" * 100_000),
        (LINES, b'{"features": [1, 2]}\n{'),
        (LINES, b"\n"),
        (RECORDIO, b"no records here"),
        (RECORDIO, recordio.encode_dense(np.ones((1, 2), np.float32), None)[:-3]),
    ],
)
def test_garbage_is_a_bad_request(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_rows(content_type, body, 2)


def test_unknown_types_have_no_reader() -> None:
    with pytest.raises(UnsupportedContentType, match="application/parquet"):
        read_rows("application/parquet", b"x", 2)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["instances", "features", "data", "values", "keys", "shape"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from([CSV, JSON, LINES, RECORDIO, "text/csv;label_size=x", "text/csv;label_size=-3"]),
    st.binary(max_size=60)
    | st.text("0123456789.,-+e \n_", max_size=40).map(str.encode)
    | JSON_LIKE.map(lambda value: json.dumps(value).encode())
    | JSON_LIKE.map(lambda value: json.dumps({"instances": [value]}).encode())
    | JSON_LIKE.map(lambda value: json.dumps({"instances": [{"data": {"features": value}}]}).encode()),
)
def test_any_body_is_rows_or_a_bad_request(content_type: str, body: bytes) -> None:
    try:
        rows = dense(read_rows(content_type, body, 3))
    except BadRequest:
        return
    assert rows.shape[1] == 3 and rows.dtype == np.float32 and np.isfinite(rows).all()


@given(st.binary(max_size=8), st.integers(0, 50))
def test_a_damaged_recordio_body_is_rows_or_a_bad_request(damage: bytes, at: int) -> None:
    body = bytearray(recordio.encode_dense(np.ones((2, 3), np.float32), None))
    body[at : at + len(damage)] = damage
    try:
        read_rows(RECORDIO, bytes(body), 3)
    except BadRequest:
        pass
