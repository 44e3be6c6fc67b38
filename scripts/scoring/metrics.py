"""The figures of `evaluation.json`, in the format of SageMaker's model quality: one group, by the task.

Each figure is {"value", "standard_deviation"}; the deviation is that of five random samples of 80 % of the rows, and
the string "NaN" below 200 rows, as Model Monitor documents. Figures are computed with NumPy, since importing
scikit-learn's would take longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.scoring.curves import area_under_roc, average_precision, precision_recall, roc, sweep, thinned

Array = npt.NDArray[Any]
Figures = dict[str, float]

BINARY_GROUP: Final = "binary_classification_metrics"
MULTICLASS_GROUP: Final = "multiclass_classification_metrics"
REGRESSION_GROUP: Final = "regression_metrics"

HEADLINES: Final = {
    BINARY_GROUP: ("accuracy", "precision", "recall", "f1", "auc"),
    MULTICLASS_GROUP: ("accuracy", "weighted_precision", "weighted_recall", "weighted_f1"),
    REGRESSION_GROUP: ("mae", "mse", "rmse", "r2"),
}
"""The figures of each group that people look at first."""

_SAMPLES: Final = 5
_SHARE: Final = 0.8
_FEWEST_ROWS: Final = 200
_BETAS: Final = (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))


def binary_metrics(labels: Array, predicted: Array, scores: Array) -> dict[str, Any]:
    """The binary group: `labels` and `predicted` (rows,) of 0 and 1, `scores` (rows,) higher for 1."""
    points = sweep(labels, scores)
    false_rates, true_rates = thinned(*roc(points))
    precisions, recalls = thinned(*precision_recall(points))
    ones = np.ones_like(labels)
    group = {
        "confusion_matrix": _matrix_json(confusion(labels, predicted, 2)),
        **_scalars(binary_figures, labels, predicted, scores),
        **_constant(lambda truth: _binary_quality(truth, ones[: len(truth)]), labels),
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": false_rates,
            "true_positive_rates": true_rates,
        },
        "precision_recall_curve": {"precisions": precisions, "recalls": recalls},
    }
    return {BINARY_GROUP: group}


def multiclass_metrics(labels: Array, predicted: Array, classes: int) -> dict[str, Any]:
    """The multiclass group: averages over classes weighted by their rows; labels are 0 to `classes` - 1."""

    def figures(truth: Array, guess: Array) -> Figures:
        return multiclass_figures(confusion(truth, guess, classes))

    def constant(truth: Array) -> Figures:
        most = np.bincount(truth, minlength=classes).argmax()
        return figures(truth, np.full_like(truth, most))

    group = {
        "confusion_matrix": _matrix_json(confusion(labels, predicted, classes)),
        **_scalars(figures, labels, predicted),
        **_constant(constant, labels),
    }
    return {MULTICLASS_GROUP: group}


def regression_metrics(labels: Array, scores: Array) -> dict[str, Any]:
    """The regression group: errors in the units of the label."""
    return {REGRESSION_GROUP: _scalars(regression_figures, labels, scores)}


def confusion(labels: Array, predicted: Array, classes: int) -> npt.NDArray[np.int64]:
    """(classes, classes): rows by actual class, columns by predicted."""
    flat = labels.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def binary_figures(labels: Array, predicted: Array, scores: Array) -> Figures:
    """The single figures of a binary classifier, each (rows,) as for `binary_metrics`."""
    (tn, fp), (fn, tp) = confusion(labels, predicted, 2).tolist()
    points = sweep(labels, scores)
    return {
        **_binary_quality(labels, predicted),
        "true_positive_rate": _ratio(tp, tp + fn),
        "true_negative_rate": _ratio(tn, tn + fp),
        "false_positive_rate": _ratio(fp, fp + tn),
        "false_negative_rate": _ratio(fn, fn + tp),
        "auc": area_under_roc(points),
        "average_precision": average_precision(points),
    }


def multiclass_figures(matrix: npt.NDArray[np.int64]) -> Figures:
    """The single figures that a confusion matrix (classes, classes) gives."""
    actual = matrix.sum(axis=1)
    weights = actual / actual.sum()
    table = per_class(matrix)
    figures = {"accuracy": float(np.trace(matrix) / actual.sum())}
    return figures | {f"weighted_{name}": float(weights @ values) for name, values in table.items()}


def per_class(matrix: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.float64]]:
    """Recall, precision and F scores of each class against the rest; 0 where there is nothing to divide by."""
    right = np.diag(matrix).astype(np.float64)
    recall = right / np.maximum(matrix.sum(axis=1), 1)
    precision = right / np.maximum(matrix.sum(axis=0), 1)
    scores = {name: _f_score(precision, recall, beta) for name, beta in _BETAS}
    return {"recall": recall, "precision": precision, **scores}


def regression_figures(labels: Array, scores: Array) -> Figures:
    """The single figures of a regressor; `relative_rmse` is a share of the labels' standard deviation.

    That and R² are NaN where all labels are the same.
    """
    errors = scores.astype(np.float64) - labels
    mse = float(np.mean(errors**2))
    spread = float(np.mean((labels - np.mean(labels, dtype=np.float64)) ** 2))
    share = mse / spread if spread else float("nan")
    mae = float(np.mean(np.abs(errors)))
    return {"mae": mae, "mse": mse, "rmse": mse**0.5, "relative_rmse": share**0.5, "r2": 1 - share}


def _binary_quality(labels: Array, predicted: Array) -> Figures:
    (tn, fp), (fn, tp) = confusion(labels, predicted, 2).tolist()
    recall, precision = _ratio(tp, tp + fn), _ratio(tp, tp + fp)
    scores = {name: float(_f_score(np.array(precision), np.array(recall), beta)) for name, beta in _BETAS}
    accuracy = _ratio(tp + tn, tp + tn + fp + fn)
    return {"recall": recall, "precision": precision, "accuracy": accuracy, **scores}


def _f_score(
    precision: npt.NDArray[np.float64], recall: npt.NDArray[np.float64], beta: float
) -> npt.NDArray[np.float64]:
    below = beta**2 * precision + recall
    return np.where(below > 0, (1 + beta**2) * precision * recall / np.where(below > 0, below, 1), 0.0)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _constant(figures: Callable[[Array], Figures], labels: Array) -> dict[str, Any]:
    """The figures of the best classifier that ignores its input, which a model must beat.

    Its answer is always 1 in the binary case: Model Monitor's documented sample gives accuracy 0.25 where one row
    of four is positive. For several classes it is the most frequent one.
    """
    found = _scalars(figures, labels)
    return {f"{name}_best_constant_classifier": value for name, value in found.items()}


def _scalars(figures: Callable[..., Figures], *columns: Array) -> dict[str, Any]:
    """Each figure over all rows, and its deviation over samples of them."""
    rows = len(columns[0])
    values = figures(*columns)
    samples: list[Figures] = []
    if rows >= _FEWEST_ROWS:
        random = np.random.default_rng(0)
        for _ in range(_SAMPLES):
            chosen = random.permutation(rows)[: int(rows * _SHARE)]
            samples.append(figures(*(column[chosen] for column in columns)))
    return {
        name: {"value": value, "standard_deviation": _deviation([sample[name] for sample in samples])}
        for name, value in values.items()
    }


def _deviation(values: list[float]) -> float | str:
    deviation = float(np.std(values, ddof=1)) if values else float("nan")
    return deviation if np.isfinite(deviation) else "NaN"


def _matrix_json(matrix: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    return {
        str(actual): {str(guess): int(count) for guess, count in enumerate(row)} for actual, row in enumerate(matrix)
    }
