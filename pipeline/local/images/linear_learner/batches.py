"""A block of training rows as an optimizer sees it: whole mini-batches of normalised features, a constant one last.

Dense rows are centred batch by batch into one small buffer that stays in the processor's cache, so the data are
held once and as they were read; scaling is left to the weights, which are fewer. Sparse rows are never centred: the
means are accounted for in the products.
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

    def gradient(self, slopes: Floats) -> Floats:
        """Features, transposed, times slopes (rows, columns): (features + 1, columns); may be overwritten."""


def batches(rows: Rows, scaler: Scaler, parameters: Hyperparameters, columns: int) -> Batches:
    """The whole mini-batches of such rows, for weights of so many columns; a rest of rows is left out."""
    kind = SparseBatches if rows.is_sparse else DenseBatches
    return kind(scaler, parameters.mini_batch_size, columns, use_bias=parameters.use_bias)


class DenseBatches:
    """Batches of a dense array."""

    def __init__(self, scaler: Scaler, size: int, columns: int, *, use_bias: bool) -> None:
        self.count = 0
        self._size = size
        width = len(scaler.mean) + 1
        self._mean = scaler.mean.astype(np.float32)
        self._scale = np.append(1 / scaler.stdev, 1.0).astype(np.float32)[:, np.newaxis]
        self._batch = np.empty((size, width), np.float32)
        self._batch[:, -1] = 1.0 if use_bias else 0.0
        self._scaled = np.empty((width, columns), np.float32)
        self._outputs = np.empty((size, columns), np.float32)
        self._gradient = np.empty((width, columns), np.float32)

    def take(self, features: Floats) -> None:
        self._features = features
        self.count = len(features) // self._size

    def outputs(self, number: int, weights: Floats) -> Floats:
        start = number * self._size
        np.subtract(self._features[start : start + self._size], self._mean, out=self._batch[:, :-1])
        np.multiply(weights, self._scale, out=self._scaled)
        return np.matmul(self._batch, self._scaled, out=self._outputs)

    def gradient(self, slopes: Floats) -> Floats:
        np.matmul(self._batch.T, slopes, out=self._gradient)
        self._gradient *= self._scale
        return self._gradient


class SparseBatches:
    """Batches of a SciPy CSR matrix, as views of its rows."""

    def __init__(self, scaler: Scaler, size: int, columns: int, *, use_bias: bool) -> None:
        self.count = 0
        self._size = size
        self._mean = scaler.mean.astype(np.float32)[:, np.newaxis]
        self._scale = (1 / scaler.stdev).astype(np.float32)[:, np.newaxis]
        self._use_bias = use_bias
        self._current: Any = None

    def take(self, features: Any) -> None:
        self._features = features
        self.count = features.shape[0] // self._size

    def outputs(self, number: int, weights: Floats) -> Floats:
        self._current = row_view(self._features, number * self._size, self._size)
        scaled = weights[:-1] * self._scale
        shift = weights[-1] - (self._mean * scaled).sum(axis=0)
        return np.asarray(self._current @ scaled + shift, dtype=np.float32)

    def gradient(self, slopes: Floats) -> Floats:
        total = slopes.sum(axis=0)
        gradient = np.empty((len(self._mean) + 1, slopes.shape[1]), np.float32)
        gradient[:-1] = (self._current.T @ slopes - self._mean * total) * self._scale
        gradient[-1] = total if self._use_bias else 0.0
        return gradient


def row_view(matrix: Any, start: int, count: int) -> Any:
    """`count` rows of a CSR matrix from `start` on, without copying its numbers, as slicing would."""
    from scipy.sparse import csr_matrix

    indptr = matrix.indptr[start : start + count + 1]
    part = slice(indptr[0], indptr[-1])
    parts = (matrix.data[part], matrix.indices[part], indptr - indptr[0])
    return csr_matrix(parts, shape=(count, matrix.shape[1]), copy=False)
