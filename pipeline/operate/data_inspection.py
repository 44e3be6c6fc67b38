"""A look at a data set before anything runs: its columns, its label, what is wrong with it, and the command to go on.

It looks through the same module as the step InspectData, so that what is said here is what that will say. Where columns
are more than numbers, a treatment of each is proposed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import DataError
from pipeline.raw_data import files_at

if TYPE_CHECKING:
    from scripts.profiling.surveyed import Survey

_BATCHES: Final = 10
_SMALL: Final = 1 << 20
"""Bytes of data that are read beforehand for the sake of a batch; what is larger has rows enough."""


@dataclass(frozen=True)
class Column:
    """A feature: its kind, how many of its values are missing, its least and largest, its treatment if it gets any."""

    name: str
    kind: str
    missing: int
    low: float | None
    high: float | None
    treatment: str = ""


@dataclass(frozen=True)
class Inspection:
    """A data set as it was read; `classes` count the rows of each class, empty where the label is an amount.

    `treated` says that the columns get a treatment, by which `problems` are fewer.
    """

    rows: Mapping[str, int]
    label: str
    classes: Mapping[str, int]
    columns: tuple[Column, ...]
    problems: tuple[str, ...]
    command: str
    treated: bool = False


def inspect(
    path: Path, *, label_column: str, header: str, batch: int, columns: str = "all", features: str = "numeric"
) -> Inspection:
    """Read the data at a path, of which a batch is so many rows. Raises DataError for what is no data."""
    from scripts.errors import ScriptError
    from scripts.formats.reading_options import Reading
    from scripts.profiling.problems import told
    from scripts.profiling.survey import NUMERIC, proposed, survey

    files_at(path)
    try:
        look = proposed if features == NUMERIC else partial(survey, features=features)
        found = look(path, Reading(label_column, header, columns))
    except ScriptError as error:
        raise DataError(str(error)) from None
    given = {"LabelColumn": label_column, "CsvHeader": header, "Features": columns}
    command = _command(path, found, given, batch=batch)
    shown = tuple(Column(c.name, c.kind, c.missing, c.low, c.high, c.treatment) for c in found.columns)
    problems = tuple(told([problem]) for problem in found.problems)
    return Inspection(found.rows, found.label, found.classes, shown, problems, command, found.treated)


def fitting_batch(path: Path, *, label_column: str, header: str, batch: int) -> int:
    """As many rows a batch as were asked for, or fewer where train has few: a pass has ten batches at least.

    linear-learner refuses a batch of more rows than train has, and learns little of one or two batches a pass.

    Data that cannot be read is no matter here: ConvertData says what is wrong with it.
    """
    from scripts.errors import ScriptError
    from scripts.formats.reading_options import Reading
    from scripts.formats.sources import find
    from scripts.formats.sparse_files import SPARSE_KINDS
    from scripts.formats.streams import streams

    _, files = files_at(path)
    if sum(file.stat().st_size for file in files) > _SMALL:
        return batch
    try:
        rows = Counter[str]()
        for stream in streams(path, Reading(label_column, header), sparse=find(path).kind in SPARSE_KINDS):
            parts, _ = stream.careful()
            rows[stream.split] += sum(len(labels) for _, labels in parts)
    except ScriptError:
        return batch
    return _fitting(rows, batch)


def _fitting(rows: Mapping[str, int], batch: int) -> int:
    """At most a tenth of train: few large batches are few steps. Every tenth row goes to a split that is not there."""
    train = rows.get("train", rows.get("all", 0))
    train -= sum(-(-train // 10) for split in ("validation", "test") if split not in rows)
    return max(1, min(batch, train // _BATCHES))


def _command(path: Path, found: Survey, given: Mapping[str, str], *, batch: int) -> str:
    """`pipeline run` with the task that the label has, and no larger batch than the rows allow."""
    words = ["pipeline", "run", "--data", str(path)]
    classes = found.classes
    if found.treated:
        words += ["--set", "features=table"]
    if found.sparse:
        words += ["--set", "features=sparse"]
    if not classes:
        words += ["--set", "task=regression"]
    elif len(classes) > 2:
        words += ["--set", "task=multiclass", "--param", f"NumClasses={len(classes)}"]
    elif "0" not in classes:
        words += ["--param", f"PositiveClass={next(iter(classes))}"]
    for name, value in given.items():
        if value not in ("auto", "all"):
            words += ["--param", f"{name}={value}"]
    if (fitting := _fitting(found.rows, batch)) < batch:
        words += ["--param", f"MiniBatchSize={fitting}"]
    return shlex.join(words)
