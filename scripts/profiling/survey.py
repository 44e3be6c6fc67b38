"""A data set looked at before anything is learnt from it: rows, label, columns, and all that must be mended first.

Both the step InspectData and `pipeline inspect` look through this module, and nothing else finds problems. What holds
numbers alone is read as a stream, in memory that does not grow with the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import is_number
from scripts.features.raw_columns import RawTables, read_raw
from scripts.features.treatment import ColumnKind, kinds_of
from scripts.features.treatment import problems_of as problems_of_raw
from scripts.formats.column_choice import ALL
from scripts.formats.csv_head import AUTO
from scripts.formats.csv_table import Rows
from scripts.formats.streams import Stream, streams
from scripts.formats.tables import Table
from scripts.profiling.fitness import Purpose, unfit
from scripts.profiling.leaks import LeakFinder
from scripts.profiling.problems import DATE, MISSING, TEXT, TREATED, Problem
from scripts.profiling.profiles import ColumnProfile, Labels, Numbers
from scripts.profiling.surveyed import FileRows, Survey
from scripts.splitting.splits import source_of
from scripts.splitting.targets import class_names, in_order

NUMERIC: Final = "numeric"
TABLE: Final = "table"
_MOST_CLASSES: Final = 20
_TREATMENTS: Final = {
    ("number", False): "as it is",
    ("number", True): "the median where it is missing, and a flag",
    ("category", False): "a feature for each value that is not rare",
    ("category", True): "a feature for each value that is not rare, and for none",
    ("date", False): "days, month, weekday, and hour if there are times",
    ("date", True): "days, month, weekday, and hour if there are times, and a flag",
    **dict.fromkeys((("mixed", False), ("mixed", True), ("dates", False), ("dates", True)), "none as it stands"),
}


@dataclass
class _Seen:
    """One stream's rows, as far as they were read."""

    numbers: Numbers
    labels: Labels
    leaks: LeakFinder

    @classmethod
    def of(cls, stream: Stream, seed: tuple[int, ...]) -> _Seen:
        return cls(Numbers(stream.width, seed), Labels(), LeakFinder(stream.width))

    def read(self, parts: Iterator[Rows]) -> None:
        for features, labels in parts:
            self.numbers.add(features)
            self.labels.add(labels)
            self.leaks.add(features, labels)

    @property
    def sound(self) -> bool:
        """Whether nothing is missing or infinite, nor any label no label."""
        return self.numbers.complete and self.labels.sound


def survey(
    place: Path,
    label_column: str = AUTO,
    header: str = AUTO,
    columns: str = ALL,
    *,
    features: str = NUMERIC,
    seed: int = 0,
    purpose: Purpose | None = None,
) -> Survey:
    """Look at the data at `place` as it will be read with this setting. `ScriptError` for what is no data."""
    look = _of_table if features == TABLE else _of_numbers
    found, raw = look(place, (label_column, header, columns), seed)
    return replace(found, problems=(*found.problems, *unfit(found, raw, purpose, seed=seed)))


def proposed(place: Path, label_column: str = AUTO, header: str = AUTO, columns: str = ALL, *, seed: int = 0) -> Survey:
    """The same, with a treatment of the columns where numbers alone would be refused and one would help."""
    found = survey(place, label_column, header, columns, seed=seed)
    if any(problem.kind in TREATED and problem.index >= 0 for problem in found.problems):
        return survey(place, label_column, header, columns, features=TABLE, seed=seed)
    return found


def _of_numbers(place: Path, chosen: tuple[str, str, str], seed: int) -> tuple[Survey, None]:
    source = streams(place, *chosen)
    first = source[0]
    learnt = source_of({stream.split for stream in source})
    every, train = _Seen.of(first, (seed,)), Numbers(first.width, (seed,))
    problems: list[Problem] = []
    files = []
    for number, stream in enumerate(source):
        seen, own = _read(stream, (seed, number))
        files.append((stream, seen.labels))
        problems += own
        every.labels.merge(seen.labels)
        every.leaks.merge(seen.leaks)
        if stream.split == learnt:
            train.merge(seen.numbers)
    problems += every.leaks.problems(first.table.file, [first.table.column(index) for index in range(first.width)])
    names = _names(every.labels)
    found = Survey(
        tuple(
            FileRows(stream.key, stream.split, labels.rows, _counted(labels, names), stream.table.label)
            for stream, labels in files
        ),
        first.table.label,
        _classes(every.labels),
        _amounts(every.labels),
        tuple(_columns(first, train, problems)),
        train.rows,
        train.sampled,
        tuple(problems),
        treated=False,
        names=tuple(in_order({*names.values()})),
        as_numbers=every.labels.numbers is not None,
        named=bool(first.table.columns),
    )
    return found, None


