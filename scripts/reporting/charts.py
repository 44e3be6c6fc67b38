"""The charts of a model's quality: curves, scores and residuals, each as the bytes of a PNG.

What they show is worked out by `scripts.scoring.curves`; how they look is `scripts.reporting.pictures`' business.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.reporting.pictures import BLUE, INK, MUTED, ORANGE, SERIES, binned, legend, new_axes, new_figure, png
from scripts.scoring.curves import Sweep, area_under_roc, average_precision, precision_recall, roc, thinned

Array = npt.NDArray[Any]


def roc_chart(points: Sweep, operating: tuple[float, float]) -> bytes:
    """The ROC curve; `operating` is (false positive rate, true positive rate) of the labels as predicted."""
    figure = new_figure(4.6, 3.9, f"ROC, area {area_under_roc(points):.4f}")
    axes = new_axes(figure, "false positive rate", "true positive rate (recall)")
    false, true = thinned(*roc(points))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 4)))
    axes.fill_between(false, true, color=BLUE, alpha=0.08, linewidth=0)
    axes.plot(false, true, color=BLUE, linewidth=2)
    axes.plot(*operating, "o", color=ORANGE, markersize=7, label="as predicted", clip_on=False)
    _unit(axes)
    legend(axes, "lower right")
    return png(figure)


def precision_recall_chart(points: Sweep, operating: tuple[float, float]) -> bytes:
    """Precision over recall; `operating` is (recall, precision) of the labels as predicted."""
    figure = new_figure(4.6, 3.9, f"Precision and recall, area {average_precision(points):.4f}")
    axes = new_axes(figure, "recall", "precision")
    precisions, recalls = thinned(*precision_recall(points))
    share = points.positives / (points.positives + points.negatives)
    axes.axhline(share, color=MUTED, linewidth=0.9, linestyle=(0, (4, 4)))
    axes.text(0.5, share + 0.012, f"by chance {share:.3f}", size=8, color=MUTED, ha="center")
    axes.plot(recalls, precisions, color=BLUE, linewidth=2)
    axes.plot(*operating, "o", color=ORANGE, markersize=7, label="as predicted", clip_on=False)
    _unit(axes)
    legend(axes, "lower left")
    return png(figure)


def threshold_chart(points: Sweep, threshold: float) -> bytes:
    """Precision, recall, F1 and accuracy as the threshold moves; the model's own is marked."""
    figure = new_figure(4.6, 3.9, "Moving the threshold")
    axes = new_axes(figure, "threshold on the score", "", (0.55, 0.55, 0.2, 0.85))
    lines = thinned(points.thresholds, points.precision, points.recall, points.f1, points.accuracy)
    names = ("precision", "recall", "F1", "accuracy")
    for line, name, color in zip(lines[1:], names, SERIES, strict=True):
        axes.step(lines[0], line, color=color, linewidth=1.6, label=name, where="post")
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    _unit(axes, x=_is_probability(points.thresholds))
    rightmost = threshold > sum(axes.get_xlim()) / 2
    axes.annotate(
        f"model's: {threshold:.3g}",
        (threshold, 0.02),
        xytext=(-4 if rightmost else 4, 0),
        textcoords="offset points",
        size=8,
        color=INK,
        ha="right" if rightmost else "left",
    )
    legend(axes)
    return png(figure)


def calibration_chart(scores: Array, labels: Array) -> bytes | None:
    """How often rows of about one score are positive: tenths of the rows by score. None where scores are no
    probabilities."""
    if not _is_probability(scores):
        return None
    tenths = [part for part in np.array_split(np.argsort(scores, kind="stable"), 10) if len(part)]
    figure = new_figure(4.6, 3.9, "Can the scores be taken at their word?")
    axes = new_axes(figure, "mean score of a tenth of the rows", "share that is positive")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 4)))
    means = [float(scores[part].mean()) for part in tenths]
    axes.plot(means, [float(labels[part].mean()) for part in tenths], "o-", color=BLUE, linewidth=1.6, clip_on=False)
    _unit(axes)
    return png(figure)


