"""Training rows as an optimizer sees them: whole mini-batches of normalised features, and the bias.

Dense rows are normalised some megabytes at a time, for all models at once, so the data are held once and as they were
read; sparse rows are never centred. The bias is added, and the slopes are summed up for it, apart from the products: it
learns ten times as fast as the weights, so that rounding shows most there, and MXNet sums it up with what rounding
leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.scaler import Scaler

# Two chunks of so many numbers are held: one is made while models are trained on the other.
_CHUNK_NUMBERS: Final = 1 << 20

Gradient = Callable[[slice], Floats]
"""Gives some rows of a gradient (features + 1, columns), to be overwritten."""


class BatchSource(Protocol):
    """Makes ready what the models of all groups share."""

    def of(self, features: Any) -> Iterator[tuple[Any, slice]]:
        """Chunks of whole mini-batches, and which rows they are; the chunk before the last may be overwritten."""


class Batches(Protocol):
    """Products of mini-batches with the weights of one group of models, (features + 1, columns)."""

    def outputs(self, batch: Any, weights: Floats) -> Floats:
        """Raw outputs (rows, columns) of a mini-batch; may be overwritten."""

    def gradient(self, slopes: Floats) -> Gradient:
        """Features, transposed, times slopes, of the mini-batch that `outputs` was last asked for."""


def chunks(rows: Rows, scaler: Scaler, parameters: Hyperparameters) -> BatchSource:
    """What makes such rows ready."""
    return (SparseChunks if rows.is_sparse else DenseChunks)(scaler, parameters.mini_batch_size)


def batches(rows: Rows, scaler: Scaler, parameters: Hyperparameters, columns: int) -> Batches:
    """Products of the mini-batches of such rows with weights of so many columns."""
    if rows.is_sparse:
        return SparseBatches(rows.feature_dim, use_bias=parameters.use_bias)
    room = room_for_outputs(parameters, parameters.mini_batch_size, columns)
    return DenseBatches(rows.feature_dim, room, use_bias=parameters.use_bias)


def room_for_outputs(parameters: Hyperparameters, rows: int, columns: int) -> Floats:
    """An array (rows, columns) for raw outputs.

    Those of several classes lie column by column: what is done with the classes of a row is then done with many rows
    at once. The order of the others decides on the last bit of a product, and is the one that real losses were met by.
    """
    return np.empty((rows, columns), np.float32, order="F" if parameters.outputs > 1 else "C")


class DenseChunks:
    """Normalised rows of a dense array."""

    def __init__(self, scaler: Scaler, size: int) -> None:
        self._size = size
        self._mean = scaler.mean.astype(np.float32)
        self._scale = 1 / scaler.stdev.astype(np.float32)
        self._rooms: list[Floats] = []

    def of(self, features: Floats) -> Iterator[tuple[Floats, slice]]:
        for part in _whole_batches(features, self._size, features.shape[1]):
            room = self._room(part.stop - part.start)
            for start in range(0, len(room), self._size):
                # One mini-batch at a time stays in the processor's cache between the two.
                batch = room[start : start + self._size]
                np.subtract(features[part.start + start : part.start + start + self._size], self._mean, out=batch)
                batch *= self._scale
            yield room, part

    def _room(self, rows: int) -> Floats:
        """Memory for so many rows, that of the chunk before the last one."""
        room = self._rooms.pop(0) if len(self._rooms) == 2 else np.empty((0, 0), np.float32)
        if len(room) < rows:
            room = np.empty((rows, len(self._mean)), np.float32)
        self._rooms.append(room)
        return room[:rows]


class DenseBatches:
    """Mini-batches of normalised dense rows; `room` holds their raw outputs (rows, columns)."""

    def __init__(self, width: int, room: Floats, *, use_bias: bool) -> None:
        self._use_bias = use_bias
        self._gradient = np.empty((width + 1, room.shape[1]), np.float32)
        self._outputs = room

    def outputs(self, batch: Floats, weights: Floats) -> Floats:
        self._batch = batch
        np.matmul(batch, weights[:-1], out=self._outputs)
        self._outputs += weights[-1]
        return self._outputs

    def gradient(self, slopes: Floats) -> Gradient:
        np.matmul(self._batch.T, slopes, out=self._gradient[:-1])
        self._gradient[-1] = slopes.sum(axis=0, dtype=np.float64) if self._use_bias else 0.0
        return self._gradient.__getitem__


class SparseChunks:
    """Scaled rows of a SciPy CSR matrix: its numbers are scaled, since they are fewer than the weights."""

    def __init__(self, scaler: Scaler, size: int) -> None:
        self._size = size
        self._scale = (1 / scaler.stdev).astype(np.float32)

    def of(self, features: Any) -> Iterator[tuple[Any, slice]]:
        for part in _whole_batches(features, self._size, max(1, features.nnz // max(1, features.shape[0]))):
            chunk = row_view(features, part.start, part.stop - part.start)
            chunk.data = chunk.data * self._scale[chunk.indices]
            yield chunk, part


class SparseBatches:
    """Mini-batches of a scaled SciPy CSR matrix; nothing is ever made of the weights' size."""

    def __init__(self, width: int, *, use_bias: bool) -> None:
        self._width = width
        self._use_bias = use_bias
        self._transposed: Any = None

    def outputs(self, batch: Any, weights: Floats) -> Floats:
        self._transposed = batch.tocsc().T
        return np.asarray(batch @ weights[:-1] + weights[-1], dtype=np.float32)

    def gradient(self, slopes: Floats) -> Gradient:
        return partial(self._rows, slopes, slopes.sum(axis=0))

    def _rows(self, slopes: Floats, total: Floats, part: slice) -> Floats:
        gradient = np.empty((part.stop - part.start, slopes.shape[1]), np.float32)
        count = min(part.stop, self._width) - part.start
        gradient[:count] = row_view(self._transposed, part.start, count) @ slopes
        # The bias comes after the last feature.
        gradient[count:] = total if self._use_bias else 0.0
        return gradient


def rows_of(features: Any, start: int, count: int) -> Any:
    """`count` rows of a dense array or of a CSR matrix from `start` on, without a copy."""
    return features[start : start + count] if isinstance(features, np.ndarray) else row_view(features, start, count)


def _whole_batches(features: Any, size: int, width: int) -> Iterator[slice]:
    """The rows of each chunk, whole mini-batches of `size` rows; a rest of rows is left out."""
    whole = features.shape[0] // size * size
    step = max(1, _CHUNK_NUMBERS // (width * size)) * size
    for start in range(0, whole, step):
        yield slice(start, min(start + step, whole))


def row_view(matrix: Any, start: int, count: int) -> Any:
    """`count` rows of a CSR matrix from `start` on, without copying its numbers, as slicing would."""
    from scipy.sparse import csr_matrix

    indptr = matrix.indptr[start : start + count + 1]
    part = slice(indptr[0], indptr[-1])
    parts = (matrix.data[part], matrix.indices[part], indptr - indptr[0])
    return csr_matrix(parts, shape=(count, matrix.shape[1]), copy=False)
