"""Batch transform takes an object apart: into records by SplitType, and records into request bodies.

Records come from a stream and go out as bytes that, put together again, are the object: a line keeps its newline, a
binary record its frame. Only `single` drops the padding of a frame, as BatchStrategy SingleRecord does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final

RECORDIO_MAGIC: Final = 0xCED7230A
_LENGTH_MASK: Final = (1 << 29) - 1
_READ: Final = 1 << 20


class RecordError(Exception):
    """The object is not made of such records, or one is too large; says where."""


def split(stream: IO[bytes], split_type: str, *, single: bool = False, limit: int | None = None) -> Iterator[bytes]:
    """The records of an object; for SplitType None there is one, the object itself.

    Raises RecordError for an object that is not made of such records, or a record of more than `limit` bytes.
    """
    splitter = _SPLITTERS[split_type]
    for number, record in enumerate(splitter(stream, single, limit), 1):
        if limit is not None and len(record) > limit:
            what = "the object" if split_type == "None" else f"record {number}"
            raise RecordError(f"{what} is larger than MaxPayloadInMB ({limit // 1024**2} MB)")
        yield record


def pack(records: Iterable[bytes], limit: int | None) -> Iterator[list[bytes]]:
    """Groups of as many whole records as fit into `limit` bytes (BatchStrategy MultiRecord)."""
    group: list[bytes] = []
    size = 0
    for record in records:
        if group and limit is not None and size + len(record) > limit:
            yield group
            group, size = [], 0
        group.append(record)
        size += len(record)
    if group:
        yield group


def _whole(stream: IO[bytes], single: bool, limit: int | None) -> Iterator[bytes]:
    yield stream.read() if limit is None else stream.read(limit + 1)


def _lines(stream: IO[bytes], single: bool, limit: int | None) -> Iterator[bytes]:
    rest = b""
    while data := stream.read(_READ):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if limit is not None and len(rest) > limit:
            break
    if rest:
        yield rest


def _recordio(stream: IO[bytes], single: bool, limit: int | None) -> Iterator[bytes]:
    offset = 0
    while head := stream.read(8):
        if len(head) < 8:
            raise RecordError(f"the RecordIO record at byte {offset} ends in its header")
        magic, length = struct.unpack("<II", head)
        if magic != RECORDIO_MAGIC:
            raise RecordError(f"there is no RecordIO record at byte {offset}")
        size = length & _LENGTH_MASK
        padding = -size % 4
        body = _exactly(stream, size + padding, "RecordIO", offset, limit)
        offset += 8 + len(body)
        yield head + (body[:size] if single else body)


def _tfrecord(stream: IO[bytes], single: bool, limit: int | None) -> Iterator[bytes]:
    offset = 0
    while head := stream.read(12):
        if len(head) < 12:
            raise RecordError(f"the TFRecord at byte {offset} ends in its header")
        (size,) = struct.unpack_from("<Q", head)
        if size > 1 << 31:
            raise RecordError(f"there is no TFRecord at byte {offset}")
        body = _exactly(stream, size + 4, "TFRecord", offset, limit)
        offset += 12 + len(body)
        yield head + body


def _exactly(stream: IO[bytes], size: int, kind: str, offset: int, limit: int | None) -> bytes:
    if limit is not None and size > limit:
        # Before it is read: a small gzip file unpacks to whatever a head announces.
        raise RecordError(f"the {kind} record at byte {offset} is larger than MaxPayloadInMB ({limit // 1024**2} MB)")
    body = stream.read(size)
    if len(body) < size:
        raise RecordError(f"the {kind} record at byte {offset} is cut off: {size} bytes announced, {len(body)} there")
    return body


_SPLITTERS: Final[dict[str, Callable[[IO[bytes], bool, int | None], Iterator[bytes]]]] = {
    "None": _whole,
    "Line": _lines,
    "RecordIO": _recordio,
    "TFRecord": _tfrecord,
}
