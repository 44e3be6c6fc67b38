"""What is read of recordIO: chunks of records, and the layout that lets a whole block be taken at once.

A layout is learned from one dense record. It says where the numbers lie in it; all other bytes must be the same in
every record of the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.formats.wire import Bytes, Tensor

MAGIC: Final = 0xCED7230A
"""What every frame begins with, as a little-endian number."""

Floats = npt.NDArray[np.float32]
FloatType = np.dtype[np.float32] | np.dtype[np.float64]


@dataclass(frozen=True)
class Sparse:
    """A matrix in compressed-row form: row i holds `values[indptr[i]:indptr[i + 1]]` at columns `keys[...]`."""

    indptr: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]
    values: Floats
    shape: tuple[int, int]

    def columns(self, chosen: npt.NDArray[np.int64]) -> Sparse:
        """The matrix of these columns alone, which ascend."""
        places = np.minimum(np.searchsorted(chosen, self.keys), len(chosen) - 1)
        kept = chosen[places] == self.keys
        ends = np.concatenate(([0], np.cumsum(kept)))[self.indptr]
        return Sparse(ends, places[kept], self.values[kept], (self.shape[0], len(chosen)))

    def dense(self) -> Floats:
        """The same matrix with its zeros; a column named twice in a row counts the sum, as scipy does."""
        out = np.zeros(self.shape, np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        np.add.at(out, (rows, self.keys), self.values)
        return out


@dataclass(frozen=True)
class Chunk:
    """Some consecutive records: features (rows, columns) and their labels (rows,), if they have any.

    Dense features may be a read-only view into the bytes read, with gaps between rows. `kinds` names the number types
    met ("float32", "float64", "int32"): everything is converted to float32, but linear-learner takes float32 only.
    """

    features: Floats | Sparse
    labels: Floats | None
    kinds: frozenset[str] = frozenset({"float32"})

    def __len__(self) -> int:
        return int(self.features.shape[0])


@dataclass(frozen=True)
class Layout:
    """Where the numbers lie in records that are otherwise equal to `template`, frame included."""

    template: Bytes
    features: tuple[int, int, FloatType]
    label: tuple[int, int, FloatType] | None

    def matching(self, rows: Bytes) -> int:
        """How many of the rows, from the first, differ from the template in their numbers only."""
        slots = sorted((slot[0], slot[0] + slot[1] * slot[2].itemsize) for slot in (self.features, self.label) if slot)
        good = np.ones(len(rows), bool)
        start = 0
        for first, last in (*slots, (len(self.template), 0)):
            good &= (rows[:, start:first] == self.template[start:first]).all(axis=1)
            start = last
        return len(rows) if good.all() else int(np.argmin(good))

    def chunk(self, rows: Bytes) -> Chunk:
        """The numbers of rows that match; the features as a view of them."""
        kinds = frozenset(slot[2].name for slot in (self.features, self.label) if slot)
        features = _column(rows, self.features)
        labels = None if self.label is None else _column(rows, self.label)[:, 0].copy()
        return Chunk(features, labels, kinds)


def _column(rows: Bytes, slot: tuple[int, int, FloatType]) -> Floats:
    offset, size, dtype = slot
    values = rows[:, offset : offset + size * dtype.itemsize].view(dtype)
    values.flags.writeable = False
    return np.require(values, np.float32, ["A"])


def learned_layout(whole: Bytes, payload: memoryview, tensor: Tensor, label: Tensor | None) -> Layout | None:
    """The layout of a dense record whose numbers are packed floats; None for any other."""
    framed = len(whole) == 8 + len(payload) + -len(payload) % 4
    if tensor.keys or tensor.offset < 0 or not framed or (label is not None and label.offset < 0):
        return None
    return Layout(
        whole,
        (8 + tensor.offset, len(tensor.values), _dtype(tensor)),
        None if label is None else (8 + label.offset, 1, _dtype(label)),
    )


def _dtype(tensor: Tensor) -> FloatType:
    return np.dtype(np.float32) if tensor.kind == "float32" else np.dtype(np.float64)
