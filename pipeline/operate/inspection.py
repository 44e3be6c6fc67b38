"""What a data set is before anything runs: its columns, its label, what is wrong with it, and the command to go on.

The scripts' own reader reads it, so that what is said here is what ConvertData will say.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.data import files_at
from pipeline.errors import DataError

if TYPE_CHECKING:
    from scripts.problems import Problem
    from scripts.tables import Table

_MOST_CLASSES: Final = 20
_TRAIN_SHARE: Final = 0.8


@dataclass(frozen=True)
class Column:
    """A feature: its kind (number, constant, text, date), how many of its values are missing, its least and largest."""

    name: str
    kind: str
    missing: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Inspection:
    """A data set as it was read; `classes` count the rows of each class, empty where the label is an amount."""

    rows: Mapping[str, int]
    label: str
    classes: Mapping[str, int]
    columns: tuple[Column, ...]
    problems: tuple[str, ...]
    command: str


def inspect(path: Path, *, label_column: str, header: str, batch: int) -> Inspection:
    """Read the data at a path, of which a batch is so many rows. Raises DataError for what is no data."""
    from scripts.errors import ScriptError
    from scripts.problems import told
    from scripts.sources import examine, problems_of

    files_at(path)
    try:
        tables = examine(path, label_column, header)
        problems = problems_of(tables)
    except ScriptError as error:
        raise DataError(str(error)) from None
    rows = {split: sum(map(len, part)) for split, part in tables.items()}
    every = [table for part in tables.values() for table in part]
    classes = _classes(every)
    return Inspection(
        rows,
        every[0].label,
        classes,
        _columns(every, problems),
        tuple(told([problem]) for problem in problems),
        _command(path, classes, rows, batch=batch, label_column=label_column, header=header),
    )


def _classes(tables: Sequence[Table]) -> dict[str, int]:
    """Rows of each class, the rarest first; empty for numbers of which there are many different ones."""
    from collections import Counter

    from scripts.errors import ScriptError
    from scripts.targets import class_names

    counts: Counter[str] = Counter()
    for table in tables:
        try:
            counts.update(class_names(table.labels).tolist())
        except ScriptError:  # a label is missing, which the problems tell
            counts.update(str(label) for label in table.labels)
    if len(counts) > _MOST_CLASSES and all(_is_number(name) for name in counts):
        return {}
    return dict(sorted(counts.items(), key=lambda item: item[1]))


def _is_number(text: str) -> bool:
    from scripts.problems import is_number

    return is_number(text)


def _columns(tables: Sequence[Table], problems: Sequence[Problem]) -> tuple[Column, ...]:
    import numpy as np

    from scripts.tables import CHUNK_ROWS, floats

    width = tables[0].features.shape[1]
    low, high = np.full(width, np.nan), np.full(width, np.nan)
    for table in tables:
        if table.features.shape[1] != width:
            raise DataError(f"{table.file} has {table.features.shape[1]} features, {tables[0].file} has {width}")
        for start in range(0, len(table), CHUNK_ROWS):
            part = floats(table.features[start : start + CHUNK_ROWS])
            low, high = np.fmin(low, np.fmin.reduce(part)), np.fmax(high, np.fmax.reduce(part))
    found = []
    for index in range(width):
        own = [problem for problem in problems if problem.index == index]
        kind = next((problem.kind for problem in own if problem.kind in ("text", "date")), "")
        known = not kind and not np.isnan(low[index])
        found.append(
            Column(
                tables[0].columns[index] if tables[0].columns else f"feature {index + 1}",
                kind or ("constant" if low[index] == high[index] else "number"),
                sum(problem.count for problem in own if problem.kind == "missing"),
                float(low[index]) if known else None,
                float(high[index]) if known else None,
            )
        )
    return tuple(found)


def _command(path: Path, classes: Mapping[str, int], rows: Mapping[str, int], *, batch: int, **given: Any) -> str:
    """`pipeline run` with the task that the label has, and no larger batch than the rows allow."""
    words = ["pipeline", "run", "--data", str(path)]
    if not classes:
        words += ["--set", "task=regression"]
    elif len(classes) > 2:
        words += ["--set", "task=multiclass", "--param", f"NumClasses={len(classes)}"]
    elif "0" not in classes:
        words += ["--param", f"PositiveClass={next(iter(classes))}"]
    for name, value in (("LabelColumn", given["label_column"]), ("CsvHeader", given["header"])):
        if value != "auto":
            words += ["--param", f"{name}={value}"]
    train = rows.get("train", rows.get("all", 0))
    if "validation" not in rows or "test" not in rows:
        train = int(train * _TRAIN_SHARE)
    if 0 < train < batch:
        words += ["--param", f"MiniBatchSize={train}"]
    return shlex.join(words)
