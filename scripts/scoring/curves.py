"""What a classifier's scores say at every threshold: ROC, precision-recall, and the sweep of figures.

All come from one sort of the scores. Rows with equal scores move over the threshold together, so curves and area are
those of scikit-learn, ties included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

MOST_POINTS: Final = 500


@dataclass(frozen=True)
class Sweep:
    """Counts when everything with a score at or above `thresholds[i]` (descending) is called positive.

    All arrays, and the figures made of them, are (thresholds,); `positives` and `negatives` count the rows.
    """

    thresholds: Doubles
    true_positives: Doubles
    false_positives: Doubles
    positives: int
    negatives: int

    @property
    def recall(self) -> Doubles:
        """The share of the positives that is found."""
        return self.true_positives / max(self.positives, 1)

    @property
    def precision(self) -> Doubles:
        """The share of what is called positive that is."""
        return self.true_positives / (self.true_positives + self.false_positives)

    @property
    def accuracy(self) -> Doubles:
        """The share of all rows that is called rightly."""
        right = self.true_positives + self.negatives - self.false_positives
        return right / (self.positives + self.negatives)

    @property
    def f1(self) -> Doubles:
        """The harmonic mean of precision and recall."""
        return 2 * self.true_positives / (self.true_positives + self.false_positives + self.positives)


def sweep(labels: npt.NDArray[Any], scores: npt.NDArray[Any]) -> Sweep:
    """Every distinct threshold, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(labels[order] == 1, dtype=np.float64)[last]
    positives = int(np.count_nonzero(labels == 1))
    return Sweep(ordered[last], hits, last + 1.0 - hits, positives, len(labels) - positives)


def roc(points: Sweep) -> tuple[Doubles, Doubles]:
    """False and true positive rates, from (0, 0) to (1, 1); points on a straight line are left out."""
    false = np.append(0.0, points.false_positives)
    true = np.append(0.0, points.true_positives)
    if len(false) > 2:
        corner = np.logical_or(np.diff(false, 2), np.diff(true, 2))
        kept = np.flatnonzero(np.concatenate(([True], corner, [True])))
        false, true = false[kept], true[kept]
    return false / max(points.negatives, 1), true / max(points.positives, 1)


def area_under_roc(points: Sweep) -> float:
    """The probability that a positive scores above a negative; NaN where one of the two is missing."""
    if not points.positives or not points.negatives:
        return float("nan")
    false, true = roc(points)
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))


def average_precision(points: Sweep) -> float:
    """The mean precision over the recall that each threshold adds, which is the area under precision and recall."""
    return float(np.sum(np.diff(points.recall, prepend=0.0) * points.precision))


def precision_recall(points: Sweep) -> tuple[Doubles, Doubles]:
    """Precisions and recalls as recall falls, ending at (1, 0) as scikit-learn's do."""
    end = int(np.searchsorted(points.true_positives, points.positives)) + 1
    precisions = np.append(points.precision[:end][::-1], 1.0)
    recalls = np.append(points.recall[:end][::-1], 0.0)
    return precisions, recalls


def thinned(*lines: Doubles) -> list[list[float]]:
    """The lines with at most `MOST_POINTS` points, the first and last among them."""
    count = len(lines[0])
    kept = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))
    return [line[kept].tolist() for line in lines]
