"""A table of mixed columns looked at as a stream: what each column is, and all that no treatment can mend.

Memory does not grow with the rows: texts are counted as long as they are not too many. The files are read once, and a
piece of one again where a text turns up in a column that was taken for numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.column_kinds import ColumnKind, Counting, TextColumn, is_spelled, kind_of_numbers, orders_of
from scripts.features.featurizer import is_number, moment
from scripts.features.raw_columns import IsTextError, RawRows, RawStream, Texts, raw_streams, texts_of
from scripts.formats.reading_options import Reading
from scripts.formats.tables import Array, bad_labels
from scripts.profiling.leaks import LeakFinder
from scripts.profiling.problems import DATES, INFINITE, LABEL, LEAK, MIXED, SPELLED, Faults, Problem
from scripts.profiling.profiles import ColumnProfile, Labels, Numbers
from scripts.profiling.summaries import amounts_of, classes_of, column_profile, counted, names_of
from scripts.profiling.surveyed import FileRows, Survey
from scripts.splitting.split_names import source_of
from scripts.splitting.targets import in_order

_TREATMENTS: Final = {
    ("number", False): "as it is",
    ("number", True): "the median where it is missing, and a flag",
    ("category", False): "a feature for each value that is not rare",
    ("category", True): "a feature for each value that is not rare, and for none",
    ("date", False): "days, month, weekday, and hour if there are times",
    ("date", True): "days, month, weekday, and hour if there are times, and a flag",
    **dict.fromkeys(((kind, gaps) for kind in (MIXED, SPELLED, DATES) for gaps in (False, True)), "none as it stands"),
}


def survey_table(place: Path, reading: Reading, seed: int) -> Survey:
    """What the table at `place` holds. `ScriptError` for what is no table."""
    source = raw_streams(place, reading)
    learnt = source_of({stream.split for stream in source})
    texts: set[str] = set()
    while True:
        seen = _Seen(source[0].names, frozenset(texts), learnt, seed)
        try:
            for number, stream in enumerate(source):
                seen.read(number, stream)
            return seen.survey(source)
        except IsTextError as error:
            texts.update(error.names)


@dataclass
class _Seen:
    """All files, as far as they were read."""

    names: tuple[str, ...]
    texts: frozenset[str]
    learnt: str
    seed: int
    files: list[tuple[RawStream, Labels]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        width = len(self.names)
        self.train, self.rows = Numbers(width, (self.seed,)), 0
        self.labels, self.leaks = Labels(), LeakFinder(width)
        self.columns = {name: TextColumn(width) for name in self.names if name in self.texts}
        self.counting = set(range(width))

    def read(self, number: int, stream: RawStream) -> None:
        """All rows of a file. Raises `IsTextError`, and `ScriptError` where there are none."""
        faults, counting, labels = Faults(stream.file, stream.unit), Counting(len(self.names)), Labels()
        numbers = Numbers(len(self.names), (self.seed, number))
        for rows in stream.rows(self.texts):
            part = self._numbers(rows)
            _note(faults, part, stream.first + numbers.rows, rows.labels)
            numbers.add(part)
            counting.add(part)
            labels.add(rows.labels)
            self.leaks.add(part, rows.labels)
            names = texts_of(rows.labels.astype(str).astype(object))
            for name, column in self.columns.items():
                held = rows.columns[name]
                assert isinstance(held, Texts)
                column.add(held, names, learnt=stream.split == self.learnt)
        if not numbers.rows:
            raise ScriptError(f"{stream.file}: no rows; give data with at least one example")
        found = faults.problems([f"column {name!r}" for name in self.names], "", numbers.rows)
        self.problems += found if stream.problems is None else stream.problems
        self.files.append((stream, labels))
        self.rows += numbers.rows
        if stream.split == self.learnt:
            self.counting &= counting.columns()
            self.train.merge(numbers)
        self.labels.merge(labels)

    def survey(self, source: Sequence[RawStream]) -> Survey:
        """What was found, once all files were read."""
        kinds = tuple(self._kind(index, name) for index, name in enumerate(self.names))
        labels = names_of(self.labels)
        return Survey(
            tuple(
                FileRows(stream.key, stream.split, own.rows, counted(own, labels), stream.label)
                for stream, own in self.files
            ),
            source[0].label,
            classes_of(self.labels),
            amounts_of(self.labels),
            tuple(self._profile(index, kind) for index, kind in enumerate(kinds)),
            self.train.rows,
            self.train.sampled,
            (*self.problems, *self._leaks(source[0]), *self._mistakes(source, kinds)),
            treated=True,
            names=tuple(in_order({*labels.values()})),
            as_numbers=self.labels.numbers is not None,
            kinds=kinds,
            form=source[0].form,
        )

    def _numbers(self, rows: RawRows) -> Array:
        """The columns of numbers, and no number where a column holds texts."""
        part = np.full((len(rows.labels), len(self.names)), np.nan)
        for index, name in enumerate(self.names):
            held = rows.columns[name]
            if not isinstance(held, Texts):
                part[:, index] = held
        return part

    def _kind(self, index: int, name: str) -> ColumnKind:
        if name in self.columns:
            return self.columns[name].kind()
        train = self.train
        low, high = float(train.low[index]), float(train.high[index])
        return kind_of_numbers(int(train.present[index]), train.rows, low, high, counts=index in self.counting)

    def _profile(self, index: int, kind: ColumnKind) -> ColumnProfile:
        """The profile of a column, with the treatment that it will get."""
        name = self.names[index]
        if name in self.columns:
            column = self.columns[name]
            missing = column.rows - column.present
            found = ColumnProfile(name, kind.name, column.present, missing, counts=column.learnt or {}, text=True)
        else:
            found = column_profile(name, kind.name, self.train, index)
        return replace(found, treatment=kind.why or _TREATMENTS[kind.name, found.missing > 0])

    def _leaks(self, first: RawStream) -> list[Problem]:
        return self.leaks.problems(first.file, lambda index: f"column {self.names[index]!r}")

    def _mistakes(self, source: Sequence[RawStream], kinds: Sequence[ColumnKind]) -> list[Problem]:
        """What is wrong with columns of texts."""
        found: list[Problem] = []
        for index, (name, kind) in enumerate(zip(self.names, kinds, strict=True)):
            if kind.name == MIXED:
                found.append(self._strangers(source, index, is_number, MIXED))
            elif kind.name == SPELLED:
                found.append(self._strangers(source, index, lambda text: not is_spelled(text), SPELLED))
            elif kind.name == DATES:
                found.append(self._strangers(source, index, _is_date(kind.order), DATES))
            elif kind.name == "category" and self.columns[name].leaks():
                faults = Faults(source[0].file)
                faults.add(index, LEAK, 1, "", self.rows)
                found += faults.problems([f"column {name!r}" for name in self.names], "", self.rows)
        return found

    def _strangers(self, source: Sequence[RawStream], index: int, fits: Callable[[str], bool], kind: str) -> Problem:
        """The cells of a column that are not as nearly all others are; where all are alike, the first of them."""
        for wanted in (False, True):
            for stream in source:
                faults, row = Faults(stream.file, stream.unit), stream.first
                for rows in stream.rows(self.texts):
                    column = rows.columns[self.names[index]]
                    assert isinstance(column, Texts)
                    strange = np.array([*(fits(text) == wanted for text in column.values), False])
                    places = np.flatnonzero(strange[column.places])
                    if len(places):
                        text = column.values[column.places[places[0]]]
                        faults.add(index, kind, row + int(places[0]), text, len(places))
                    row += len(column)
                if faults:
                    return next(faults.problems([f"column {name!r}" for name in self.names], "", row - stream.first))
        raise AssertionError("a column is mixed, but no cell is strange")


def _is_date(order: str) -> Callable[[str], bool]:
    """Whether a text is a date in this order, or in any where none is known."""
    return lambda text: bool(moment(text, order) if order else orders_of(text))


def _note(faults: Faults, part: Array, first: int, labels: Array) -> None:
    """Infinite values, and labels that are none."""
    bad = np.abs(part) > np.finfo(np.float32).max
    for column in np.flatnonzero(bad.any(axis=0)).tolist():
        rows = np.flatnonzero(bad[:, column])
        faults.add(column, INFINITE, first + int(rows[0]), float(part[rows[0], column]), len(rows))
    if len(rows := bad_labels(labels)):
        faults.add(-1, LABEL, first + int(rows[0]), str(labels[rows[0]]).strip(), len(rows))
