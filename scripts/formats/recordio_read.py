"""Reading recordIO-protobuf in chunks, from any writer, at the speed of the disk where the layout allows.

The layout of a dense record (where its numbers lie, which bytes are constant) is learned from the record itself; as
long as following records share it, whole blocks are taken as arrays. Any other record is parsed field by field, so
that sparse data, other field orders, unpacked numbers and other number types are read alike.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.recordio_chunk import MAGIC, Chunk, Layout, Sparse, learned_layout
from scripts.formats.recordio_sparse import sparse_block
from scripts.formats.wire import Bytes, Record, Tensor, decode_varints, parse_record

_MAGIC_BYTES: Final = MAGIC.to_bytes(4, "little")
_LENGTH_MASK: Final = (1 << 29) - 1
_BLOCK_BYTES: Final = 1 << 23


class RecordIOError(ScriptError):
    """Bytes that are no recordIO-protobuf: which file, which record (from 1) and at which byte it starts."""

    def __init__(self, where: str, record: int, offset: int, reason: str) -> None:
        super().__init__(f"{where}: record {record} at byte {offset}: {reason}")
        self.record = record
        self.offset = offset


def read(stream: IO[bytes], *, chunk_rows: int = 8192, where: str = "recordIO") -> Iterator[Chunk]:
    """The records of `stream`, at most `chunk_rows` (and some 8 MB) at a time; `where` names it in errors.

    A chunk holds only dense or only sparse records. Raises `RecordIOError` for bytes that are no records, for records
    without features, and for a width or a presence of labels that changes on the way.
    """
    yield from _Reader(stream, chunk_rows, where).chunks()


@dataclass
class _Pending:
    """Records parsed one by one, until they make a chunk."""

    features: list[Tensor] = field(default_factory=list)
    labels: list[Tensor | None] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)


class _Reader:
    """A stream, how far it has been read, and what has been seen of its records."""

    def __init__(self, stream: IO[bytes], chunk_rows: int, where: str) -> None:
        self._stream = stream
        self._where = where
        self._chunk_rows = max(1, chunk_rows)
        self._ahead: Bytes = np.empty(0, np.uint8)
        self._count = 0  # records handed on or pending
        self._offset = 0  # of the next byte
        self._columns: int | None = None
        self._labelled: bool | None = None
        self._pending = _Pending()

    def chunks(self) -> Iterator[Chunk]:
        layout, burst = None, self._chunk_rows
        while True:
            if layout is not None:
                rows, whole_block = self._block(layout, burst)
                # Layouts that change from record to record must not cost a block each.
                burst = min(self._chunk_rows, 2 * burst) if whole_block else 1
                if len(rows):
                    yield layout.chunk(rows)
                    continue
            if (frame := self._next_frame()) is None:
                break
            layout, chunk = self._look(frame, burst)
            burst = min(self._chunk_rows, 2 * burst) if layout or chunk else 1
            if self._pending.features and (layout or chunk or len(self._pending.features) >= self._chunk_rows):
                yield self._flush()
            if chunk is not None:
                self._count += len(chunk)
                yield chunk
        if self._pending.features:
            yield self._flush()

    def _look(self, frame: tuple[int, Bytes, memoryview], burst: int) -> tuple[Layout | None, Chunk | None]:
        """What one record shows: the layout of a dense block from it on, or a sparse block; else it is kept alone."""
        offset, frame_bytes, payload = frame
        tensor, label = self._tensors(self._parse(payload, offset), offset)
        layout = learned_layout(frame_bytes, payload, tensor, label)
        if layout is not None:
            self._put_back(frame_bytes)
            return layout, None
        chunk = None
        if tensor.shape and tensor.kind == "float32":
            chunk = self._sparse_block(frame_bytes, burst)
        if chunk is None:
            self._keep(tensor, label, offset)
        return None, chunk

    def _take(self, size: int) -> Bytes:
        """The next `size` bytes, or as many as there are."""
        if len(self._ahead) >= size:
            taken, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            taken = np.empty(size, np.uint8)
            got = len(self._ahead)
            taken[:got] = self._ahead
            self._ahead = self._ahead[:0]
            got += self._read_into(taken[got:])
            taken = taken[:got]
        self._offset += len(taken)
        return taken

    def _read_into(self, target: Bytes) -> int:
        view, got = target.data, 0
        while got < len(view):
            count = self._stream.readinto(view[got:])  # type: ignore[attr-defined]
            if not count:
                break
            got += count
        return got

    def _put_back(self, taken: Bytes) -> None:
        self._offset -= len(taken)
        self._ahead = np.concatenate((taken, self._ahead)) if len(self._ahead) else taken

    def _next_frame(self) -> tuple[int, Bytes, memoryview] | None:
        """Offset, bytes and payload of the next record; a record in several parts is joined as MXNet does."""
        offset = self._offset
        parts: list[Bytes] = []
        pieces: list[bytes | memoryview] = []
        while True:
            head = self._take(8)
            if not len(head) and not parts:
                return None
            if len(head) < 8:
                raise self._error(offset, f"the file ends {len(head)} bytes into an 8-byte head; is it whole?")
            word, size = struct.unpack("<II", head.data)
            if word != MAGIC:
                raise self._error(
                    offset, f"0x{word:08X} where the magic number 0x{MAGIC:08X} belongs; is it recordIO at all?"
                )
            part, size = size >> 29, size & _LENGTH_MASK
            body = self._take(size + -size % 4)
            # The last record may come without its padding, as batch transform sends a single one.
            if len(body) < size:
                raise self._error(offset, f"the file ends {len(body)} bytes into its {size}; is it whole?")
            parts += [head, body]
            pieces.append(body[:size].tobytes() if part else body.data[:size])
            if part in (0, 3):
                break
        if len(pieces) == 1:
            return offset, np.concatenate(parts), memoryview(pieces[0])
        return offset, np.concatenate(parts), memoryview(_MAGIC_BYTES.join(pieces))

    def _block(self, layout: Layout, wanted: int) -> tuple[Bytes, bool]:
        """The next records of this layout, and whether all that were looked at are."""
        size = len(layout.template)
        count = max(1, min(wanted, _BLOCK_BYTES // size))
        taken = self._take(count * size)
        rows = taken[: len(taken) // size * size].reshape(-1, size)
        rows = rows[: layout.matching(rows)]
        if rows.size < len(taken):
            self._put_back(taken[rows.size :])
        self._count += len(rows)
        return rows, rows.size == len(taken)

    def _sparse_block(self, first: Bytes, wanted: int) -> Chunk | None:
        """The record just taken and those after it, if they have the usual layout of sparse records."""
        more = self._take(min(_BLOCK_BYTES, wanted * len(first)))
        block = np.concatenate((first, more))
        chunk, used = sparse_block(block, self._columns or 0, bool(self._labelled), self._chunk_rows)
        self._put_back(block[max(used, len(first)) :])
        return chunk

    def _parse(self, payload: memoryview, offset: int) -> Record:
        try:
            return parse_record(payload)
        except ValueError as error:
            raise self._error(offset, f"no protobuf record: {error}") from None

    def _tensors(self, record: Record, offset: int) -> tuple[Tensor, Tensor | None]:
        """Features and label of one record, whose width and labels are those of the records before it."""
        tensor = record.features.get("values")
        if tensor is None:
            raise self._error(offset, f'no feature named "values"{_names(record.features)}')
        label = record.label.get("values")
        if label is None and record.label:
            raise self._error(offset, f'no label named "values"{_names(record.label)}')
        if label is not None and len(label.values) != 1:
            raise self._error(offset, f"its label has {len(label.values)} values, where one is expected")
        columns = self._width(tensor, offset)
        if self._columns is None:
            self._columns, self._labelled = columns, label is not None
        if columns != self._columns:
            raise self._error(offset, f"it has {columns} features, the records before it {self._columns}")
        if (label is not None) != self._labelled:
            has, have = ("a", "have none") if label is not None else ("no", "have one")
            raise self._error(offset, f"it has {has} label, the records before it {have}")
        return tensor, label

    def _width(self, tensor: Tensor, offset: int) -> int:
        if tensor.keys or (tensor.shape and not len(tensor.values)):
            if not tensor.shape:
                raise self._error(offset, "its features are sparse but do not say their shape")
            return math.prod(tensor.shape)
        if not len(tensor.values):
            raise self._error(offset, "it has no features")
        return len(tensor.values)

    def _keep(self, tensor: Tensor, label: Tensor | None, offset: int) -> None:
        self._pending.features.append(tensor)
        self._pending.labels.append(label)
        self._pending.offsets.append(offset)
        self._count += 1

    def _flush(self) -> Chunk:
        """What is pending, as one chunk; sparse where any record is."""
        pending, self._pending = self._pending, _Pending()
        kinds = {tensor.kind for tensor in (*pending.features, *pending.labels) if tensor}
        labels = None
        if self._labelled:
            labels = np.array([label.values[0] for label in pending.labels if label], np.float32)
        rows, columns = len(pending.features), self._columns or 0
        if all(len(tensor.values) == columns and not tensor.keys for tensor in pending.features):
            dense = np.stack([tensor.values for tensor in pending.features]).astype(np.float32)
            return Chunk(dense, labels, frozenset(kinds))
        return Chunk(self._sparse(pending, (rows, columns)), labels, frozenset(kinds))

    def _sparse(self, pending: _Pending, shape: tuple[int, int]) -> Sparse:
        first = self._count - shape[0]
        keys = []
        for index, tensor in enumerate(pending.features):
            try:
                keys.append(_keys(tensor, shape[1]))
            except ValueError as error:
                offset = pending.offsets[index]
                raise RecordIOError(self._where, first + index + 1, offset, str(error)) from None
        indptr = np.concatenate(([0], np.cumsum([len(own) for own in keys]))).astype(np.int64)
        values = np.concatenate([tensor.values for tensor in pending.features]).astype(np.float32)
        return Sparse(indptr, np.concatenate(keys), values, shape)

    def _error(self, offset: int, reason: str) -> RecordIOError:
        return RecordIOError(self._where, self._count + 1, offset, reason)


def _keys(tensor: Tensor, columns: int) -> npt.NDArray[np.int64]:
    """The columns of a record's values; all of them for a dense one."""
    if not tensor.keys and len(tensor.values):
        return np.arange(columns)
    keys = decode_varints(tensor.keys)
    if len(keys) != len(tensor.values) or (len(keys) and int(keys.max()) >= columns):
        raise ValueError(f"its {len(keys)} keys do not place its {len(tensor.values)} values in {columns} columns")
    return keys.astype(np.int64)


def _names(found: dict[str, Tensor]) -> str:
    return f" (but {', '.join(sorted(found))})" if found else ""