def _read(stream: Stream, seed: tuple[int, ...]) -> tuple[_Seen, list[Problem]]:
    """All rows of a stream, and what is wrong with them. `ScriptError` for what is no table."""
    seen, error = _Seen.of(stream, seed), None
    try:
        seen.read(stream.rows())
        if not seen.numbers.rows:
            raise ScriptError(f"{stream.table.file}: no rows; give data with at least one example")
        if seen.sound:
            return seen, []
    except ScriptError as reason:
        error = reason
    seen = _Seen.of(stream, seed)
    parts, problems = stream.careful()
    seen.read(parts)
    found = problems(seen.numbers.rows)
    if error and not found:
        raise error
    return seen, found


def _of_table(place: Path, chosen: tuple[str, str, str], seed: int) -> tuple[Survey, RawTables]:
    raw = read_raw(place, *chosen)
    kinds = kinds_of(raw)
    labels = Labels()
    for table in raw.every():
        labels.add(table.labels)
    learnt = raw.tables[source_of(raw.tables)]
    found = Survey(
        tuple(FileRows(table.file, split, len(table)) for split, part in raw.tables.items() for table in part),
        raw.every()[0].label,
        _classes(labels),
        _amounts(labels),
        tuple(_raw_column(raw, learnt, index, kind) for index, kind in enumerate(kinds)),
        sum(map(len, learnt)),
        sum(map(len, learnt)),
        tuple(problems_of_raw(raw, kinds)),
        treated=True,
        names=tuple(in_order({*_names(labels).values()})),
    )
    return found, raw


def _raw_column(raw: RawTables, learnt: Sequence[Table], index: int, kind: ColumnKind) -> ColumnProfile:
    """The profile of a table's column, with the treatment that it will get."""
    values = np.concatenate([table.features[:, index] for table in learnt])
    known = values[~np.isnan(values)]
    name, missing, texts = raw.names[index], len(values) - len(known), raw.texts[index]
    treatment = kind.why or _TREATMENTS[kind.name, missing > 0]
    if texts is not None:
        counts = np.bincount(known.astype(np.intp), minlength=len(texts)).tolist()
        held = {text: count for text, count in zip(texts, counts, strict=True) if count}
        return ColumnProfile(name, kind.name, len(known), missing, counts=held, treatment=treatment)
    numbers = Numbers(1, (0,))
    numbers.add(values[:, None])
    return replace(_column(name, kind.name, numbers, 0), values=np.sort(known), treatment=treatment)


def _columns(first: Stream, numbers: Numbers, problems: Sequence[Problem]) -> Iterator[ColumnProfile]:
    kinds = {problem.index: problem.kind for problem in problems if problem.kind in (TEXT, DATE)}
    missing: Counter[int] = Counter()
    for problem in problems:
        missing[problem.index] += problem.count if problem.kind == MISSING else 0
    for index in range(first.width):
        name = first.table.columns[index] if first.table.columns else f"feature {index + 1}"
        kind = kinds.get(index) or ("constant" if numbers.low[index] == numbers.high[index] else "number")
        found = _column(name, kind, numbers, index)
        # What is a text is no number in a stream either.
        known = replace(found, low=None, high=None) if index in kinds else found
        yield replace(known, missing=missing[index])


def _column(name: str, kind: str, numbers: Numbers, index: int) -> ColumnProfile:
    present = int(numbers.present[index])
    missing = numbers.rows - present
    if not present or not np.isfinite([numbers.low[index], numbers.high[index]]).all():
        return ColumnProfile(name, kind, present, missing)
    return ColumnProfile(
        name,
        kind,
        present,
        missing,
        mean=float(numbers.mean[index]),
        deviation=float(numbers.deviation[index]),
        low=float(numbers.low[index]),
        high=float(numbers.high[index]),
        values=numbers.values(index),
    )


def _amounts(labels: Labels) -> ColumnProfile | None:
    return None if labels.numbers is None else _column("label", "number", labels.numbers, 0)


def _names(labels: Labels) -> dict[Any, str]:
    """What each label is called as a class; nothing where they are too many for that."""
    raw = list(labels.counts or ())
    try:
        names = class_names(np.array([*raw, None], object)[:-1], as_numbers=labels.numbers is not None)
    except ScriptError:  # a label is missing, which the problems tell
        return {label: str(label) for label in raw}
    return dict(zip(raw, names.tolist(), strict=True))


def _counted(labels: Labels, names: Mapping[Any, str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for label, count in (labels.counts or {}).items():
        if label in names:
            counts[names[label]] += count
    return dict(counts)


def _classes(labels: Labels) -> dict[str, int]:
    """Rows of each class; empty for numbers of which there are many different ones."""
    counts = _counted(labels, _names(labels))
    if len(counts) > _MOST_CLASSES and all(map(is_number, counts)):
        return {}
    return dict(sorted(counts.items(), key=lambda item: item[1]))
