"""A block of training rows as an optimizer sees it: whole mini-batches of normalised features, and the bias.

Dense rows are normalised batch by batch into one small buffer that stays in the processor's cache, so the data are
held once and as they were read. Sparse rows are never centred: the means are accounted for in the products. The bias
is added, and the slopes are summed up for it, apart from the products: it learns ten times as fast as the weights, so
that rounding shows most there, and MXNet sums it up with what rounding leaves.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.scaler import Scaler


class Batches(Protocol):
    """The mini-batches of the block taken last, by number. `gradient` is of the batch `outputs` was last asked for."""

    count: int

    def take(self, features: Any) -> None:
        """Go on with the rows of another block."""

    def outputs(self, number: int, weights: Floats) -> Floats:
        """Raw outputs (rows, columns) of a batch under weights (features + 1, columns); may be overwritten."""

    def gradient(self, slopes: Floats, part: slice) -> Floats:
        """Some of the rows of: features, transposed, times slopes, (features + 1, columns); may be overwritten."""


def batches(rows: Rows, scaler: Scaler, parameters: Hyperparameters, columns: int) -> Batches:
    """The whole mini-batches of such rows, for weights of so many columns; a rest of rows is left out."""
    kind = SparseBatches if rows.is_sparse else DenseBatches
    return kind(scaler, parameters.mini_batch_size, columns, use_bias=parameters.use_bias)


class DenseBatches:
    """Batches of a dense array."""

    def __init__(self, scaler: Scaler, size: int, columns: int, *, use_bias: bool) -> None:
        self.count = 0
        self._size = size
        self._mean = scaler.mean.astype(np.float32)
        self._scale = 1 / scaler.stdev.astype(np.float32)
        self._use_bias = use_bias
        width = len(self._mean)
        self._batch = np.empty((size, width), np.float32)
        self._gradient = np.empty((width + 1, columns), np.float32)
        self._outputs = np.empty((size, columns), np.float32)

    def take(self, features: Floats) -> None:
        self._features = features
        self.count = len(features) // self._size

    def outputs(self, number: int, weights: Floats) -> Floats:
        start = number * self._size
        np.subtract(self._features[start : start + self._size], self._mean, out=self._batch)
        self._batch *= self._scale
        np.matmul(self._batch, weights[:-1], out=self._outputs)
        self._outputs += weights[-1]
        return self._outputs

    def gradient(self, slopes: Floats, part: slice) -> Floats:
        width = self._batch.shape[1]
        own = self._batch[:, part]
        gradient = self._gradient[part]
        np.matmul(own.T, slopes, out=gradient[: own.shape[1]])
        if part.stop > width:
            gradient[-1] = slopes.sum(axis=0, dtype=np.float64) if self._use_bias else 0.0
        return gradient


class SparseBatches:
    """Batches of a SciPy CSR matrix.

    Its numbers are scaled, since they are fewer than the weights, and nothing is ever made of the weights' size.
    """

    def __init__(self, scaler: Scaler, size: int, columns: int, *, use_bias: bool) -> None:
        self.count = 0
        self._size = size
        self._scale = (1 / scaler.stdev).astype(np.float32)
        self._shift = (scaler.mean / scaler.stdev).astype(np.float32)
        self._use_bias = use_bias
        self._transposed: Any = None

    def take(self, features: Any) -> None:
        self._features = features
        self.count = features.shape[0] // self._size

    def outputs(self, number: int, weights: Floats) -> Floats:
        batch = row_view(self._features, number * self._size, self._size)
        batch.data = batch.data * self._scale[batch.indices]
        self._transposed = batch.tocsc().T
        return np.asarray(batch @ weights[:-1] + (weights[-1] - self._shift @ weights[:-1]), dtype=np.float32)

    def gradient(self, slopes: Floats, part: slice) -> Floats:
        total = slopes.sum(axis=0)
        shift = self._shift[part]
        gradient = np.empty((part.stop - part.start, slopes.shape[1]), np.float32)
        rows = gradient[: len(shift)]
        np.multiply(shift[:, np.newaxis], total, out=rows)
        np.subtract(row_view(self._transposed, part.start, len(shift)) @ slopes, rows, out=rows)
        # The bias comes after the last feature.
        gradient[len(shift) :] = total if self._use_bias else 0.0
        return gradient


def row_view(matrix: Any, start: int, count: int) -> Any:
    """`count` rows of a CSR matrix from `start` on, without copying its numbers, as slicing would."""
    from scipy.sparse import csr_matrix

    indptr = matrix.indptr[start : start + count + 1]
    part = slice(indptr[0], indptr[-1])
    parts = (matrix.data[part], matrix.indices[part], indptr - indptr[0])
    return csr_matrix(parts, shape=(count, matrix.shape[1]), copy=False)
