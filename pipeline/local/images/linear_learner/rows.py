"""The rows of a channel: float32 features, dense or sparse, and labels, held once in memory or read anew on every pass.

Readers append chunks to `DenseRows` or `SparseRows`; `finish` gives `KeptRows`. Dense rows go into one array whose
capacity is guessed from the size of the files, so that no second copy is ever made of what was read. Of rows read anew
nothing is held that grows with their number, not even the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.model import Floats

_FIRST_CAPACITY: Final = 1024
PASS_ROWS: Final = 4096
"""Rows of a part when all of a channel are measured: enough for quick products, few enough for the cache."""


Counts = npt.NDArray[np.int64]


class Rows(Protocol):
    """Rows to pass over as often as one likes; `num_bytes` is what they took in their files."""

    @property
    def num_bytes(self) -> int: ...

    def __len__(self) -> int: ...

    @property
    def feature_dim(self) -> int: ...

    @property
    def is_sparse(self) -> bool: ...

    @property
    def class_counts(self) -> Counts:
        """How many rows have the label 0, 1, and so on up to the highest there is: of a classifier's rows."""

    def slices(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Any, Floats]]:
        """Consecutive parts of at most `size` rows: features and labels; of the first `limit` rows only."""

    def blocks(self, size: int) -> Iterator[tuple[Any, Floats]]:
        """Consecutive parts of whole mini-batches of `size` rows; what is left in the end may be missing or not."""


@dataclass(frozen=True)
class KeptRows:
    """`features` is a float32 array (rows, columns) or a SciPy CSR matrix; `labels` float32 (rows,)."""

    features: Any
    labels: Floats
    num_bytes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def class_counts(self) -> Counts:
        return count_classes(self.labels)

    @property
    def feature_dim(self) -> int:
        return int(self.features.shape[1])

    @property
    def is_sparse(self) -> bool:
        return not isinstance(self.features, np.ndarray)

    def slices(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Any, Floats]]:
        end = len(self) if limit is None else min(limit, len(self))
        for start in range(0, end, size):
            stop = min(start + size, end)
            yield self.features[start:stop], self.labels[start:stop]

    def blocks(self, size: int) -> Iterator[tuple[Any, Floats]]:
        yield self.features, self.labels


def count_classes(labels: npt.NDArray[Any]) -> Counts:
    """How many of the labels are 0, 1, and so on."""
    return np.bincount(labels.astype(np.int64))


@dataclass(frozen=True)
class StreamedRows:
    """Rows too many to be kept: `parts` begins a pass and gives them part by part, with their labels."""

    parts: Callable[[], Iterator[tuple[Any, Floats]]]
    count: int
    class_counts: Counts
    num_bytes: int
    feature_dim: int
    is_sparse: bool

    def __len__(self) -> int:
        return self.count

    def slices(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Any, Floats]]:
        left = len(self) if limit is None else limit
        for features, labels in self.parts():
            for start in range(0, min(len(labels), left), size):
                stop = min(start + size, len(labels), left)
                yield features[start:stop], labels[start:stop]
            left -= len(labels)
            if left <= 0:
                return

    def blocks(self, size: int) -> Iterator[tuple[Any, Floats]]:
        rest: tuple[Any, Floats] | None = None
        for features, labels in self.parts():
            if rest is not None:
                features, labels = self._stacked(rest[0], features), np.concatenate([rest[1], labels])
            whole = len(labels) // size * size
            if whole:
                yield features[:whole], labels[:whole]
            rest = (features[whole:], labels[whole:])

    def _stacked(self, above: Any, below: Any) -> Any:
        if not self.is_sparse:
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

    def finish(self, num_bytes: int) -> KeptRows:
        """What was read; nothing may be appended afterwards."""
        labels = np.concatenate(self._labels) if self._labels else np.empty(0, np.float32)
        return KeptRows(self._features[: self._count], labels, num_bytes)


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

    def finish(self, num_bytes: int) -> KeptRows:
        """What was read, as a CSR matrix."""
        from scipy.sparse import csr_matrix

        indptr = np.concatenate([[0], np.cumsum(np.concatenate(self._lengths))])
        parts = (np.concatenate(self._values), np.concatenate(self._keys), indptr)
        matrix = csr_matrix(parts, shape=(self._count, self.columns), dtype=np.float32)
        matrix.sum_duplicates()
        return KeptRows(matrix, np.concatenate(self._labels), num_bytes)
