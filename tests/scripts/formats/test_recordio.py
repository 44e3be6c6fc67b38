"""recordIO-protobuf against the bytes of real writers, against protobuf itself, and against damage."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.formats.recordio import (
    Chunk,
    RecordIOError,
    Sparse,
    encode_dense,
    encode_predictions,
    encode_sparse,
    read,
    write_dense,
)
from tests.support.record_message import Record

DENSE_RECORD = bytes.fromhex(
    "0a23d7ce 30000000 0a1a0a0676616c756573 1210120e0a0c0000c03f000000c00000803e"
    "12120a0676616c7565731208 12060a040000803f".replace(" ", "")
)
SPARSE_PAYLOAD = bytes.fromhex(
    "0a1d0a0676616c75657312131211 0a080000c03f00000040 12020103 1a0104"
    "12120a0676616c7565731208 12060a040000803f".replace(" ", "")
)


def frame(payload: bytes, part: int = 0) -> bytes:
    return struct.pack("<II", 0xCED7230A, part << 29 | len(payload)) + payload + bytes(-len(payload) % 4)


def payloads(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        magic, size = struct.unpack_from("<II", data, at)
        assert magic == 0xCED7230A
        found.append(data[at + 8 : at + 8 + size])
        at += 8 + size + -size % 4
    return found


def protobuf_dense(row: Any, label: float | None) -> Any:
    record = Record()
    record.features["values"].float32_tensor.values.extend(row.tolist())
    if label is not None:
        record.label["values"].float32_tensor.values.append(label)
    return record


def table(chunks: list[Chunk]) -> tuple[Any, Any]:
    dense = [c.features.dense() if isinstance(c.features, Sparse) else np.array(c.features) for c in chunks]
    labels = [c.labels for c in chunks if c.labels is not None]
    return np.concatenate(dense), np.concatenate(labels) if labels else None


def read_all(data: bytes, chunk_rows: int = 8192) -> list[Chunk]:
    return list(read(io.BytesIO(data), chunk_rows=chunk_rows, where="a.recordio"))


def test_dense_record_has_the_bytes_that_the_sdk_wrote() -> None:
    assert encode_dense(np.array([[1.5, -2, 0.25]], np.float32), np.ones(1, np.float32)) == DENSE_RECORD


def test_sparse_record_has_the_bytes_that_the_sdk_wrote() -> None:
    data = encode_sparse(
        np.array([0, 2]), np.array([1, 3]), np.array([1.5, 2], np.float32), (1, 4), np.ones(1, np.float32)
    )
    assert payloads(data) == [SPARSE_PAYLOAD]


@pytest.mark.parametrize(("columns", "size"), [(3, 56), (13, 96), (784, 3184), (5000, 20052)])
def test_records_are_as_long_as_those_in_real_logs(columns: int, size: int) -> None:
    assert len(encode_dense(np.zeros((2, columns), np.float32), np.zeros(2, np.float32))) == 2 * size


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("columns", [1, 3, 13, 30, 31, 32, 33, 784, 4095])
def test_dense_payload_is_what_protobuf_serialises(columns: int, labelled: bool) -> None:
    random = np.random.default_rng(columns)
    features = random.normal(size=(4, columns)).astype(np.float32)
    labels = np.array([0, 1, -3.5, 9], np.float32) if labelled else None
    expected = [
        protobuf_dense(row, labels[i] if labels is not None else None).SerializeToString(deterministic=True)
        for i, row in enumerate(features)
    ]
    assert payloads(encode_dense(features, labels)) == expected
    stream = io.BytesIO()
    write_dense(stream, features, labels)
    assert stream.getvalue() == encode_dense(features, labels)


@given(st.data())
def test_dense_round_trip(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 40))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    features = random.normal(size=(rows, columns)).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    labels = random.normal(size=rows).astype(np.float32) if data.draw(st.booleans()) else None
    found, found_labels = table(read_all(encode_dense(features, labels), data.draw(st.integers(1, 80))))
    np.testing.assert_array_equal(found, features)
    if labels is None:
        assert found_labels is None
    else:
        np.testing.assert_array_equal(found_labels, labels)


@given(st.data())
def test_sparse_round_trip_and_protobuf_agree(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 30)), data.draw(st.sampled_from([1, 4, 127, 128, 129, 20_000]))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    counts = random.integers(0, min(columns, 12) + 1, rows)
    keys = np.concatenate([np.sort(random.choice(columns, n, replace=False)) for n in counts]).astype(np.int64)
    indptr = np.concatenate(([0], np.cumsum(counts)))
    values = random.normal(size=len(keys)).astype(np.float32)
    labels = random.integers(0, 2, rows).astype(np.float32)
    encoded = encode_sparse(indptr, keys, values, (rows, columns), labels)
    for row, payload in enumerate(payloads(encoded)):
        record = Record.FromString(payload)
        tensor = record.features["values"].float32_tensor
        assert list(tensor.keys) == keys[indptr[row] : indptr[row + 1]].tolist()
        assert list(tensor.values) == values[indptr[row] : indptr[row + 1]].tolist()
        assert list(tensor.shape) == [columns]
        assert record.SerializeToString(deterministic=True) == payload
    chunks = read_all(encoded, 7)
    assert all(isinstance(chunk.features, Sparse) and len(chunk) <= 7 for chunk in chunks)
    found, found_labels = table(chunks)
    expected = np.zeros((rows, columns), np.float32)
    expected[np.repeat(np.arange(rows), counts), keys] = values
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_labels, labels)


def test_reads_sparse_records_of_several_writers_in_order() -> None:
    random = np.random.default_rng(6)
    expected, parts = [], []
    for number in range(200):
        keys = np.sort(random.choice(300, random.integers(0, 5), replace=False))
        record = Record()
        tensor = record.features["values"].float32_tensor
        tensor.values.extend(keys + 0.5)
        tensor.keys.extend(keys.tolist())
        tensor.shape.append(300)
        record.label["values"].float32_tensor.values.append(number)
        data = record.SerializeToString(deterministic=True)
        if number % 7 == 0:
            cut = len(data) - 20
            data = data[cut:] + data[:cut]  # label first
        if number % 11 == 0:
            data += b"\x1a\x02id"
        parts.append(frame(data))
        row = np.zeros(300, np.float32)
        row[keys] = keys + 0.5
        expected.append(row)
    found, labels = table(read_all(b"".join(parts), 64))
    np.testing.assert_array_equal(found, expected)
    assert labels.tolist() == list(range(200))


def foreign_records() -> dict[str, bytes]:
    """The row [1.5, -2, 0.25] with label 1, as writers other than ours may put it."""
    record = protobuf_dense(np.array([1.5, -2, 0.25]), 1)
    own = record.SerializeToString(deterministic=True)
    features, label = own[:28], own[28:]
    unpacked = bytes.fromhex("0d0000c03f0d000000c00d0000803e")
    doubles, integers = Record(), Record()
    doubles.features["values"].float64_tensor.values.extend([1.5, -2, 0.25])
    doubles.label["values"].float64_tensor.values.append(1)
    integers.features["values"].float32_tensor.values.extend([1.5, -2, 0.25])
    integers.label["values"].int32_tensor.values.append(1)
    shaped = protobuf_dense(np.array([1.5, -2, 0.25]), 1)
    shaped.features["values"].float32_tensor.shape.append(3)
    named = protobuf_dense(np.array([1.5, -2, 0.25]), 1)
    named.uid = "row 17"
    inner = bytes([0x12, len(unpacked)]) + unpacked
    entry = bytes([0x0A, 6]) + b"values" + bytes([0x12, len(inner)]) + inner
    value_first = bytes([0x12, 16]) + own[12:28] + bytes([0x0A, 6]) + b"values"
    return {
        "ours": own,
        "label first": label + features,
        "unpacked": bytes([0x0A, len(entry)]) + entry + label,
        "value before key": bytes([0x0A, len(value_first)]) + value_first + label,
        "float64": doubles.SerializeToString(),
        "int32 label": integers.SerializeToString(),
        "with a shape": shaped.SerializeToString(),
        "with a uid": named.SerializeToString(),
        "unknown field": own + bytes.fromhex("7a0178") + bytes.fromhex("8001ff01"),
    }


@pytest.mark.parametrize("kind", foreign_records())
def test_reads_what_other_writers_write(kind: str) -> None:
    payload = foreign_records()[kind]
    assert Record.FromString(payload).features["values"]  # the case itself is a record
    chunks = read_all(frame(payload) * 5, 2)
    found, labels = table(chunks)
    assert found.tolist() == [[1.5, -2, 0.25]] * 5
    assert labels.tolist() == [1] * 5
    expected = {"float64": {"float64"}, "int32 label": {"float32", "int32"}}.get(kind, {"float32"})
    assert set().union(*(chunk.kinds for chunk in chunks)) == expected


def test_reads_layouts_that_change_from_record_to_record_in_order() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(300, 3)).astype(np.float32)
    parts = []
    for number, row in enumerate(features):
        record = protobuf_dense(row, number)
        if random.random() < 0.3:
            record.uid = "x" * int(random.integers(0, 9))
        parts.append(frame(record.SerializeToString()))
    found, labels = table(read_all(b"".join(parts), 64))
    np.testing.assert_array_equal(found, features)
    assert labels.tolist() == list(range(300))


def test_joins_a_record_that_was_split_at_its_own_magic_number() -> None:
    magic = struct.unpack("<f", struct.pack("<I", 0xCED7230A))[0]
    payload = protobuf_dense(np.array([1, magic, 2], np.float32), 1).SerializeToString(deterministic=True)
    cut = payload.index(struct.pack("<I", 0xCED7230A))
    data = frame(payload[:cut], 1) + frame(payload[cut + 4 :], 3)
    found, labels = table(read_all(data + encode_dense(np.ones((2, 3), np.float32), np.zeros(2, np.float32))))
    assert found.tolist() == [[1, magic, 2], [1, 1, 1], [1, 1, 1]]
    assert labels.tolist() == [1, 0, 0]


def test_empty_stream_has_no_chunks() -> None:
    assert read_all(b"") == []
    assert encode_dense(np.empty((0, 3), np.float32), None) == b""


def test_chunks_are_bounded() -> None:
    data = encode_dense(np.zeros((1000, 50_00), np.float32), None)
    assert max(len(chunk) for chunk in read_all(data, 300)) == 300
    assert all(chunk.features.nbytes <= 1 << 23 for chunk in read_all(data) if not isinstance(chunk.features, Sparse))


@pytest.mark.parametrize("cut", [1, 4, 8, 30, 55])
def test_truncation_names_record_and_byte(cut: int) -> None:
    data = encode_dense(np.ones((3, 3), np.float32), np.ones(3, np.float32))
    with pytest.raises(RecordIOError, match=r"a\.recordio: record 3 at byte 112: .*is it whole\?") as caught:
        read_all(data[: 112 + cut])
    assert (caught.value.record, caught.value.offset) == (3, 112)


def test_the_last_record_may_come_without_its_padding() -> None:
    rows = np.arange(1, 32, dtype=np.float32)[np.newaxis]
    keys, ends = np.arange(0, 31, 7), np.array([0, 5])
    bodies = [encode_dense(rows, labels) for labels in (None, np.ones(1, np.float32))]
    bodies.append(encode_sparse(ends, keys, rows[0, keys], (1, 31), None))
    for body in bodies:
        (size,) = struct.unpack_from("<I", body, 4)
        padding = len(body) - 8 - size
        assert padding
        for data in (body[: 8 + size], body + body[: 8 + size], body[: len(body) - 1]):
            whole = data + bytes(-len(data) % 4)
            assert values(read_all(data)).tolist() == values(read_all(whole)).tolist()
        with pytest.raises(RecordIOError, match=r"is it whole\?"):
            read_all(body[: 7 + size])


def values(chunks: list[Chunk]) -> np.ndarray:
    tables = [part.dense() if isinstance(part, Sparse) else part for part in (chunk.features for chunk in chunks)]
    return np.concatenate(tables)


def test_wrong_magic_is_shown() -> None:
    data = encode_dense(np.ones((2, 3), np.float32), None)
    with pytest.raises(RecordIOError, match="record 3 at byte 72: 0x706C6568 where the magic number 0xCED7230A"):
        read_all(data + b"help me!")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", 'no feature named "values"'),
        (bytes.fromhex("0aff"), "no protobuf record"),
        (bytes.fromhex("0b"), "wire type 3"),
        (bytes.fromhex("ffffffffffffffffffffff01"), "no protobuf record"),
        (bytes.fromhex("0a0c0a0676616c75657312021200"), "it has no features"),
        (bytes.fromhex("0a0f0a0676616c756573120512030a0100"), "no multiple of 4"),
        (bytes.fromhex("0a0a0a0678616c75657312001200"), r"\(but xalues\)"),
        (bytes.fromhex("0a120a0676616c7565731208120612010a0a0101"), "no protobuf record"),
        (bytes.fromhex("0a100a0676616c75657312064a040a026869"), "bytes where a tensor"),
    ],
)
def test_no_record_is_an_error_that_says_why(payload: bytes, reason: str) -> None:
    with pytest.raises(RecordIOError, match=f"record 1 at byte 0: .*{reason}"):
        read_all(frame(payload))


def test_width_and_labels_must_not_change() -> None:
    first = encode_dense(np.ones((2, 3), np.float32), np.ones(2, np.float32))
    with pytest.raises(RecordIOError, match="record 3 at byte 112: it has 4 features, the records before it 3"):
        read_all(first + encode_dense(np.ones((1, 4), np.float32), np.ones(1, np.float32)))
    with pytest.raises(RecordIOError, match="record 3 at byte 112: it has no label, the records before it have one"):
        read_all(first + encode_dense(np.ones((1, 3), np.float32), None))


def test_sparse_keys_must_fit() -> None:
    bad = SPARSE_PAYLOAD.replace(bytes.fromhex("12020103"), bytes.fromhex("12020109"))
    with pytest.raises(RecordIOError, match="record 2 .* keys do not place its 2 values in 4 columns"):
        read_all(frame(SPARSE_PAYLOAD) + frame(bad))
    with pytest.raises(ValueError, match="outside the 2 columns"):
        encode_sparse(np.array([0, 1]), np.array([2]), np.ones(1, np.float32), (1, 2), None)


@given(st.data())
def test_damaged_bytes_are_read_or_refused_but_never_crash(data: st.DataObject) -> None:
    good = bytearray(frame(SPARSE_PAYLOAD) * 2 + DENSE_RECORD.replace(b"x", b"y") * 2)
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_all(bytes(good), data.draw(st.integers(1, 4)))
    except RecordIOError as error:
        assert str(error).startswith("a.recordio: record ")


@pytest.mark.parametrize("classes", [1, 10])
def test_predictions_are_records_with_a_label_map(classes: int) -> None:
    random = np.random.default_rng(0)
    scores = random.random((6, classes) if classes > 1 else 6).astype(np.float32)
    labels = np.arange(6, dtype=np.float32)
    for row, payload in enumerate(payloads(encode_predictions(scores, labels))):
        record = Record.FromString(payload)
        assert not record.features
        assert list(record.label["predicted_label"].float32_tensor.values) == [row]
        assert list(record.label["score"].float32_tensor.values) == np.atleast_1d(scores[row]).tolist()
        assert record.SerializeToString(deterministic=True) == payload
    assert set(Record.FromString(payloads(encode_predictions(scores, None))[0]).label) == {"score"}


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rows of features, but labels of shape"):
        encode_dense(np.ones((2, 3), np.float32), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="at least one column"):
        encode_dense(np.ones((2, 0), np.float32), None)


class Endless(io.RawIOBase):
    """The same records again and again, as often as wanted, without ever being in memory."""

    def __init__(self, record: bytes, times: int) -> None:
        self._block = record
        self._left = times * len(record)
        self._at = 0

    def readinto(self, target: Any) -> int:
        count = min(len(target), len(self._block) - self._at, self._left)
        target[:count] = self._block[self._at : self._at + count]
        self._at = (self._at + count) % len(self._block)
        self._left -= count
        return count


@pytest.mark.long
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    rows = 2000
    if kind == "dense":
        block = encode_dense(np.ones((rows, 500), np.float32), np.ones(rows, np.float32))
    else:
        keys, values = np.tile(np.arange(200), rows), np.ones(200 * rows, np.float32)
        block = encode_sparse(np.arange(rows + 1) * 200, keys, values, (rows, 5000), np.ones(rows, np.float32))
    times = 20
    tracemalloc.start()
    try:
        found = sum(len(chunk) for chunk in read(Endless(block, times), chunk_rows=1000))  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == rows * times
    assert peak < 40e6 < len(block) * times


def test_gzip_and_raw_streams_are_read_alike(tmp_path: Path) -> None:
    data = encode_dense(np.arange(3000, dtype=np.float32).reshape(1000, 3), None)
    (tmp_path / "a").write_bytes(data)
    with gzip.open(tmp_path / "b", "wb") as packed:
        packed.write(data)
    with gzip.open(tmp_path / "b") as unpacked, (tmp_path / "a").open("rb", buffering=0) as raw:
        for stream in (unpacked, raw):
            found, _ = table(list(read(stream)))  # type: ignore[arg-type]
            assert found.reshape(-1).tolist() == list(range(3000))
