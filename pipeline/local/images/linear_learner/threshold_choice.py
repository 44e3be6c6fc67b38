"""The threshold of a binary classifier, and what a model is worth, by the documented selection criteria.

For every criterion the best threshold lies just below the score of a positive: between two positives a higher one
only removes false positives. So one sort of each class is all that a model costs, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="ties of the threshold and between models",
        here="the threshold lies midway between two neighbouring scores; of thresholds that the sample cannot tell "
        "apart (for accuracy: one row) the one nearest to the natural 0.5; of equally good models that of lower loss",
        aws="not established; a real job's accuracy at its threshold was one row below the best it had sampled",
    ),
    Row(
        area="linear-learner",
        subject="threshold where models are compared by their loss",
        here="0.5",
        aws="not established: no artefact of such a binary classifier is public; those of regressors hold 0.5",
    ),
    Row(
        area="linear-learner",
        subject="target precision that no threshold reaches",
        here="the model counts 0, its threshold is the one of highest precision",
        aws="not established: no job is public that says so of itself",
    ),
    Row(
        area="linear-learner",
        subject="recall_at_target_precision",
        here="the precision of the sample is at least target_precision",
        aws="a real job with a target of 0.9 and no validation printed a precision of 0.832 of its own rows: it "
        "was met on other rows, or nearly; its rows are not public, so which is not established",
    ),
    Row(
        area="linear-learner",
        subject="calibration sample",
        here="the first num_calibration_samples rows of validation, else of train; auto means all of them. Of more "
        "than can be held (600,000 with 32 models) as many as can, spread evenly and chosen by a fixed seed",
        aws="the container's default is 10000000, and a real job took all its 6,146 rows of validation; how fewer than "
        "there are would be drawn is not established",
    ),
)

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ACCURACY: Final = "accuracy"
F_BETA: Final = "f_beta"
PRECISION: Final = "precision_at_target_recall"
RECALL: Final = "recall_at_target_precision"
LOSS: Final = "loss_function"
NATURAL_CUT: Final = 0.5
SAMPLE_NUMBERS: Final = 1 << 25
"""How many numbers a sample of rows may take: 128 MB."""
# What else a row takes while the scores of a model are sorted, in numbers.
_SORTED: Final = 24
_SYNONYMS: Final = {"f1": F_BETA, "cross_entropy_loss": LOSS}


@dataclass(frozen=True)
class Criterion:
    """A selection criterion with its parameters."""

    name: str
    f_beta: float = 1.0
    target_recall: float = 0.8
    target_precision: float = 0.8

    @classmethod
    def of(cls, parameters: Hyperparameters) -> Criterion:
        """The criterion that the hyperparameters name; the names of 2017 are understood."""
        given = parameters.binary_classifier_model_selection_criteria
        beta = 1.0 if given == "f1" else parameters.f_beta
        name = _SYNONYMS.get(given, given)
        return cls(name, beta, parameters.target_recall, parameters.target_precision)

    @property
    def is_loss(self) -> bool:
        """Whether models are compared by their loss, and no threshold is sought."""
        return self.name == LOSS

    def resolution(self, rows: int) -> float:
        """The difference below which two cuts count as equally good on so many rows."""
        return 1.5 / rows if self.name == ACCURACY else 1e-12

    def values(self, positives: Counts, negatives: Counts, total: tuple[int, int]) -> Doubles:
        """What a cut is worth, given how many positives and negatives lie above it; -1 where it misses its target."""
        every_positive, every_negative = total
        precision = positives / np.maximum(positives + negatives, 1)
        recall = positives / max(every_positive, 1)
        if self.name == ACCURACY:
            return np.asarray((positives + every_negative - negatives) / (every_positive + every_negative))
        if self.name == PRECISION:
            return np.where(recall >= self.target_recall, precision, -1.0)
        if self.name == RECALL:
            return np.where(precision >= self.target_precision, recall, -1.0 + precision / 2)
        return f_score(precision, recall, self.f_beta)


def f_score(precision: Doubles, recall: Doubles, beta: float) -> Doubles:
    """F of weight beta, 0 where both are 0."""
    square = beta * beta
    below = square * precision + recall
    return np.asarray((1 + square) * precision * recall / np.where(below > 0, below, 1.0))


class Sample:
    """The rows whose scores are held at once, of so many rows passed over in order: all of them if they are not many.

    Of too many, one of every few neighbours is taken, by chance with a fixed seed, so no order of the rows misleads.
    """

    def __init__(self, rows: int, columns: int) -> None:
        step = -(-rows * (columns + _SORTED) // SAMPLE_NUMBERS)
        count = rows // step
        own = np.random.default_rng(0).integers(0, step, count) if step > 1 else 0
        self._chosen = np.arange(count) * step + own
        self._scores = np.empty((columns, count), np.float32)
        self._labels = np.empty(count, np.float32)
        self._passed = self._taken = 0

    def add(self, scores: Floats, labels: Floats) -> None:
        """Pass over rows: scores (rows, columns) and labels."""
        end = int(np.searchsorted(self._chosen, self._passed + len(labels)))
        own = self._chosen[self._taken : end] - self._passed
        self._scores[:, self._taken : end] = scores[own].T
        self._labels[self._taken : end] = labels[own]
        self._passed += len(labels)
        self._taken = end

    @property
    def taken(self) -> tuple[Floats, Floats]:
        """What was taken: scores (columns, rows), a column's side by side, and labels."""
        return self._scores[:, : self._taken], self._labels[: self._taken]


