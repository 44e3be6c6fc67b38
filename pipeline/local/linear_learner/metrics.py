"""The metrics of a finished model on a channel, and the definitions by which the service reads them from the log.

Names and order are those of real logs. A loss carries the mark `<loss>`, anything else `<score>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.local.linear_learner.calibration import f_score
from pipeline.local.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.linear_learner.model import BINARY, MULTICLASS, REGRESSOR, Floats
from pipeline.local.parity import Row

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="names of the objectives of hinge and of regression losses other than squared",
        here="the name of the loss followed by _objective",
        aws="not established; the metric definitions need a name that ends so",
    ),
    Row(
        area="linear-learner",
        subject="final metrics of newer containers",
        here="binary and regressor as of 2020 with roc_auc_score and rmse, multiclass as of 2024",
        aws="documented: roc_auc_score and rmse; the whole list since 2021 is not established",
    ),
)

_OBJECTIVES: Final = {
    "logistic": "binary_classification_cross_entropy_objective",
    "softmax_loss": "multiclass_cross_entropy_objective",
    "squared_loss": "mse_objective",
}
_CHANNELS: Final = ("train", "validation", "test")
_VALUE: Final = r"(\S+)"


@dataclass(frozen=True)
class Metric:
    """One final figure as the log names it."""

    name: str
    value: float
    is_loss: bool = False

    @property
    def mark(self) -> str:
        return "<loss>" if self.is_loss else "<score>"


def objective_name(loss: str) -> str:
    """What the log calls the objective of a loss."""
    return _OBJECTIVES.get(loss, f"{loss}_objective")


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
    log_loss = -np.log(np.maximum(own[:, 0], np.finfo(np.float32).tiny)).mean(dtype=np.float64)
    return [
        Metric("multiclass_accuracy", float((predicted == truth).mean())),
        Metric(
            f"multiclass_top_k_accuracy_{parameters.accuracy_top_k}",
            float((rank <= parameters.accuracy_top_k).mean()),
        ),
        Metric("dcg", float((1 / np.log2(1 + rank)).mean())),
        Metric("macro_recall", float(recall[known].mean())),
        Metric("macro_precision", float(precision[known].mean())),
        Metric(f"macro_f_{parameters.f_beta:.3f}", float(f_beta[known].mean())),
        Metric("multiclass_balanced_accuracy", float(recall[support > 0].mean())),
        Metric("multiclass_log_loss", float(log_loss)),
    ]


def regression_metrics(score: Floats, labels: Floats) -> list[Metric]:
    """Figures of a regressor, in the units of the labels."""
    error = score.astype(np.float64) - labels
    mse = float(np.mean(error * error))
    return [
        Metric("mse", mse, is_loss=True),
        Metric("absolute_loss", float(np.abs(error).mean()), is_loss=True),
        Metric("rmse", float(np.sqrt(mse)), is_loss=True),
    ]


def metric_definitions(predictor_type: str) -> list[dict[str, str]]:
    """The MetricDefinitions that the service attaches to a training job of linear-learner: Name and Regex."""
    rows = [
        ("train:progress", rf"#progress_metric: host=\S+, completed {_VALUE} %"),
        ("train:throughput", rf"#throughput_metric: host=\S+, train throughput={_VALUE} records/second"),
    ]
    for channel in _CHANNELS:
        rows += _objective_definitions(channel)
        rows += [
            (f"{channel}:{name}", rf"#quality_metric: host=\S+, {channel} {printed}={_VALUE}")
            for name, printed in _PRINTED[predictor_type]
            if channel != "train" or name in _ALSO_FOR_TRAIN
        ]
    return [{"Name": name, "Regex": regex} for name, regex in rows]


def _objective_definitions(channel: str) -> list[tuple[str, str]]:
    final = rf"#quality_metric: host=\S+, {channel} \S+_objective <loss>={_VALUE}"
    if channel == "test":
        return [("test:objective_loss", final)]
    running = rf"#quality_metric: host=\S+, epoch=\S+, {channel} \S+_objective <loss>={_VALUE}"
    return [(f"{channel}:objective_loss", running), (f"{channel}:objective_loss:final", final)]


_ALSO_FOR_TRAIN: Final = (
    "binary_classification_accuracy",
    "binary_f_beta",
    "precision",
    "recall",
    "mse",
    "absolute_loss",
)
_PRINTED: Final = {
    BINARY: (
        ("binary_classification_accuracy", "binary_classification_accuracy <score>"),
        ("binary_f_beta", r"binary_f_\S+ <score>"),
        ("precision", "precision <score>"),
        ("recall", "recall <score>"),
        ("roc_auc_score", "roc_auc_score <score>"),
    ),
    MULTICLASS: (
        ("multiclass_accuracy", "multiclass_accuracy <score>"),
        ("multiclass_top_k_accuracy", r"multiclass_top_k_accuracy_\S+ <score>"),
        ("dcg", "dcg <score>"),
        ("macro_recall", "macro_recall <score>"),
        ("macro_precision", "macro_precision <score>"),
        ("macro_f_beta", r"macro_f_\S+ <score>"),
    ),
    REGRESSOR: (
        ("mse", "mse <loss>"),
        ("absolute_loss", "absolute_loss <loss>"),
        ("rmse", "rmse <loss>"),
    ),
}
