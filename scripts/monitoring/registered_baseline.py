"""What requests are held against: the test set registered with a version, read as requests are, column by column.

Of sparse rows the columns that are most often not 0 are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.endpoints.registry import Registry, Version
from scripts.errors import ScriptError
from scripts.features.featurizer_archive import fitted
from scripts.features.request_rows import CSV, RowReader, columns_of, is_dates
from scripts.monitoring.captured import Captured
from scripts.monitoring.drift import ColumnPair, Values
from scripts.reporting.pictures import image_side
from scripts.scoring.predictions import Answers, feature_lines, parse_answers, read_answers, read_labels
from scripts.scoring.sparse_rows import are_sparse, sparse_parts
from scripts.splitting.classes import read_classes

MOST_COLUMNS: Final = 100
"""The columns of sparse rows that are watched; each is a metric of its own in CloudWatch."""


@dataclass(frozen=True)
class Baseline:
    """What is registered with a version: columns and answers of its test set, its labels, what all are called."""

    version: Version
    task: str
    reader: RowReader
    columns: list[Values]
    answers: Answers
    truth: Any
    classes: tuple[str, ...]


def read_baseline(registry: Registry, version: Version, folder: Path) -> Baseline:
    """The test set of the version, read as requests are."""
    places = registry.test_set(version, folder)
    task = version.properties.get("Task", "")
    featurizer = fitted(registry.read(version.artifacts[0])) if len(version.artifacts) > 1 else None
    if are_sparse(places["features"]):
        reader, values = sparse_columns(places["features"])
    else:
        lines = list(feature_lines(places["features"]))
        if not lines:
            raise ScriptError(f"the test set of version {version.number} has no rows")
        width = len(featurizer.columns) if featurizer else lines[0].count(b",") + 1
        reader = RowReader(width, featurizer, () if featurizer else tuple(registry.columns(version)))
        values = columns_of([reader.rows(CSV, b"\n".join(lines) + b"\n")], width)
    return Baseline(
        version,
        task,
        reader,
        values,
        read_answers(places["predictions"], task),
        read_labels(places["labels"]),
        read_classes(places["labels"]),
    )


def sparse_columns(features: Path) -> tuple[RowReader, list[Values]]:
    """The columns that are most often not 0, and their values, as far as these rows fit."""
    counts = sum(np.bincount(part.indices, minlength=part.shape[1]) for part in sparse_parts(features))
    often = np.sort(np.argsort(-np.asarray(counts), kind="stable")[:MOST_COLUMNS])
    reader = RowReader(len(np.asarray(counts)), kept=tuple(often.tolist()))
    blocks = [part[:, often].toarray() for part in sparse_parts(features)]
    return reader, columns_of(blocks, len(often))


def image_side_of(reader: RowReader, columns: Sequence[Values]) -> int | None:
    """That of the images that the rows of the test set are; raw cells and sparse rows are none."""
    if reader.featurizer is not None or reader.kept is not None:
        return None
    low, high = min(column.min() for column in columns), max(column.max() for column in columns)
    return image_side(reader.names(), float(low), float(high))


def columns(baseline: Baseline, captured: Captured) -> list[ColumnPair]:
    """The columns that the model looks at, then its scores and labels; dates are left out, as they move on."""
    now, names = captured.columns(baseline.reader), baseline.reader.names()
    made = [
        ColumnPair(names[at], baseline.columns[at], now[at])
        for at in baseline.reader.watched()
        if not is_dates(baseline.columns[at])
    ]
    lines = captured.answers()
    if not lines:
        return made
    answers = parse_answers(lines, baseline.task, "the captured answers")
    made.append(ColumnPair("score", _score(baseline.answers), _score(answers)))
    if baseline.answers.labels is not None and answers.labels is not None:
        texts = [labels.astype(str).astype(object) for labels in (baseline.answers.labels, answers.labels)]
        made.append(ColumnPair("predicted_label", texts[0], texts[1]))
    return made


def _score(answers: Answers) -> Values:
    """The score of each row; of several classes the highest."""
    return answers.scores.max(axis=1) if answers.scores.ndim == 2 else answers.scores
