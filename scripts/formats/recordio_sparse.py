"""Sparse records by the block: those that have the layout which SageMaker's SDKs and `encode_sparse` write.

Their lengths differ from row to row, so there is no template; instead one cursor a record walks over all records of
the block at once. Whatever is laid out otherwise is left to the general parser, errors included.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.formats.recordio_chunk import MAGIC, Chunk, Sparse
from scripts.formats.wire import Bytes, decode_varints

Positions = npt.NDArray[np.int64]

_KEY: Final = b"\x0a\x06values"
_LABEL: Final = b"\x12\x12\x0a\x06values\x12\x08\x12\x06\x0a\x04"


def sparse_block(block: Bytes, columns: int, labelled: bool, most: int) -> tuple[Chunk | None, int]:
    """The leading records of the block that have the layout, at most `most`, and how many bytes they are.

    All of them have `columns` columns and, as `labelled` says, a label or none.
    """
    starts, sizes = _frames(block, most)
    if not len(starts):
        return None, 0
    cursor = _Cursors(block, starts + 8, starts + 8 + sizes)
    cursor.expect(b"\x0a")
    entry_end = cursor.length_end()
    cursor.expect(_KEY + b"\x12")
    cursor.require(cursor.length_end() == entry_end)
    cursor.expect(b"\x12")
    cursor.require(cursor.length_end() == entry_end)
    values, keys, shape = cursor.field(0x0A), cursor.field(0x12), cursor.field(0x1A)
    cursor.require(cursor.at == entry_end)
    cursor.require((values[1] - values[0]) % 4 == 0)
    label_at = cursor.at + len(_LABEL)
    if labelled:
        cursor.expect(_LABEL)
        cursor.at = cursor.at + 4
    cursor.require(cursor.at == cursor.ends)
    rows = len(starts) if cursor.good.all() else int(np.argmin(cursor.good))
    rows, chunk = _chunk(block, rows, values, keys, shape, label_at if labelled else None, columns)
    if not rows:
        return None, 0
    return chunk, int(starts[rows - 1] + 8 + sizes[rows - 1] + -sizes[rows - 1] % 4)


class _Cursors:
    """A position in each of many records; `good` says which have kept to the layout so far."""

    def __init__(self, block: Bytes, at: Positions, ends: Positions) -> None:
        self._block = block
        self.at = at
        self.ends = ends
        self.good = np.ones(len(at), bool)

    def require(self, condition: npt.NDArray[np.bool_]) -> None:
        self.good &= condition

    def expect(self, wanted: bytes) -> None:
        """Step over these bytes."""
        for byte in wanted:
            self.good &= self._bytes() == byte
            self.at = self.at + 1
        self.good &= self.at <= self.ends

    def length_end(self) -> Positions:
        """Step over a length; where what it measures ends."""
        length = np.zeros(len(self.at), np.int64)
        going = np.ones(len(self.at), bool)
        for group in range(4):
            byte = self._bytes()
            length |= np.where(going, (byte & 127).astype(np.int64) << (7 * group), 0)
            self.at = self.at + going
            going &= byte > 127
            if not going.any():
                break
        self.good &= ~going & (self.at + length <= self.ends)
        return self.at + length

    def field(self, tag: int) -> tuple[Positions, Positions]:
        """Step over a field that may be missing; where its content starts and ends (the same if it is)."""
        there = self._bytes() == tag
        before, good = self.at, self.good.copy()
        self.at = self.at + 1
        ends = self.length_end()
        starts = np.where(there, self.at, before)
        self.good = np.where(there, self.good, good)
        self.at = np.where(there, ends, before)
        return starts, self.at

    def _bytes(self) -> npt.NDArray[np.uint8]:
        return self._block.take(self.at, mode="clip")


def _frames(block: Bytes, most: int) -> tuple[Positions, Positions]:
    """Where whole, undivided records start, and the lengths of their payloads."""
    starts: list[int] = []
    sizes: list[int] = []
    at, end, data = 0, len(block), block.data
    while len(starts) < most and at + 8 <= end:
        word, size = struct.unpack_from("<II", data, at)
        if word != MAGIC or size >> 29 or at + 8 + size + -size % 4 > end:
            break
        starts.append(at)
        sizes.append(size)
        at += 8 + size + -size % 4
    return np.array(starts, np.int64), np.array(sizes, np.int64)


def _chunk(
    block: Bytes,
    rows: int,
    values: tuple[Positions, Positions],
    keys: tuple[Positions, Positions],
    shape: tuple[Positions, Positions],
    label_at: Positions | None,
    columns: int,
) -> tuple[int, Chunk | None]:
    """The rows, fewer where keys or shape are not right: how many they are, and their chunk."""
    raw_keys = np.frombuffer(_gathered(block, keys, rows), np.uint8)
    key_ends = np.cumsum((keys[1] - keys[0])[:rows])
    counts = ((values[1] - values[0])[:rows]) // 4
    closed = np.concatenate(([0], np.cumsum(raw_keys < 128)))
    last = raw_keys[np.maximum(key_ends - 1, 0)] < 128 if len(raw_keys) else np.ones(rows, bool)
    own = np.diff(closed[np.concatenate(([0], key_ends))])
    shape_bytes = [bytes(block[first:end]) for first, end in zip(shape[0][:rows], shape[1][:rows], strict=True)]
    allowed = {text for text in set(shape_bytes) if _is_shape(text, columns)}
    good = (own == counts) & (last | (counts == 0)) & np.array([text in allowed for text in shape_bytes], bool)
    if not good.all():
        rows = int(np.argmin(good))
    total = int(key_ends[rows - 1]) if rows else 0
    try:
        found = decode_varints(raw_keys[:total].data)
    except ValueError:
        return 0, None
    if not rows or (len(found) and int(found.max()) >= columns):
        return 0, None
    indptr = np.concatenate(([0], np.cumsum(counts[:rows])))
    numbers = np.frombuffer(_gathered(block, values, rows), np.float32)
    labels = None
    if label_at is not None:
        labels = block[label_at[:rows, None] + np.arange(4)].view(np.float32)[:, 0]
    return rows, Chunk(Sparse(indptr, found.astype(np.int64), numbers, (rows, columns)), labels)


def _gathered(block: Bytes, spans: tuple[Positions, Positions], rows: int) -> bytes:
    data = block.data
    return b"".join(
        [data[first:end] for first, end in zip(spans[0][:rows].tolist(), spans[1][:rows].tolist(), strict=True)]
    )


def _is_shape(text: bytes, columns: int) -> bool:
    try:
        return bool(decode_varints(text).tolist() == [columns])
    except ValueError:
        return False
