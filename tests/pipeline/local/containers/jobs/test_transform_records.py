"""Objects fall into records that, put together, are the object again."""

from __future__ import annotations

import io
import struct
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.containers.jobs.transform_records import RECORDIO_MAGIC, RecordError, pack, split


def recordio(payload: bytes) -> bytes:
    return struct.pack("<II", RECORDIO_MAGIC, len(payload)) + payload + bytes(-len(payload) % 4)


def tfrecord(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + b"crc1" + payload + b"crc2"


def records(data: bytes, split_type: str, *, single: bool = False, limit: int | None = None) -> list[bytes]:
    return list(split(io.BytesIO(data), split_type, single=single, limit=limit))


@given(st.binary(max_size=300))
def test_lines_keep_their_newline(data: bytes) -> None:
    found = records(data, "Line")
    assert b"".join(found) == data
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in found[:-1])


@given(st.lists(st.binary(max_size=50)))
def test_binary_records_keep_their_frames(payloads: list[bytes]) -> None:
    for kind, frame in (("RecordIO", recordio), ("TFRecord", tfrecord)):
        frames = [frame(payload) for payload in payloads]
        assert records(b"".join(frames), kind) == frames


def test_single_records_lose_their_padding() -> None:
    assert records(recordio(b"12345"), "RecordIO", single=True) == [recordio(b"12345")[:-3]]


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(20, 60))
def test_packing_fills_requests_and_loses_nothing(parts: list[bytes], limit: int) -> None:
    groups = list(pack(parts, limit))
    assert list(chain.from_iterable(groups)) == parts
    sizes = [sum(map(len, group)) for group in groups]
    assert all(size <= limit for size in sizes)
    assert all(size + len(after[0]) > limit for size, after in zip(sizes, groups[1:], strict=False))


def test_an_object_that_is_not_split_is_one_record() -> None:
    assert records(b"a\nb", "None") == [b"a\nb"]
    assert records(b"", "None") == [b""]


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (recordio(b"1") + b"garbage!", "RecordIO", "no RecordIO record at byte 12"),
        (recordio(b"12345678")[:-2], "RecordIO", "cut off: 8 bytes announced, 6 there"),
        (b"\n#\xd7", "RecordIO", "ends in its header"),
        (tfrecord(b"12")[:-1], "TFRecord", "cut off"),
        (b"\xff" * 20, "TFRecord", "no TFRecord at byte 0"),
    ],
)
def test_broken_objects_are_refused_by_place(data: bytes, kind: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        records(data, kind)


@pytest.mark.parametrize(
    ("head", "kind"),
    [(struct.pack("<II", RECORDIO_MAGIC, 500_000_000), "RecordIO"), (struct.pack("<QI", 2_000_000_000, 0), "TFRecord")],
    ids=["RecordIO", "TFRecord"],
)
def test_a_size_above_the_limit_is_not_read(head: bytes, kind: str) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None and 0 <= size <= 1024**2
            return super().read(size)

    with pytest.raises(RecordError, match="at byte 0 is larger than MaxPayloadInMB"):
        list(split(Endless(head), kind, limit=1024**2))


@pytest.mark.parametrize("kind", ["None", "Line"])
def test_what_is_above_the_limit_is_refused(kind: str) -> None:
    with pytest.raises(RecordError, match=r"larger than MaxPayloadInMB \(1 MB\)"):
        records(b"x" * (1024**2 + 1), kind, limit=1024**2)
    assert len(records(b"x" * 1024**2, kind, limit=1024**2)) == 1
