"""A table of numbers looked at as a stream: how each column's values spread, and what is no number.

Each file is read quickly, and with care once more where that fails or finds something missing. Sparse rows stay so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scripts.errors import ScriptError
from scripts.formats.csv_table import Rows
from scripts.formats.reading_options import Reading
from scripts.formats.streams import Stream, streams
from scripts.formats.tables import floats
from scripts.profiling.leaks import LeakFinder, SparseLeakFinder
from scripts.profiling.problems import DATE, MISSING, TEXT, Problem
from scripts.profiling.profiles import ColumnProfile, Labels, Numbers, SparseNumbers
from scripts.profiling.summaries import amounts_of, classes_of, column_profile, counted, names_of
from scripts.profiling.surveyed import FileRows, Survey
from scripts.splitting.split_names import source_of
from scripts.splitting.targets import in_order

MOST_PROFILES: Final = 1000
"""The columns of sparse rows that are described, of which there may be a million."""


def survey_numbers(place: Path, reading: Reading, seed: int, *, sparse: bool) -> Survey:
    """What the table at `place` holds. `ScriptError` for what is no table."""
    source = streams(place, reading, sparse=sparse)
    first = source[0]
    learnt = source_of({stream.split for stream in source})
    every = _Seen.of(first, (seed,), sparse=sparse)
    train = every.numbers
    problems: list[Problem] = []
    files = []
    for number, stream in enumerate(source):
        seen, own = _read(stream, (seed, number), sparse=sparse)
        files.append((stream, seen.labels))
        problems += own
        every.labels.merge(seen.labels)
        every.leaks.merge(seen.leaks)
        if stream.split == learnt:
            train.merge(seen.numbers)
    problems += every.leaks.problems(first.table.file, first.table.column)
    names = names_of(every.labels)
    form = first.form and replace(first.form, entries=int((train.rows - train.zeros).sum()))
    return Survey(
        tuple(
            FileRows(stream.key, stream.split, labels.rows, counted(labels, names), stream.table.label)
            for stream, labels in files
        ),
        first.table.label,
        classes_of(every.labels),
        amounts_of(every.labels),
        tuple(_columns(first, train, problems)),
        train.rows,
        train.sampled,
        tuple(problems),
        treated=False,
        names=tuple(in_order({*names.values()})),
        as_numbers=every.labels.numbers is not None,
        named=bool(first.table.columns),
        form=form,
        sparse=sparse,
    )


@dataclass
class _Seen:
    """One stream's rows, as far as they were read."""

    numbers: Numbers
    labels: Labels
    leaks: LeakFinder

    @classmethod
    def of(cls, stream: Stream, seed: tuple[int, ...], *, sparse: bool) -> _Seen:
        if sparse:
            return cls(SparseNumbers(stream.width, seed), Labels(), SparseLeakFinder(stream.width))
        return cls(Numbers(stream.width, seed), Labels(), LeakFinder(stream.width))

    def read(self, parts: Iterator[Rows]) -> None:
        for features, labels in parts:
            self.numbers.add(floats(features))  # as a model sees them: what float32 cannot hold is no number
            self.labels.add(labels)
            self.leaks.add(features, labels)

    @property
    def sound(self) -> bool:
        """Whether nothing is missing or infinite, nor any label no label."""
        return self.numbers.complete and self.labels.sound


def _read(stream: Stream, seed: tuple[int, ...], *, sparse: bool) -> tuple[_Seen, list[Problem]]:
    """All rows of a stream, and what is wrong with them. `ScriptError` for what is no table."""
    seen, error = _Seen.of(stream, seed, sparse=sparse), None
    try:
        seen.read(stream.rows())
        if not seen.numbers.rows:
            raise ScriptError(f"{stream.table.file}: no rows; give data with at least one example")
        if seen.sound:
            return seen, []
    except ScriptError as reason:
        error = reason
    seen = _Seen.of(stream, seed, sparse=sparse)
    parts, problems = stream.careful()
    seen.read(parts)
    found = problems(seen.numbers.rows)
    if error and not found:
        raise error
    return seen, found


def _columns(first: Stream, numbers: Numbers, problems: Sequence[Problem]) -> Iterator[ColumnProfile]:
    kinds = {problem.index: problem.kind for problem in problems if problem.kind in (TEXT, DATE)}
    missing: Counter[int] = Counter()
    for problem in problems:
        missing[problem.index] += problem.count if problem.kind == MISSING else 0
    shown = numbers.frequent(MOST_PROFILES) if isinstance(numbers, SparseNumbers) else range(first.width)
    for index in shown:
        name = first.table.columns[index] if first.table.columns else f"feature {index + 1}"
        kind = kinds.get(index) or ("constant" if numbers.low[index] == numbers.high[index] else "number")
        found = column_profile(name, kind, numbers, index)
        # What is a text is no number in a stream either.
        known = replace(found, low=None, high=None) if index in kinds else found
        yield replace(known, missing=missing[index])
