"""What a column looks like, found in one pass: counts, moments, bounds, and a seeded sample for its distribution.

Profiles of parts of the data can be merged, in whatever order the parts were read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.formats.sparse import is_sparse, stacked_sparse
from scripts.formats.tables import Array, floats
from scripts.splitting.targets import MOST_CLASSES

Doubles = npt.NDArray[np.float64]

SAMPLE_CELLS: Final = 1_000_000
_SAMPLE_ROWS: Final = (200, 10_000)
_SPARSE_SAMPLE_ROWS: Final = 2000


@dataclass(frozen=True)
class ColumnProfile:
    """One column: `values` is a sorted sample of its numbers, `counts` the rows of each text it holds.

    The moments are None for a column of texts, or of which every row is empty. `text` says that a treated table's
    column holds texts, which are not counted where they are too many.
    """

    name: str
    kind: str
    present: int
    missing: int
    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    values: Array | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    treatment: str = ""
    text: bool = False


class Moments:
    """Counts, mean, deviation and bounds of some columns, NaN where a number is missing."""

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.present, self.zeros = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self.mean, self._squares = np.zeros(width), np.zeros(width)
        self.low, self.high = np.full(width, np.nan), np.full(width, np.nan)

    @property
    def complete(self) -> bool:
        """Whether all numbers are finite."""
        return bool((self.present == self.rows).all() and np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def deviation(self) -> Doubles:
        """The standard deviation of each column, 0 where nothing is there."""
        deviation: Doubles = np.sqrt(self._squares / np.maximum(self.present, 1))
        return deviation

    def count(self, part: Array) -> None:
        """Some rows more, which may be sparse."""
        if is_sparse(part):
            self._count_sparse(part)
            return
        if not len(part):
            return
        self.rows += len(part)
        known = ~np.isnan(part)
        full = known.all()
        with np.errstate(invalid="ignore", over="ignore"):
            count = np.full(part.shape[1], len(part)) if full else known.sum(axis=0)
            total = part.sum(axis=0, dtype=np.float64, where=True if full else known)
            mean = total / np.maximum(count, 1)
            apart = part - mean
            if not full:
                apart[~known] = 0
            self._merge(count, mean, np.einsum("ij,ij->j", apart, apart))
        self.zeros += len(part) - np.count_nonzero(part, axis=0)
        self.low = np.fmin(self.low, np.fmin.reduce(part))
        self.high = np.fmax(self.high, np.fmax.reduce(part))

    def _count_sparse(self, part: Any) -> None:
        rows, width = part.shape
        there = ~np.isnan(part.data)
        columns, values = part.indices[there], part.data[there].astype(np.float64)
        counts = np.bincount(columns, minlength=width)
        missing = np.bincount(part.indices[~there], minlength=width)
        known = rows - missing
        mean = np.bincount(columns, values, minlength=width) / np.maximum(known, 1)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.bincount(columns, (values - mean[columns]) ** 2, minlength=width)
            self._merge(known, mean, apart + (known - counts) * mean**2)
        self.rows += rows
        self.zeros += known - counts
        for bound, extreme in ((self.low, np.fmin), (self.high, np.fmax)):
            own = np.where(counts < known, 0.0, np.nan)
            extreme.at(own, columns, values)
            extreme(bound, own, out=bound)

    def include(self, other: Moments) -> None:
        """The rows that another one saw."""
        self.rows += other.rows
        self._merge(other.present, other.mean, other._squares)
        self.zeros += other.zeros
        self.low, self.high = np.fmin(self.low, other.low), np.fmax(self.high, other.high)

    def dump(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        arrays = {name: getattr(self, name) for name in ("present", "zeros", "mean", "low", "high")}
        held = {name: values.tolist() for name, values in (arrays | {"squares": self._squares}).items()}
        return {"rows": self.rows, **held}

    @classmethod
    def load(cls, held: Mapping[str, Any]) -> Moments:
        """What was dumped."""
        found = cls(len(held["mean"]))
        found.rows = held["rows"]
        found.present, found.zeros = np.array(held["present"], np.int64), np.array(held["zeros"], np.int64)
        found.mean, found._squares = np.array(held["mean"], np.float64), np.array(held["squares"], np.float64)
        found.low, found.high = np.array(held["low"], np.float64), np.array(held["high"], np.float64)
        return found

    def _merge(self, count: Any, mean: Doubles, squares: Doubles) -> None:
        """Chan's formula, which loses no digits where a mean is large beside its deviation."""
        total = np.maximum(self.present + count, 1)
        with np.errstate(invalid="ignore", over="ignore"):
            shift = mean - self.mean
            self._squares += squares + shift**2 * (self.present * count / total)
            self.mean += shift * (count / total)
        self.present += count


