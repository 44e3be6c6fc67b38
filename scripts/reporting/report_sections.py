"""What the report says of each task: sections of text, pictures and tables.

`scripts.reporting.evaluation_page` makes a page of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.reporting import charts
from scripts.reporting.confusion_chart import confusion_chart
from scripts.reporting.pictures import bars, image_grid
from scripts.reporting.report_section import Section, amount
from scripts.scoring.curves import sweep
from scripts.scoring.metrics import confusion, per_class
from scripts.scoring.predictions import Answers, cell_rows, class_count, feature_rows
from scripts.scoring.sparse_rows import are_sparse
from scripts.splitting.classes import shown_names

Array = npt.NDArray[Any]
Beside = tuple[int, str]

_WORST: Final = 20


def binary_sections(
    answers: Answers,
    labels: Array,
    features: Path,
    classes: Sequence[str] = (),
    beside: Sequence[Beside] = (),
    side: int | None = None,
) -> list[Section]:
    """Two classes: right and wrong, every threshold, the surest mistakes; `features` is the folder of the rows.

    `beside` are the features, by index and name, whose values stand beside a mistake; `side` is that of the images that
    the rows are, if they are.
    """
    scores, predicted, truth = answers.scores, _labels(answers), labels.astype(np.int64)
    (tn, fp), (fn, tp) = confusion(truth, predicted, 2).tolist()
    points = sweep(truth, scores)
    threshold = threshold_of(scores, predicted)
    recall = tp / max(tp + fn, 1)
    matrix = confusion(truth, predicted, 2)
    chart = charts.calibration_chart(scores, truth)
    calibration = {} if chart is None else {"calibration.png": chart}
    return [
        Section(
            "Right and wrong",
            f"{_positive(classes)}{tp + fn:,} positive rows: {tp:,} found, {fn:,} missed. {tn + fp:,} negative rows: "
            f"{tn:,} called negative, {fp:,} called positive.",
            {
                "confusion.png": confusion_chart(matrix, shown_names(classes, 2)),
                "scores.png": charts.score_chart(scores, truth, threshold),
            },
        ),
        Section(
            "Every threshold",
            "The model's own threshold was chosen on the validation data; these curves show what any other would give.",
            {
                "roc.png": charts.roc_chart(points, (fp / max(tn + fp, 1), recall)),
                "precision_recall.png": charts.precision_recall_chart(points, (recall, tp / max(tp + fp, 1))),
                "thresholds.png": charts.threshold_chart(points, threshold),
                **calibration,
            },
        ),
        *_binary_mistakes(scores, predicted, truth, features, beside, side),
    ]


def multiclass_sections(
    answers: Answers,
    labels: Array,
    features: Path,
    classes: Sequence[str] = (),
    beside: Sequence[Beside] = (),
    side: int | None = None,
) -> list[Section]:
    """Several classes: the matrix, each class against the rest, the surest mistakes."""
    predicted, truth = _labels(answers), labels.astype(np.int64)
    width = answers.scores.shape[1] if answers.scores.ndim == 2 else 0
    matrix = confusion(truth, predicted, class_count(answers, truth, len(classes)))
    names = shown_names(classes, len(matrix))
    table, actual, found = per_class(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    confidence = answers.scores.max(axis=1) if width else np.ones(len(truth))
    right = predicted == truth
    rows = [
        [name, f"{actual[index]:,}", f"{matrix[index, index]:,}"]
        + [f"{table[key][index]:.4f}" if known else "–" for key, known in _known(actual[index], found[index]).items()]
        for index, name in enumerate(names)
    ]
    pictures = {"confusion.png": confusion_chart(matrix, names)}
    per = {"confidence.png": charts.confidence_chart(confidence, right)}
    if len(names) <= 20:
        series = [(key, table[key].tolist()) for key in ("precision", "recall")]
        per["classes.png"] = bars(names, series, title="Precision and recall of each class", y="", form="{:.2f}")
    worst = np.flatnonzero(~right)
    worst = worst[np.argsort(-confidence[worst], kind="stable")][:_WORST]
    captions = [f"{names[truth[row]]} → {names[predicted[row]]} ({confidence[row]:.2f})" for row in worst]
    return [
        Section(
            "Right and wrong",
            f"{int(right.sum()):,} of {len(truth):,} rows are right. A row of the matrix is an actual class, a column "
            "a predicted one.",
            pictures,
        ),
        Section(
            "Each class",
            "Each class against all others.",
            per,
            [["class", "rows", "right", "precision", "recall", "F1"], *rows],
        ),
        *_mistakes(
            [("actual → predicted (score)", worst, captions)],
            features,
            "The mistakes the model was surest of.",
            beside,
            side,
        ),
    ]


def _known(actual: int, predicted: int) -> dict[str, bool]:
    """Which figures a class has: none to recall without rows, none to be precise about without predictions."""
    return {"precision": predicted > 0, "recall": actual > 0, "f1": actual + predicted > 0}


def regression_sections(
    answers: Answers, labels: Array, features: Path, beside: Sequence[Beside] = (), side: int | None = None
) -> list[Section]:
    """Amounts: predictions over truth, residuals, the rows that are farthest off."""
    scores = answers.scores
    worst = np.argsort(-np.abs(scores - labels), kind="stable")[:_WORST]
    captions = [f"{amount(labels[row])} → {amount(scores[row])}" for row in worst]
    return [
        Section(
            "Predicted and actual",
            "Each point is a test row; on the dashed line the prediction is right.",
            {
                "predicted.png": charts.predicted_chart(labels, scores),
                "residuals.png": charts.residual_chart(labels, scores),
                "residual_histogram.png": charts.residual_histogram(labels, scores),
            },
        ),
        *_mistakes(
            [("actual → predicted", worst, captions)],
            features,
            "The predictions farthest from the truth.",
            beside,
            side,
        ),
    ]


def threshold_of(scores: Array, predicted: Array) -> float:
    """The threshold that the answers show: halfway between the highest 0 and the lowest 1."""
    high, low = scores[predicted == 0], scores[predicted == 1]
    if not len(high):
        return float(low.min())
    if not len(low):
        return float(high.max())
    return float((high.max() + low.min()) / 2)


def _positive(classes: Sequence[str]) -> str:
    return f"Positive means {classes[1]!r}. " if classes else ""


def _binary_mistakes(
    scores: Array, predicted: Array, truth: Array, features: Path, beside: Sequence[Beside], side: int | None
) -> list[Section]:
    groups = []
    for actual, name in ((0, "Called positive, but negative"), (1, "Called negative, but positive")):
        rows = np.flatnonzero((truth == actual) & (predicted != actual))
        order = np.argsort(scores[rows] if actual else -scores[rows], kind="stable")
        worst = rows[order][:_WORST]
        groups.append((f"{name} ({len(rows):,})", worst, [f"score {scores[row]:.3f}" for row in worst]))
    return _mistakes(groups, features, "The mistakes the model was surest of.", beside, side)


def _mistakes(
    groups: Sequence[tuple[str, Array, Sequence[str]]],
    features: Path,
    text: str,
    beside: Sequence[Beside],
    side: int | None,
) -> list[Section]:
    """The chosen rows as pictures, or as a table where they are no images; nothing where there are none."""
    rows = [int(row) for _, chosen, _ in groups for row in chosen]
    if not rows:
        return []
    found = feature_rows(features, rows)
    if side is None or len(found) < len(set(rows)):
        lone = len(groups) == 1
        row = "record of features.recordio" if are_sparse(features) else "line of features.csv"
        head = [row, groups[0][0]] if lone else [row, "kind", "answer"]
        head += [name for _, name in beside]
        own = {row: [f"{values[index]:.6g}" for index, _ in beside] for row, values in found.items()}
        if not found:
            own = {row: [cells[index] for index, _ in beside] for row, cells in cell_rows(features, rows).items()}
        table = [
            [str(row + 1), *([] if lone else [heading.partition(" (")[0]]), caption, *own.get(row, ())]
            for heading, chosen, captions in groups
            for row, caption in zip(chosen.tolist(), captions, strict=True)
        ]
        return [Section("Worst mistakes", text, {}, [head, *table])]
    pictures = [
        (heading, np.array([found[row] for row in chosen.tolist()]).reshape(-1, side, side), captions)
        for heading, chosen, captions in groups
    ]
    return [Section("Worst mistakes", text, {"mistakes.png": image_grid(pictures, title="Worst mistakes")})]


def _labels(answers: Answers) -> Array:
    assert answers.labels is not None
    return answers.labels
