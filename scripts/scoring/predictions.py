"""What the batch prediction and the conversion left for the later steps: answers, labels and features, row by row.

The answers are linear-learner's JSON Lines, `{"predicted_label":1,"score":0.98}`; a regressor's have a score only, a
multiclass model's a list of scores.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.files import found
from scripts.scoring.sparse_rows import CONTENT_TYPE, are_sparse, records, sparse_rows
from scripts.splitting.targets import MOST_CLASSES, REGRESSOR

_LARGEST: Final = float(np.finfo(np.float32).max)
_LARGEST_LABEL: Final = 2**31
_PIECE_LINES: Final = 20_000


@dataclass(frozen=True)
class Answers:
    """Scores (rows,) or (rows, classes), and predicted labels (rows,), which a regressor does not give."""

    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.scores)

    def of_rows(self, rows: Any) -> Answers:
        """The answers to some of the rows: a slice, places or a mask."""
        return Answers(self.scores[rows], None if self.labels is None else self.labels[rows])

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """The answers of all parts, one after the other."""
        labels = [part.labels for part in parts if part.labels is not None]
        return cls(np.concatenate([part.scores for part in parts]), np.concatenate(labels) if labels else None)


def parse_answers(text: bytes, task: str, where: str, first: int = 1) -> Answers:
    """The answers in a JSON Lines text; `ScriptError` names the line that is none, counted from `first`."""
    lines = text.splitlines()
    try:
        values = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        values = [_one(line, number, where) for number, line in enumerate(lines, first)]
    needed = ("score",) if task == REGRESSOR else ("score", "predicted_label")
    for number, value in enumerate(values, first):
        if not isinstance(value, dict) or any(name not in value for name in needed):
            raise ScriptError(
                f"{where}: line {number}: {json.dumps(value)[:80]} has no {' and '.join(needed)}; was the model "
                f"trained for the task {task}?"
            )
    scores = _numbers([value["score"] for value in values])
    labels = None if task == REGRESSOR else _numbers([value["predicted_label"] for value in values])
    if scores is None or scores.ndim > 2 or (task != REGRESSOR and (labels is None or labels.ndim != 1)):
        raise ScriptError(f"{where}: its scores and labels are not all numbers of one shape")
    finite = np.abs(scores) <= _LARGEST
    bad = np.flatnonzero(~(finite.all(axis=1) if scores.ndim == 2 else finite))
    if len(bad):
        raise ScriptError(
            f"{where}: line {first + bad[0]}: the score is not finite in float32; the model diverged in training, so "
            "train with a lower learning rate"
        )
    if labels is None:
        return Answers(scores, None)
    if len(bad := np.flatnonzero(~(labels == np.floor(labels)) | (np.abs(labels) > _LARGEST_LABEL))):
        raise ScriptError(f"{where}: line {first + bad[0]}: the predicted label {labels[bad[0]]:g} is no class")
    return Answers(scores, labels.astype(np.int64))


def read_answers(folder: Path, task: str) -> Answers:
    """All answers below `folder`, files in the order of their names."""
    parts = [
        parse_answers(b"".join(lines), task, path.name, 1 + number * _PIECE_LINES)
        for path in found(folder)
        for number, lines in enumerate(_pieces(path))
    ]
    parts = [part for part in parts if len(part)] or parts[:1]
    if len({part.scores.shape[1:] for part in parts}) > 1:
        raise ScriptError("the predictions have scores of different numbers of classes; do they come from one model?")
    return Answers.joined(parts)


def _pieces(path: Path) -> Iterator[list[bytes]]:
    """Some lines of a file at a time, once at least: as JSON they take ten times as much memory."""
    with path.open("rb") as stream:
        lines = list(islice(stream, _PIECE_LINES))
        yield lines
        while lines := list(islice(stream, _PIECE_LINES)):
            yield lines


def read_labels(folder: Path) -> npt.NDArray[np.float64]:
    """The labels below `folder`, one a line."""
    values = array("d")
    for path in found(folder):
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                value = _finite(line)
                if value is None:
                    shown = line.rstrip(b"\r\n").decode(errors="replace")[:40]
                    raise ScriptError(f"{path.name}: line {number}: {shown!r} is no label; convert the data again")
                values.append(value)
    return np.array(values)


def feature_lines(folder: Path) -> Iterator[bytes]:
    """The lines of the feature files, without their ends, in the order of the labels."""
    for path in found(folder):
        with path.open("rb") as stream:
            for line in stream:
                yield line.rstrip(b"\r\n")


def sent_rows(folder: Path) -> tuple[str, Iterator[bytes]]:
    """The features as an endpoint is sent them: of which content type, and each row's bytes, end or frame included."""
    if are_sparse(folder):
        return CONTENT_TYPE, records(folder)
    return "text/csv", (line + b"\n" for line in feature_lines(folder))


def feature_rows(folder: Path, rows: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
    """The features of the chosen rows only; the rest is passed over unparsed. None where they are cells of a table."""
    if are_sparse(folder):
        return sparse_rows(folder, rows)
    wanted = set(rows)
    chosen = {number: line for number, line in enumerate(feature_lines(folder)) if number in wanted}
    try:
        return {number: np.array(line.split(b","), np.float32) for number, line in chosen.items()}
    except ValueError:
        return {}


def cell_rows(folder: Path, rows: Sequence[int]) -> dict[int, list[str]]:
    """The cells of the chosen rows of a table."""
    wanted = set(rows)
    chosen = {number: line.decode() for number, line in enumerate(feature_lines(folder)) if number in wanted}
    return dict(zip(chosen, csv.reader(chosen.values()), strict=True))


def aligned(answers: Answers, labels: npt.NDArray[np.float64]) -> None:
    """`ScriptError` unless there is an answer for each label, and at least one."""
    if len(answers) != len(labels):
        raise ScriptError(
            f"{len(answers)} predictions for {len(labels)} labels; both must come from the same conversion of the data"
        )
    if not len(labels):
        raise ScriptError("no predictions and no labels; the test split is empty")


def class_count(answers: Answers, labels: npt.NDArray[np.int64], known: int = 0) -> int:
    """As many as are known, else as the model has scores for; more where labels or predictions name more.

    A model may have scores for more classes than the data has, since `num_classes` is given beforehand.
    """
    width = known or (answers.scores.shape[1] if answers.scores.ndim == 2 else 2)
    if answers.labels is None:
        return width
    if answers.labels.min() < 0:
        raise ScriptError(f"a predicted label is {answers.labels.min()}; labels are whole numbers from 0")
    count = max(width, int(labels.max()) + 1, int(answers.labels.max()) + 1)
    if count > MOST_CLASSES:
        raise ScriptError(f"{count:,} classes, where {MOST_CLASSES:,} can be told apart; check the labels and the task")
    return count


def _numbers(values: list[Any]) -> npt.NDArray[np.float64] | None:
    """The values as an array, if all of them are numbers, or lists of equally many numbers."""
    try:
        array = np.array(values)
    except ValueError:
        return None
    return array.astype(np.float64) if array.dtype.kind in "iuf" else None


def _finite(line: bytes) -> float | None:
    try:
        value = float(line)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _one(line: bytes, number: int, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        shown = line.decode(errors="replace")[:60]
        raise ScriptError(
            f"{where}: line {number}: {shown!r} is no JSON; predictions must be JSON Lines (Accept: "
            "application/jsonlines)"
        ) from None
