"""The figures of a finished model on a channel, from the scores of its rows, part by part: one class a predictor type.

Names and order are those of real logs; scikit-learn computes the same values. All are sums over the rows, and take no
memory for them, but the area under the ROC curve: of too many rows it is that of a sample.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.metric_names import Metric
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS
from pipeline.local.images.linear_learner.threshold_choice import Sample, f_score
from scripts.scoring.scores import softmax

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="roc_auc_score of very many rows",
        here="of more than 1.3 million rows that of a sample, spread evenly and chosen by a fixed seed",
        aws="not established: the public jobs that print it have at most 6,146 rows",
    ),
)

Labels = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]


class Figures(Protocol):
    """Takes in the rows of a channel part by part, then tells its figures."""

    def add(self, score: Floats, predicted: Labels | None, labels: Floats) -> None: ...

    def metrics(self) -> list[Metric]: ...


def figures_of(parameters: Hyperparameters, rows: int) -> Figures:
    """The figures of such a job on a channel of so many rows."""
    if parameters.predictor_type == BINARY:
        return BinaryFigures(parameters, rows)
    return MulticlassFigures(parameters) if parameters.predictor_type == MULTICLASS else RegressionFigures()


class BinaryFigures:
    """Figures of a binary classifier; roc_auc_score only where both classes are there."""

    def __init__(self, parameters: Hyperparameters, rows: int) -> None:
        self._f_beta = parameters.f_beta
        # Rows by what they are and what they were taken for.
        self._counts = np.zeros((2, 2), np.int64)
        self._sample = Sample(rows, 1)

    def add(self, score: Floats, predicted: Labels | None, labels: Floats) -> None:
        assert predicted is not None
        self._counts += np.bincount(2 * (labels > 0) + (predicted > 0), minlength=4).reshape(2, 2)
        self._sample.add(score[:, np.newaxis], labels)

    def metrics(self) -> list[Metric]:
        (right, false), (missed, hits) = self._counts.tolist()
        precision = hits / max(hits + false, 1)
        recall = hits / max(hits + missed, 1)
        f_beta = f_score(np.array(precision), np.array(recall), self._f_beta)
        figures = [
            Metric("binary_classification_accuracy", (right + hits) / max(right + false + missed + hits, 1)),
            Metric(f"binary_f_{self._f_beta:.3f}", float(f_beta)),
            Metric("precision", precision),
            Metric("recall", recall),
        ]
        (score,), labels = self._sample.taken
        truth = labels > 0
        if truth.any() and not truth.all():
            figures.append(Metric("roc_auc_score", roc_auc(score, truth)))
        return figures


def roc_auc(score: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counted half."""
    high, low = np.sort(score[truth]), np.sort(score[~truth])
    below = np.searchsorted(low, high, side="left").astype(np.float64)
    at_most = np.searchsorted(low, high, side="right")
    return float((below + at_most).sum() / (2.0 * len(high) * len(low)))


class MulticlassFigures:
    """Figures of a multiclass classifier from its class probabilities (rows, classes)."""

    def __init__(self, parameters: Hyperparameters) -> None:
        self._parameters = parameters
        classes = parameters.num_classes
        self._support, self._chosen, self._hits = (np.zeros(classes, np.int64) for _ in range(3))
        self._top = 0
        self._gain = self._log_loss = 0.0

    def add(self, score: Floats, predicted: Labels | None, labels: Floats) -> None:
        assert predicted is not None
        truth = labels.astype(np.int64)
        own = np.take_along_axis(score, truth[:, np.newaxis], axis=1)
        rank = 1 + (score > own).sum(axis=1)
        self._top += int((rank <= self._parameters.accuracy_top_k).sum())
        self._gain += float((1 / np.log2(1 + rank)).sum())
        # The container takes the softmax of what already is one: .62 beside a cross entropy of .18 in a real log.
        twice = np.take_along_axis(softmax(score), truth[:, np.newaxis], axis=1)
        self._log_loss -= float(np.log(twice).sum(dtype=np.float64))
        for counts, classes in (
            (self._support, truth),
            (self._chosen, predicted),
            (self._hits, truth[truth == predicted]),
        ):
            counts += np.bincount(classes, minlength=len(counts))

    def metrics(self) -> list[Metric]:
        parameters = self._parameters
        support, chosen, hits = self._support, self._chosen, self._hits
        rows = int(support.sum())
        recall, precision = hits / np.maximum(support, 1), hits / np.maximum(chosen, 1)
        f_beta = f_score(precision, recall, parameters.f_beta)
        known = (support > 0) | (chosen > 0)
        return [
            Metric("multiclass_accuracy", float(hits.sum() / rows)),
            Metric(f"multiclass_top_k_accuracy_{parameters.accuracy_top_k}", self._top / rows),
            Metric("dcg", self._gain / rows),
            Metric("macro_recall", _single(recall[known].mean())),
            Metric("macro_precision", _single(precision[known].mean())),
            Metric(f"macro_f_{parameters.f_beta:.3f}", _single(f_beta[known].mean())),
            Metric("multiclass_balanced_accuracy", float(recall[support > 0].mean())),
            Metric("multiclass_log_loss", self._log_loss / rows),
        ]


class RegressionFigures:
    """Figures of a regressor, in the units of the labels."""

    def __init__(self) -> None:
        self._count = 0
        self._square = self._absolute = 0.0
        # Mean of the labels, and the sum of their squared distances from it.
        self._mean = self._spread = 0.0

    def add(self, score: Floats, predicted: Labels | None, labels: Floats) -> None:
        error = score.astype(np.float64) - labels
        self._square += float((error * error).sum())
        self._absolute += float(np.abs(error).sum())
        own = float(labels.mean(dtype=np.float64))
        count, total = len(labels), self._count + len(labels)
        self._spread += float(((labels - own) ** 2).sum(dtype=np.float64))
        self._spread += (own - self._mean) ** 2 * (self._count * count / total)
        self._mean += (own - self._mean) * (count / total)
        self._count = total

    def metrics(self) -> list[Metric]:
        mse, absolute = self._square / self._count, self._absolute / self._count
        return [
            Metric("mse", mse, is_loss=True),
            Metric("absolute_loss", absolute, is_loss=True),
            Metric("rmse", float(np.sqrt(mse)), is_loss=True),
            Metric("r2", 1 - self._square / self._spread if self._spread > 0 else 0.0, is_loss=True),
            Metric("mae", absolute, is_loss=True),
        ]


def _single(value: Any) -> float:
    """A figure that the container computes in float32."""
    return float(np.float32(value))
