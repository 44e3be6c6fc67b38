"""The rows of a channel: float32 features, dense or sparse, and labels, held once in memory or read anew on every pass.

Readers append chunks to `DenseRows` or `SparseRows`; `finish` gives `Rows`. Dense rows go into one array whose
capacity is guessed from the size of the files, so that no second copy is ever made of what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.model import Floats

_FIRST_CAPACITY: Final = 1024


@dataclass(frozen=True)
class Rows:
    """`features` is a float32 array (rows, columns) or a SciPy CSR matrix; `labels` float32 (rows,).

    `num_bytes` is what the rows took in their files.
    """

    features: Any
    labels: Floats
    num_bytes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def feature_dim(self) -> int:
        return int(self.features.shape[1])

    @property
    def is_sparse(self) -> bool:
        return not isinstance(self.features, np.ndarray)

    def slices(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Any, Floats]]:
        """Consecutive parts of at most `size` rows: features and labels; of the first `limit` rows only."""
        end = len(self) if limit is None else min(limit, len(self))
        for start in range(0, end, size):
            stop = min(start + size, end)
            yield self.features[start:stop], self.labels[start:stop]

    def blocks(self, size: int) -> Iterator[tuple[Any, Floats]]:
        """Consecutive parts of whole mini-batches of `size` rows; what is left in the end may be missing or not."""
        yield self.features, self.labels


@dataclass(frozen=True)
class StreamedRows(Rows):
    """Rows too many to be kept: `features` begins a pass and gives them part by part, with their labels.

    `labels` are those of the first pass; a pipe may give later ones in another order.
    """

    features: Callable[[], Iterator[tuple[Any, Floats]]]
    columns: int
    sparse: bool

    @property
    def feature_dim(self) -> int:
        return self.columns

    @property
    def is_sparse(self) -> bool:
        return self.sparse

    def slices(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Any, Floats]]:
        left = len(self) if limit is None else limit
        for features, labels in self.features():
            for start in range(0, min(len(labels), left), size):
                stop = min(start + size, len(labels), left)
                yield features[start:stop], labels[start:stop]
            left -= len(labels)
            if left <= 0:
                return

    def blocks(self, size: int) -> Iterator[tuple[Any, Floats]]:
        rest: tuple[Any, Floats] | None = None
        for features, labels in self.features():
            if rest is not None:
                features, labels = self._stacked(rest[0], features), np.concatenate([rest[1], labels])
            whole = len(labels) // size * size
            if whole:
                yield features[:whole], labels[:whole]
            rest = (features[whole:], labels[whole:])

    def _stacked(self, above: Any, below: Any) -> Any:
        if not self.sparse:
            return np.concatenate([above, below])
        from scipy.sparse import vstack

        return vstack([above, below], format="csr")


class DenseRows:
    """Dense rows while they are being read."""

    def __init__(self, columns: int, capacity: int = _FIRST_CAPACITY) -> None:
        # Memory that is reserved but never written costs nothing, so a generous capacity is cheap.
        self._features = np.empty((max(capacity, 1), columns), np.float32)
        self._labels: list[Floats] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def columns(self) -> int:
        return int(self._features.shape[1])

    @property
    def size(self) -> int:
        """Bytes that the rows take."""
        return self._count * (self.columns + 1) * 4

    def append(self, features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Floats:
        """Add rows; the view of them that is kept, to be checked by the caller."""
        end = self._count + len(features)
        if end > len(self._features):
            self._features.resize((max(end, len(self._features) * 3 // 2), self.columns), refcheck=False)
        kept = self._features[self._count : end]
        kept[:] = features
        self._labels.append(np.array(labels, np.float32))
        self._count = end
        return kept

    def finish(self, num_bytes: int) -> Rows:
        """What was read; nothing may be appended afterwards."""
        labels = np.concatenate(self._labels) if self._labels else np.empty(0, np.float32)
        return Rows(self._features[: self._count], labels, num_bytes)


class SparseRows:
    """Sparse rows in compressed-row parts while they are being read."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.size = 0
        self._values: list[Floats] = []
        self._keys: list[npt.NDArray[np.int64]] = []
        self._lengths: list[npt.NDArray[np.int64]] = []
        self._labels: list[Floats] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(
        self,
        indptr: npt.NDArray[np.int64],
        keys: npt.NDArray[np.int64],
        values: Floats,
        labels: npt.NDArray[Any],
    ) -> None:
        """Add rows given as `values` at columns `keys`, row i from indptr[i] to indptr[i + 1]."""
        self._values.append(np.array(values, np.float32))
        self._keys.append(np.array(keys))
        self._lengths.append(np.diff(indptr))
        self.size += 12 * len(keys) + 12 * (len(indptr) - 1)
        self._labels.append(np.array(labels, np.float32))
        self._count += len(indptr) - 1

    def finish(self, num_bytes: int) -> Rows:
        """What was read, as a CSR matrix."""
        from scipy.sparse import csr_matrix

        indptr = np.concatenate([[0], np.cumsum(np.concatenate(self._lengths))])
        parts = (np.concatenate(self._values), np.concatenate(self._keys), indptr)
        matrix = csr_matrix(parts, shape=(self._count, self.columns), dtype=np.float32)
        matrix.sum_duplicates()
        return Rows(matrix, np.concatenate(self._labels), num_bytes)