def score_chart(scores: Array, labels: Array, threshold: float) -> bytes:
    """How both classes' scores are spread, on a logarithmic axis, where the few that overlap can be seen."""
    figure = new_figure(4.6, 3.9, "Scores of both classes")
    axes = new_axes(figure, "score", "rows, logarithmic", (0.72, 0.55, 0.2, 0.85))
    span = (0.0, 1.0) if _is_probability(scores) else (float(scores.min()), float(scores.max()))
    edges = np.linspace(*span, 41) if span[0] < span[1] else np.array([span[0] - 0.5, span[0] + 0.5])
    for label, name, color in ((0, "negative", BLUE), (1, "positive", ORANGE)):
        _histogram(axes, scores[labels == label], edges, name, color)
    _logarithmic(axes)
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (2, 2)), label="threshold")
    axes.grid(False, axis="x")
    legend(axes)
    return png(figure)


def confidence_chart(confidence: Array, right: Array) -> bytes:
    """Several classes: the highest score of each row, for right and wrong answers."""
    figure = new_figure(4.6, 3.9, "How sure the model was")
    axes = new_axes(figure, "score of the predicted class", "rows, logarithmic", (0.72, 0.55, 0.2, 0.85))
    edges = np.linspace(min(0.0, float(confidence.min())), max(1.0, float(confidence.max())), 41)
    for chosen, name, color in ((right, "right", BLUE), (~right, "wrong", ORANGE)):
        _histogram(axes, confidence[chosen], edges, name, color)
    _logarithmic(axes)
    axes.grid(False, axis="x")
    legend(axes)
    return png(figure)


def predicted_chart(labels: Array, scores: Array) -> bytes:
    """Regression: predicted over actual, with the line on which both are equal."""
    figure = new_figure(4.6, 3.9, "Predicted and actual")
    axes = new_axes(figure, "actual", "predicted")
    low, high = float(min(labels.min(), scores.min())), float(max(labels.max(), scores.max()))
    _cloud(axes, labels, scores)
    axes.plot([low, high], [low, high], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    return png(figure)


def residual_chart(labels: Array, scores: Array) -> bytes:
    """Regression: the error over the prediction; a pattern means that a straight model misses something."""
    figure = new_figure(4.6, 3.9, "Residuals over predictions")
    axes = new_axes(figure, "predicted", "predicted − actual")
    _cloud(axes, scores, scores - labels)
    axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    return png(figure)


def residual_histogram(labels: Array, scores: Array) -> bytes:
    """Regression: how the errors are spread, beside the normal curve of the same mean and deviation."""
    errors = scores - labels
    figure = new_figure(4.6, 3.9, "Spread of the residuals")
    axes = new_axes(figure, "predicted − actual", "rows")
    mean, deviation = float(errors.mean()), float(errors.std())
    counts, edges = binned(errors, 40)
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.55)
    if deviation > 0:
        line = np.linspace(edges[0], edges[-1], 200)
        height = len(errors) * (edges[1] - edges[0]) / (deviation * np.sqrt(2 * np.pi))
        curve = height * np.exp(-((line - mean) ** 2) / (2 * deviation**2))
        axes.plot(line, curve, color=INK, linewidth=1.1, label="normal curve")
        legend(axes, "upper right")
    axes.grid(False, axis="x")
    return png(figure)


def _cloud(axes: Any, x: Array, y: Array) -> None:
    few = len(x) <= 2000
    axes.plot(x, y, "o", color=BLUE, markersize=4 if few else 2, alpha=0.45 if few else 0.15, markeredgewidth=0)


def _histogram(axes: Any, values: Array, edges: Array, name: str, color: str) -> None:
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts, edges, fill=True, color=color, alpha=0.45, label=name)
    axes.stairs(counts, edges, color=color, linewidth=1.2)


def _logarithmic(axes: Any) -> None:
    """Counts from 1, the ticks written as plain numbers: more of them where one power of ten would be alone."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    axes.set_ylim(0.7, None)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if axes.get_ylim()[1] < 100 else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _unit(axes: Any, *, x: bool = True) -> None:
    """Axes from 0 to 1; x, as far as it is that of a share."""
    axes.set_ylim(-0.01, 1.02)
    if x:
        axes.set_xlim(-0.01, 1.01)


def _is_probability(scores: Array) -> bool:
    return bool(scores.min() >= 0 and scores.max() <= 1)
