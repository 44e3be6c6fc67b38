"""recordIO-protobuf, the training format of SageMaker's built-in algorithms: writing it. `recordio_read` reads it.

A frame is the magic number, a length, the record and padding to four bytes. All records of a dense table have the
same bytes apart from the numbers themselves, so a table is written by filling the gaps of a template, and read by
checking that the template holds and looking at the gaps: no protobuf library, no loop over rows.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from scripts.formats.recordio_chunk import MAGIC, Chunk, Sparse
from scripts.formats.recordio_read import RecordIOError, read
from scripts.formats.wire import Bytes, delimited, encode_varints, varint

__all__ = [
    "Chunk",
    "RecordIOError",
    "Sparse",
    "encode_dense",
    "encode_predictions",
    "encode_sparse",
    "read",
    "write_dense",
]

Floats = npt.NDArray[np.float32]

_FLOAT: Final = np.dtype("<f4")
_BUFFER_BYTES: Final = 1 << 19


@dataclass(frozen=True)
class _Template:
    """A record's bytes, frame included, and the offsets of the runs of float32 that differ from row to row."""

    record: Bytes
    slots: tuple[tuple[int, int], ...]

    def rows(self, count: int) -> Bytes:
        """`count` records whose slots are still to be filled; only the constant bytes are written."""
        rows = np.empty((count, len(self.record)), np.uint8)
        start = 0
        for offset, size in (*self.slots, (len(self.record), 0)):
            rows[:, start:offset] = self.record[start:offset]
            start = offset + 4 * size
        return rows

    def slot(self, rows: Bytes, index: int) -> Floats:
        """The numbers of one slot, (rows, size), as a view."""
        offset, size = self.slots[index]
        return rows[:, offset : offset + 4 * size].view(_FLOAT)


def encode_dense(features: Floats, labels: Floats | None) -> bytes:
    """Records of `features` (rows, columns), each with its label if there are `labels` (rows,)."""
    stream = io.BytesIO()
    write_dense(stream, features, labels)
    return stream.getvalue()


def write_dense(stream: IO[bytes], features: Floats, labels: Floats | None) -> None:
    """`encode_dense` into a stream, through one buffer that stays in the processor's cache."""
    if features.ndim != 2 or features.shape[1] < 1:
        raise ValueError(f"features must be a table of at least one column, not of shape {features.shape}")
    if labels is not None and np.shape(labels) != (len(features),):
        raise ValueError(f"{len(features)} rows of features, but labels of shape {np.shape(labels)}")
    template = _dense_template(features.shape[1], labels is not None)
    step = max(1, min(len(features), _BUFFER_BYTES // len(template.record)))
    rows = template.rows(step)
    for start in range(0, len(features), step):
        part = rows[: len(features) - start]
        template.slot(part, 0)[:] = features[start : start + step]
        if labels is not None:
            template.slot(part, 1)[:, 0] = labels[start : start + step]
        stream.write(part.data)


def encode_sparse(
    indptr: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    values: Floats,
    shape: tuple[int, int],
    labels: Floats | None,
) -> bytes:
    """Records of a matrix in compressed-row form: row i holds `values[indptr[i]:indptr[i + 1]]` at columns `keys[...]`.

    `shape` is (rows, columns); the columns go into every record, since linear-learner demands it of sparse data.
    """
    rows, columns = shape
    _check_sparse(indptr, keys, values, shape, labels)
    key_bytes, key_lengths = encode_varints(np.asarray(keys).astype(np.uint64))
    key_ends = np.concatenate(([0], np.cumsum(key_lengths)))[indptr].tolist()
    ends = (np.asarray(indptr) * 4).tolist()
    raw_keys, raw_values = key_bytes.tobytes(), np.ascontiguousarray(values, _FLOAT).tobytes()
    shape_field = delimited(3, varint(columns))
    tails = [b""] * rows if labels is None else _label_entries(labels)
    out: list[bytes] = []
    for row in range(rows):
        packed = b""
        if ends[row + 1] > ends[row]:
            packed = delimited(1, raw_values[ends[row] : ends[row + 1]]) + delimited(
                2, raw_keys[key_ends[row] : key_ends[row + 1]]
            )
        payload = _entry(1, "values", packed + shape_field) + tails[row]
        out.append(_frame(payload))
    return b"".join(out)


def encode_predictions(scores: Floats, predicted_labels: Floats | None) -> bytes:
    """What the algorithm answers to `Accept: application/x-recordio-protobuf`: no features, and a label map.

    `scores` is (rows,) or, for several classes, (rows, classes); a regressor has no `predicted_labels`. The map's
    order is not fixed by protobuf; keys are sorted, as its deterministic serialisation does.
    """
    table = np.asarray(scores, _FLOAT).reshape(len(scores), -1)
    template = _template(
        *([] if predicted_labels is None else [(2, "predicted_label", 1)]), (2, "score", table.shape[1])
    )
    rows = template.rows(len(table))
    template.slot(rows, len(template.slots) - 1)[:] = table
    if predicted_labels is not None:
        template.slot(rows, 0)[:, 0] = predicted_labels
    return rows.tobytes()


def _check_sparse(
    indptr: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    values: Floats,
    shape: tuple[int, int],
    labels: Floats | None,
) -> None:
    if len(indptr) != shape[0] + 1 or len(keys) != len(values) or indptr[-1] != len(values):
        raise ValueError(f"indptr, keys and values do not describe {shape[0]} rows")
    if len(keys) and not 0 <= int(np.min(keys)) <= int(np.max(keys)) < shape[1]:
        raise ValueError(f"a key lies outside the {shape[1]} columns")
    if labels is not None and len(labels) != shape[0]:
        raise ValueError(f"{shape[0]} rows of features, but {len(labels)} labels")


def _dense_template(columns: int, labelled: bool) -> _Template:
    return _template((1, "values", columns), *([(2, "values", 1)] if labelled else []))


def _template(*entries: tuple[int, str, int]) -> _Template:
    """A record of map entries (map's field number, key, how many float32)."""
    payload, slots = b"", []
    for number, key, size in entries:
        payload += _entry(number, key, delimited(1, bytes(4 * size)))
        slots.append((8 + len(payload) - 4 * size, size))
    return _Template(np.frombuffer(_frame(payload), np.uint8), tuple(slots))


def _entry(number: int, key: str, tensor: bytes) -> bytes:
    return delimited(number, delimited(1, key.encode()), delimited(2, delimited(2, tensor)))


def _label_entries(labels: Floats) -> list[bytes]:
    empty = _entry(2, "values", delimited(1, bytes(4)))[:-4]
    raw = np.ascontiguousarray(labels, _FLOAT).tobytes()
    return [empty + raw[at : at + 4] for at in range(0, len(raw), 4)]


def _frame(payload: bytes) -> bytes:
    head = MAGIC.to_bytes(4, "little") + len(payload).to_bytes(4, "little")
    return head + payload + bytes(-len(payload) % 4)
