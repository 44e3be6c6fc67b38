"""A data set looked at before anything is learnt from it: rows, label, columns, and all that must be mended first.

Both the step InspectData and `pipeline inspect` look through this module, and nothing else finds problems. All that has
rows in files is read as a stream, in memory that does not grow with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scripts.errors import ScriptError
from scripts.formats.column_choice import ALL
from scripts.formats.csv_head import AUTO
from scripts.formats.csv_table import Rows
from scripts.formats.sources import find
from scripts.formats.sparse import SPARSE
from scripts.formats.sparse_files import SPARSE_KINDS
from scripts.formats.streams import Stream, streams
from scripts.profiling.fitness import Purpose, unfit
from scripts.profiling.leaks import LeakFinder, SparseLeakFinder
from scripts.profiling.problems import DATE, MISSING, TEXT, TREATED, Problem
from scripts.profiling.profiles import ColumnProfile, Labels, Numbers, SparseNumbers
from scripts.profiling.summaries import amounts_of, classes_of, column_profile, counted, names_of
from scripts.profiling.surveyed import FileRows, Survey
from scripts.profiling.table_survey import survey_table
from scripts.splitting.splits import source_of
from scripts.splitting.targets import in_order

NUMERIC: Final = "numeric"
TABLE: Final = "table"
FEATURES: Final = "table: fill, encode, take apart; sparse: leave out zeros on the whole way"
MOST_PROFILES: Final = 1000
"""The columns of sparse rows that are described, of which there may be a million."""


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
    chosen = (label_column, header, columns)
    if features == TABLE:
        found = survey_table(place, chosen, seed)
    else:
        found = _of_numbers(place, chosen, seed, sparse=features == SPARSE)
    return replace(found, problems=(*found.problems, *unfit(found, purpose, seed=seed)))


def proposed(place: Path, label_column: str = AUTO, header: str = AUTO, columns: str = ALL, *, seed: int = 0) -> Survey:
    """The same, with a treatment of the columns where numbers alone would be refused and one would help.

    Wide rows of a sparse format are proposed to stay so.
    """
    if find(place).kind in SPARSE_KINDS:
        found = survey(place, label_column, header, columns, features=SPARSE, seed=seed)
        if found.width > MOST_PROFILES:
            return found
    found = survey(place, label_column, header, columns, seed=seed)
    if any(problem.kind in TREATED and problem.index >= 0 for problem in found.problems):
        return survey(place, label_column, header, columns, features=TABLE, seed=seed)
    return found


def _of_numbers(place: Path, chosen: tuple[str, str, str], seed: int, *, sparse: bool) -> Survey:
    source = streams(place, *chosen, sparse=sparse)
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