def calibrate(scores: Floats, labels: Floats, criterion: Criterion) -> tuple[Doubles, Floats]:
    """Worth and threshold of each model: scores (models, rows), labels 0 and 1 (rows,); both results (models,).

    A row is predicted 1 where its score is above the threshold. Worth is -inf for scores that are not finite.
    """
    positive = labels > 0
    worth = np.empty(len(scores))
    thresholds = np.empty(len(scores), np.float32)
    for model, own in enumerate(scores):
        worth[model], thresholds[model] = _best_cut(own[positive], own[~positive], criterion)
    return worth, thresholds


def _best_cut(positives: Floats, negatives: Floats, criterion: Criterion) -> tuple[float, np.float32]:
    high, low = np.sort(positives), np.sort(negatives)
    if not (np.isfinite(high).all() and np.isfinite(low).all()):
        return -np.inf, np.float32(0.5)
    cuts = np.concatenate([high, [np.float32(np.inf)]])
    above = len(high) - np.searchsorted(high, cuts, side="left")
    false = len(low) - np.searchsorted(low, cuts, side="left")
    values = criterion.values(above, false, (len(high), len(low)))
    best = float(values.max())
    equal = values >= best - criterion.resolution(len(high) + len(low))
    # The thresholds of neighbouring cuts are neighbours: the nearest one is that of a cut on either side.
    good = np.unique(cuts[equal])
    middle = int(np.searchsorted(good, NATURAL_CUT))
    thresholds = [_between(high, low, cut) for cut in good[max(0, middle - 1) : middle + 2]]
    return max(0.0, best), min(thresholds, key=lambda threshold: abs(threshold - NATURAL_CUT))


def _between(high: Floats, low: Floats, cut: np.float32) -> np.float32:
    """A threshold below `cut` and not below the next lower score, midway where float32 has something midway."""
    lower = [part[at - 1] for part in (high, low) if (at := np.searchsorted(part, cut, side="left")) > 0]
    if not lower:
        return np.float32(np.nextafter(cut, np.float32(-np.inf)))
    next_lower = max(lower)
    if not np.isfinite(cut):
        return np.float32(next_lower)
    middle = np.float32((np.float64(next_lower) + np.float64(cut)) / 2)
    return middle if next_lower <= middle < cut else np.float32(next_lower)
