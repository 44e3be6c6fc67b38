"""A look at a data set before anything runs: its columns, its label, what is wrong with it, and the command to go on.

The scripts' own reader reads it, so that what is said here is what ConvertData will say. Where columns are more than
numbers, a treatment of each is proposed.
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
    from scripts.raw_columns import RawTables
    from scripts.tables import Table
    from scripts.treatment import ColumnKind

_MOST_CLASSES: Final = 20
_BATCHES: Final = 10
_SMALL: Final = 1 << 20
"""Bytes of data that are read beforehand for the sake of a batch; what is larger has rows enough."""
_TREATMENTS: Final = {
    ("number", False): "as it is",
    ("number", True): "the median where it is missing, and a flag",
    ("category", False): "a feature for each value that is not rare",
    ("category", True): "a feature for each value that is not rare, and for none",
    ("date", False): "days, month, weekday, and hour if there are times",
    ("date", True): "days, month, weekday, and hour if there are times, and a flag",
    **dict.fromkeys((("mixed", False), ("mixed", True), ("dates", False), ("dates", True)), "none as it stands"),
}


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


def inspect(path: Path, *, label_column: str, header: str, batch: int, features: str = "numeric") -> Inspection:
    """Read the data at a path, of which a batch is so many rows. Raises DataError for what is no data."""
    from scripts.errors import ScriptError
    from scripts.problems import TREATED, told
    from scripts.raw_columns import read_raw
    from scripts.sources import examine, problems_of
    from scripts.treatment import kinds_of
    from scripts.treatment import problems_of as problems_of_raw

    files_at(path)
    try:
        tables = examine(path, label_column, header) if features == "numeric" else {}
        problems = problems_of(tables)
        treated = not tables or any(problem.kind in TREATED and problem.index >= 0 for problem in problems)
        if treated:
            raw = read_raw(path, label_column, header)
            kinds = kinds_of(raw)
            tables, problems, columns = raw.tables, problems_of_raw(raw, kinds), _treated(raw, kinds)
        else:
            columns = _columns([table for part in tables.values() for table in part], problems)
    except ScriptError as error:
        raise DataError(str(error)) from None
    rows = {split: sum(map(len, part)) for split, part in tables.items()}
    every = [table for part in tables.values() for table in part]
    classes = _classes(every)
    return Inspection(
        rows,
        every[0].label,
        classes,
        columns,
        tuple(told([problem]) for problem in problems),
        _command(path, classes, rows, batch=batch, label_column=label_column, header=header, treated=treated),
        treated,
    )


def fitting_batch(path: Path, *, label_column: str, header: str, batch: int) -> int:
    """As many rows a batch as were asked for, or fewer where train has few: a pass has ten batches at least.

    linear-learner refuses a batch of more rows than train has, and learns little of one or two batches a pass.

    Data that cannot be read is no matter here: ConvertData says what is wrong with it.
    """
    from scripts.errors import ScriptError
    from scripts.sources import examine

    _, files = files_at(path)
    if sum(file.stat().st_size for file in files) > _SMALL:
        return batch
    try:
        tables = examine(path, label_column, header)
    except ScriptError:
        return batch
    return _fitting({split: sum(map(len, part)) for split, part in tables.items()}, batch)


def _fitting(rows: Mapping[str, int], batch: int) -> int:
    """At most a tenth of train: few large batches are few steps. Every tenth row goes to a split that is not there."""
    train = rows.get("train", rows.get("all", 0))
    train -= sum(-(-train // 10) for split in ("validation", "test") if split not in rows)
    return max(1, min(batch, train // _BATCHES))


def _treated(raw: RawTables, kinds: Sequence[ColumnKind]) -> tuple[Column, ...]:
    """The columns with the treatment that each will get."""
    import numpy as np

    columns = []
    for index, (name, kind, texts) in enumerate(zip(raw.names, kinds, raw.texts, strict=True)):
        values = np.concatenate([table.features[:, index] for table in raw.every()])
        known = values[~np.isnan(values)]
        missing = len(values) - len(known)
        low, high = (float(known.min()), float(known.max())) if texts is None and len(known) else (None, None)
        columns.append(Column(name, kind.name, missing, low, high, kind.why or _TREATMENTS[kind.name, missing > 0]))
    return tuple(columns)


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
    from scripts.featurizer import is_number

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
    if given["treated"]:
        words += ["--set", "features=table"]
    if not classes:
        words += ["--set", "task=regression"]
    elif len(classes) > 2:
        words += ["--set", "task=multiclass", "--param", f"NumClasses={len(classes)}"]
    elif "0" not in classes:
        words += ["--param", f"PositiveClass={next(iter(classes))}"]
    for name, value in (("LabelColumn", given["label_column"]), ("CsvHeader", given["header"])):
        if value != "auto":
            words += ["--param", f"{name}={value}"]
    if (fitting := _fitting(rows, batch)) < batch:
        words += ["--param", f"MiniBatchSize={fitting}"]
    return shlex.join(words)
