"""The true labels of what an endpoint answered, as far as they have arrived in S3, joined to its answers.

The files are JSON Lines in the format of Model Monitor's ground truth: `groundTruthData` with one label a row of the
request, and `eventMetadata.eventId`, which is the request's event id or the inference id that its client gave.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.monitoring.captured import Captured
from scripts.monitoring.drift import Check, DriftBounds
from scripts.scoring.figures import compute
from scripts.scoring.metrics import HEADLINES
from scripts.scoring.predictions import Answers, parse_answers
from scripts.splitting.targets import REGRESSOR

FEWEST: Final = 30
"""With fewer labels than this nothing is said of the quality."""

_BROKEN: Final = (ValueError, KeyError, TypeError, RecursionError)
_LARGER: Final = 1.1


@dataclass(frozen=True)
class Quality:
    """The labels that arrived for how many rows, the figures of these rows, and the check of the errors."""

    rows: int
    figures: dict[str, float]
    check: Check | None


def read_labels_of(s3: Any, uri: str, since: datetime, classes: Sequence[str]) -> dict[str, list[float]]:
    """The labels below `uri` in files that are no older, by event; a line that is none is passed over."""
    place = urlsplit(uri, allow_fragments=False)
    names = {name: float(at) for at, name in enumerate(classes)}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    found: dict[str, list[float]] = {}
    for item in (item for page in pages for item in page.get("Contents", []) if item["LastModified"] >= since):
        for line in s3.get_object(Bucket=place.netloc, Key=item["Key"])["Body"].iter_lines():
            try:
                record = json.loads(line)
                cells = str(record["groundTruthData"]["data"]).replace("\n", ",").split(",")
                labels = [_label(cell.strip(), names) for cell in cells if cell.strip()]
                found[str(record["eventMetadata"]["eventId"])] = labels
            except _BROKEN:
                continue
    return found


def judge(
    captured: Captured,
    labels: dict[str, list[float]],
    before: Answers,
    truth: npt.NDArray[np.float64],
    *,
    task: str,
    known: int,
    bounds: DriftBounds,
) -> Quality:
    """The quality now, and whether errors are more, or larger, than on the test set of the version."""
    lines, actual = [], []
    for answers, own in _joined(captured, labels):
        lines += answers
        actual += own
    if len(actual) < FEWEST:
        return Quality(len(actual), {}, None)
    now, told = parse_answers(b"\n".join(lines), task, "the captured answers"), np.array(actual)
    try:
        ((group, found),) = compute(now, told, task, known=known).items()
        figures = {name: float(found[name]["value"]) for name in HEADLINES[group]}
    except ScriptError:  # such as labels of one class alone
        figures = {}
    check = _errors(before, truth, now, told) if task == REGRESSOR else _wrong(before, truth, now, told, bounds)
    return Quality(len(actual), figures, check)


def _joined(captured: Captured, labels: dict[str, list[float]]) -> Iterator[tuple[list[bytes], list[float]]]:
    for asked in captured.asked:
        own = next((labels[name] for name in asked.ids if name in labels), None)
        if own is not None and len(own) == len(asked.answers):
            yield asked.answers, own


def _label(cell: str, names: dict[str, float]) -> float:
    """A label as the endpoint writes it, a number, or the name of a class."""
    try:
        return float(cell)
    except ValueError:
        return names[cell]


def _wrong(before: Answers, truth: Any, now: Answers, told: Any, bounds: DriftBounds) -> Check:
    from scipy import stats

    assert before.labels is not None and now.labels is not None
    right = [int((before.labels == truth).sum()), int((now.labels == told).sum())]
    rows = [len(truth), len(told)]
    shares = [right[at] / rows[at] for at in (0, 1)]
    table = [[rows[1] - right[1], right[1]], [rows[0] - right[0], right[0]]]
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    text = f"accuracy {shares[1]:.4f} on {rows[1]:,} rows with labels, {shares[0]:.4f} on the test set"
    return Check("accuracy", "LessThanThreshold", p, shares[0] - shares[1] >= bounds.share, text)


def _errors(before: Answers, truth: Any, now: Answers, told: Any) -> Check:
    from scipy import stats

    errors = [np.abs(before.scores - truth), np.abs(now.scores - told)]
    p = float(stats.mannwhitneyu(errors[1], errors[0], alternative="greater", method="asymptotic").pvalue)
    means = [float(one.mean()) for one in errors]
    text = f"mean absolute error {means[1]:.4g} on {len(told):,} rows with labels, {means[0]:.4g} on the test set"
    return Check("mae", "GreaterThanThreshold", p, means[1] >= _LARGER * means[0], text)