class Numbers(Moments):
    """The same, with a sample of the rows, drawn by the seed."""

    def __init__(self, width: int, seed: tuple[int, ...]) -> None:
        super().__init__(width)
        self._random = np.random.default_rng(seed)
        self._most = max(_SAMPLE_ROWS[0], min(_SAMPLE_ROWS[1], SAMPLE_CELLS // width))
        self._sample: Array = np.empty((0, width), np.float32)
        self._lots: Doubles = np.empty(0)

    def add(self, features: Array) -> None:
        """Some rows more."""
        part = features if features.dtype == np.float64 else floats(features)
        self.count(part)
        self._draw(part, self._random.random((part.shape[0],)))

    def merge(self, other: Numbers) -> None:
        """The rows that another one saw."""
        self.include(other)
        self._draw(other._sample, other._lots)

    def values(self, column: int) -> Array:
        """The sorted sample of a column."""
        values = self._sample[:, column]
        return np.sort(values[np.isfinite(values)])

    @property
    def sampled(self) -> int:
        """The rows of the sample."""
        return len(self._sample)

    def _draw(self, part: Array, lots: Doubles) -> None:
        """Each row has drawn a lot; the rows with the least ones stay."""
        if len(self._lots) == self._most:
            chosen = lots < self._lots.max()
            part, lots = part[chosen], lots[chosen]
        lots = np.concatenate([self._lots, lots])
        sample = self._stacked(self._sample, part)
        if len(lots) > self._most:
            kept = np.sort(np.argpartition(lots, self._most)[: self._most])
            lots, sample = lots[kept], sample[kept]
        self._lots, self._sample = lots, sample

    def _stacked(self, above: Array, below: Array) -> Array:
        return np.concatenate([above, below])


class SparseNumbers(Numbers):
    """The same of sparse rows."""

    def __init__(self, width: int, seed: tuple[int, ...]) -> None:
        from scipy.sparse import csr_matrix

        super().__init__(width, seed)
        self._most = _SPARSE_SAMPLE_ROWS
        self._sample = csr_matrix((0, width), dtype=np.float32)

    def values(self, column: int) -> Array:
        """The sorted sample of a column."""
        values = self._turned[:, [column]].toarray()[:, 0]
        return np.sort(values[np.isfinite(values)])

    @property
    def sampled(self) -> int:
        """The rows of the sample."""
        return int(self._sample.shape[0])

    def frequent(self, count: int) -> list[int]:
        """The columns that are most often not 0, in their order."""
        often = np.argsort(self.zeros - self.present, kind="stable")[:count]
        return sorted(often.tolist())

    @cached_property
    def _turned(self) -> Any:
        sample: Any = self._sample
        return sample.tocsc()

    def _stacked(self, above: Any, below: Any) -> Any:
        return stacked_sparse([above, below])


class Labels:
    """The labels as the data has them: how often each, as long as they may be classes, and their bounds if numbers."""

    def __init__(self) -> None:
        self.counts: Counter[Any] | None = Counter()
        self.rows = 0
        self.numbers: Numbers | None = Numbers(1, (0,))
        self._empty = False

    @property
    def sound(self) -> bool:
        """Whether each is a finite number, or a text where not all are numbers."""
        return self.numbers.complete if self.numbers is not None else not self._empty

    def add(self, labels: Array) -> None:
        """Some more; None and NaN are labels too."""
        self.rows += len(labels)
        if self.counts is not None:
            self.counts.update(labels.tolist())
        if self.numbers is not None:
            try:
                self.numbers.add(labels.astype(np.float64)[:, None])
            except (ValueError, TypeError):
                self.numbers = None
        if self.numbers is None:
            self._empty |= any(label is None or not str(label).strip() for label in labels.tolist())
        self._bound()

    def merge(self, other: Labels) -> None:
        """Those that another one saw."""
        self.rows += other.rows
        if self.counts is not None:
            self.counts = None if other.counts is None else self.counts + other.counts
        if self.numbers is not None and other.numbers is not None:
            self.numbers.merge(other.numbers)
        else:
            self.numbers = None
        self._bound()

    def _bound(self) -> None:
        if self.counts is not None and len(self.counts) > MOST_CLASSES:
            self.counts = None
