"""The figures of a finished model on a channel, from its scores: one function a type of predictor.

Names and order are those of real logs; scikit-learn computes the same values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.calibration import f_score
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.metrics import Metric
from pipeline.local.images.linear_learner.model import Floats
from scripts.scores import softmax


def binary_metrics(
    score: Floats, predicted: npt.NDArray[np.int64], labels: Floats, parameters: Hyperparameters
) -> list[Metric]:
    """Figures of a binary classifier; roc_auc_score only where both classes are there."""
    truth = labels > 0
    positive = predicted > 0
    hits = int((truth & positive).sum())
    precision = hits / max(int(positive.sum()), 1)
    recall = hits / max(int(truth.sum()), 1)
    f_beta = f_score(np.array(precision), np.array(recall), parameters.f_beta)
    figures = [
        Metric("binary_classification_accuracy", float((truth == positive).mean())),
        Metric(f"binary_f_{parameters.f_beta:.3f}", float(f_beta)),
        Metric("precision", precision),
        Metric("recall", recall),
    ]
    if truth.any() and not truth.all():
        figures.append(Metric("roc_auc_score", roc_auc(score, truth)))
    return figures


def roc_auc(score: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counted half."""
    high, low = np.sort(score[truth]), np.sort(score[~truth])
    below = np.searchsorted(low, high, side="left").astype(np.float64)
    at_most = np.searchsorted(low, high, side="right")
    return float((below + at_most).sum() / (2.0 * len(high) * len(low)))


def multiclass_metrics(score: Floats, labels: Floats, parameters: Hyperparameters) -> list[Metric]:
    """Figures of a multiclass classifier from its class probabilities (rows, classes)."""
    truth = labels.astype(np.int64)
    predicted = np.argmax(score, axis=1)
    own = np.take_along_axis(score, truth[:, np.newaxis], axis=1)
    rank = 1 + (score > own).sum(axis=1)
    classes = parameters.num_classes
    support = np.bincount(truth, minlength=classes)
    chosen = np.bincount(predicted, minlength=classes)
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    recall, precision = hits / np.maximum(support, 1), hits / np.maximum(chosen, 1)
    f_beta = f_score(precision, recall, parameters.f_beta)
    known = (support > 0) | (chosen > 0)
    # The container takes the softmax of what already is one: .62 beside a cross entropy of .18 in a real log.
    twice = np.take_along_axis(softmax(score), truth[:, np.newaxis], axis=1)
    return [
        Metric("multiclass_accuracy", float((predicted == truth).mean())),
        Metric(
            f"multiclass_top_k_accuracy_{parameters.accuracy_top_k}",
            float((rank <= parameters.accuracy_top_k).mean()),
        ),
        Metric("dcg", float((1 / np.log2(1 + rank)).mean())),
        Metric("macro_recall", _single(recall[known].mean())),
        Metric("macro_precision", _single(precision[known].mean())),
        Metric(f"macro_f_{parameters.f_beta:.3f}", _single(f_beta[known].mean())),
        Metric("multiclass_balanced_accuracy", float(recall[support > 0].mean())),
        Metric("multiclass_log_loss", float(-np.log(twice).mean(dtype=np.float64))),
    ]


def regression_metrics(score: Floats, labels: Floats) -> list[Metric]:
    """Figures of a regressor, in the units of the labels."""
    error = score.astype(np.float64) - labels
    mse = float(np.mean(error * error))
    absolute = float(np.abs(error).mean())
    variance = float(np.var(labels, dtype=np.float64))
    return [
        Metric("mse", mse, is_loss=True),
        Metric("absolute_loss", absolute, is_loss=True),
        Metric("rmse", float(np.sqrt(mse)), is_loss=True),
        Metric("r2", 1 - mse / variance if variance > 0 else 0.0, is_loss=True),
        Metric("mae", absolute, is_loss=True),
    ]


def _single(value: float) -> float:
    """A figure that the container computes in float32."""
    return float(np.float32(value))
