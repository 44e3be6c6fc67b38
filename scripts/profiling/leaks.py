"""Features that are the label once more: a model learns nothing else from such data, and its figures look perfect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.formats.tables import Array, Floats, floats
from scripts.profiling.problems import LEAK, Faults, Problem

_FEWEST_ROWS: Final = 10
_STEP: Final = 1 << 10  # few columns are left after the first rows


class LeakFinder:
    """Which features equalled the label in every row so far."""

    def __init__(self, width: int) -> None:
        self._equal: npt.NDArray[np.intp] = np.arange(width)
        self._rows = 0
        self._bounds = (np.inf, -np.inf)

    def add(self, features: Array, labels: Array) -> None:
        """Some rows more. Labels that are names equal no feature."""
        if not len(self._equal) or not len(labels):
            return
        try:
            with np.errstate(over="ignore"):
                own = labels.astype(np.float32)
        except (ValueError, TypeError):
            self._equal = self._equal[:0]
            return
        self._count(own)
        for start in range(0, len(own), _STEP):
            part = floats(features[start : start + _STEP, self._equal])
            self._equal = self._equal[(part == own[start : start + _STEP, None]).all(axis=0)]
            if not len(self._equal):
                return

    def merge(self, other: LeakFinder) -> None:
        """The rows that another one saw."""
        self._equal = np.intersect1d(self._equal, other._equal)
        self._include(other)

    @property
    def equal(self) -> npt.NDArray[np.intp]:
        """The features that did."""
        return self._equal

    def _count(self, labels: Floats) -> None:
        self._rows += len(labels)
        self._bounds = min(self._bounds[0], float(labels.min())), max(self._bounds[1], float(labels.max()))

    def _include(self, other: LeakFinder) -> None:
        self._rows += other._rows
        self._bounds = min(self._bounds[0], other._bounds[0]), max(self._bounds[1], other._bounds[1])

    def problems(self, file: str, name: Callable[[int], str]) -> list[Problem]:
        """Those that leak, by their names; none where there are few rows, or where all labels are alike."""
        if self._rows < _FEWEST_ROWS or not self._bounds[0] < self._bounds[1]:
            return []
        faults = Faults(file)
        leaking = self.equal.tolist()
        for index in leaking:
            faults.add(index, LEAK, 1, "", self._rows)
        return list(faults.problems({index: name(index) for index in leaking}, "", self._rows))


class SparseLeakFinder(LeakFinder):
    """The same of sparse rows, of which nothing is made dense: a number counts where it is and where it equals."""

    def __init__(self, width: int) -> None:
        super().__init__(0)
        self._hits, self._misses = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self._wanted = 0
        self._names = False

    def add(self, features: Any, labels: Array) -> None:
        """Some rows more. Labels that are names equal no feature."""
        try:
            own = labels.astype(np.float32)
        except (ValueError, TypeError):
            self._names = True
        if self._names or not len(labels):
            return
        self._count(own)
        self._wanted += int(np.count_nonzero(own))
        hit = features.data == np.repeat(own, np.diff(features.indptr))
        self._hits += np.bincount(features.indices[hit], minlength=len(self._hits))
        self._misses += np.bincount(features.indices[~hit], minlength=len(self._hits))

    def merge(self, other: LeakFinder) -> None:
        """The rows that another one saw."""
        assert isinstance(other, SparseLeakFinder)
        self._hits += other._hits
        self._misses += other._misses
        self._wanted += other._wanted
        self._names |= other._names
        self._include(other)

    @property
    def equal(self) -> npt.NDArray[np.intp]:
        """The features that did."""
        return np.flatnonzero((self._hits == self._wanted) & (self._misses == 0) & (not self._names))
