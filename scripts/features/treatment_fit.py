"""The treatments of a table's columns: fitted on train, and applied to any rows, in bounded memory.

Medians, flags and categories are those of the rows of train alone, which the plan of the splits names; so the fit is
the same whoever makes it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.column_kinds import ColumnKind
from scripts.features.featurizer import (
    Category,
    Date,
    Featurizer,
    Floats,
    LeftOut,
    Numeric,
    Treatment,
    moment,
    written,
)
from scripts.features.medians import Columns, Doubles
from scripts.features.raw_columns import Column, IsTextError, Places, RawRows, RawStream, Texts
from scripts.formats.csv_lines import raw_lines
from scripts.formats.streams import Stream
from scripts.formats.tables import Array, Table
from scripts.profiling.problems import LARGEST
from scripts.profiling.surveyed import Survey
from scripts.splitting.split_plan import AGAIN, Plan
from scripts.splitting.targets import class_names

_MOST_VALUES: Final = 100
_MOST_NAMED: Final = 8


def fit(source: Sequence[RawStream], found: Survey, plan: Plan, folder: Path) -> Featurizer:
    """The treatments, fitted on the rows of train, of all files that the plan has; `folder` takes a file meanwhile.

    Raises `ScriptError` where no feature comes out.
    """
    names = source[0].names
    fits = [_Fit(name, kind) for name, kind in zip(names, found.kinds, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    measured = [of.name for of in fits if of.kind.name in (Numeric.kind, Date.kind)]
    with tempfile.TemporaryFile(dir=folder, prefix=".medians-") as file:
        amounts = Columns(file, len(measured))
        for rows in _train(source, found.texts, plan):
            parts = [of.add(rows.columns[of.name]) for of in fits]
            if measured:
                amounts.add(np.column_stack([part for part in parts if part is not None]))
        medians = {name: amounts.median(index) for index, name in enumerate(measured) if amounts.present[index]}
        present = dict(zip(measured, amounts.present.tolist(), strict=True))
    featurizer = Featurizer(tuple(of.treatment(present.get(of.name, 0), medians.get(of.name)) for of in fits))
    if not featurizer.features:
        raise ScriptError(f"{source[0].file}: no column is left to learn from; {left_out(featurizer)}")
    return featurizer


def left_out(featurizer: Featurizer) -> str:
    """Which columns no feature is made of, and why; empty where there are none."""
    columns = [column for column in featurizer.columns if isinstance(column, LeftOut)]
    named = ", ".join(f"{column.name} ({column.why})" for column in columns[:_MOST_NAMED])
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    return f"left out: {named}{more}" if columns else ""


@dataclass(frozen=True)
class TreatedRows:
    """Rows of a table whose features are made of them as they are asked for."""

    raw: RawRows
    featurizer: Featurizer

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return len(self.raw.labels), len(self.featurizer.features)

    def __getitem__(self, chosen: Places) -> Floats:
        """The features of the chosen rows."""
        features = np.empty((len(chosen), self.shape[1]), np.float32)
        at = 0
        for column in self.featurizer.columns:
            width = len(column.features)
            if width:
                features[:, at : at + width] = _features(column, self.raw.columns[column.name], chosen)
            at += width
        return features

    def lines(self, chosen: Places) -> bytes:
        """The cells of the chosen rows as CSV, as a client would send them."""
        return raw_lines(zip(*(_cells(column, chosen) for column in self.raw.columns.values()), strict=True))


def treated_streams(source: Sequence[RawStream], featurizer: Featurizer, texts: frozenset[str]) -> list[Stream]:
    """The same files, whose rows are treated. Raises `ScriptError` for columns that were not inspected."""
    return [_treated(stream, featurizer, texts) for stream in source]


def _treated(stream: RawStream, featurizer: Featurizer, texts: frozenset[str]) -> Stream:
    if stream.names != featurizer.names:
        raise ScriptError(f"{stream.key}: its columns are others than were inspected; {AGAIN}")

    def rows() -> Iterator[tuple[Any, Array]]:
        try:
            for raw in stream.rows(texts):
                for name, column in raw.columns.items():
                    if not isinstance(column, Texts) and (np.abs(column) > LARGEST).any():
                        raise ScriptError(f"{stream.key}: column {name!r} holds no finite number; {AGAIN}")
                yield TreatedRows(raw, featurizer), raw.labels
        except IsTextError as error:
            raise ScriptError(f"{stream.key}: text in a column of numbers ({error}); {AGAIN}") from None

    table = Table.without_rows(stream.file, stream.names, unit=stream.unit, label=stream.label)
    return Stream(stream.key, stream.split, table, len(stream.names), rows, lambda: (rows(), lambda _: []))


def _train(source: Sequence[RawStream], texts: frozenset[str], plan: Plan) -> Iterator[RawRows]:
    for number, stream in enumerate(source):
        if stream.split != plan.source:
            continue
        starts = plan.starts(number)
        for block, rows in enumerate(stream.rows(texts)):
            names = class_names(rows.labels, as_numbers=plan.as_numbers) if len(plan.strata) > 1 else rows.labels
            chosen = np.sort(plan.divided(number, block, names, starts)["train"])
            columns = {name: _of_rows(column, chosen) for name, column in rows.columns.items()}
            yield RawRows(columns, rows.labels[chosen])


def _of_rows(column: Column, chosen: Places) -> Column:
    return column.of_rows(chosen) if isinstance(column, Texts) else column[chosen]


@dataclass
class _Fit:
    """What is known of one column's rows of train."""

    name: str
    kind: ColumnKind
    rows: int = 0
    hours: bool = False

    def __post_init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, column: Column) -> Doubles | None:
        """Some rows more: their numbers, if there is a median of them."""
        self.rows += len(column)
        if self.kind.name == Numeric.kind and not isinstance(column, Texts):
            return column
        if self.kind.name == Date.kind and isinstance(column, Texts):
            days = [found.days if (found := moment(text, self.kind.order)) else np.nan for text in column.values]
            self.hours = self.hours or any(day % 1 > 0 for day in days)
            return np.array([*days, np.nan])[column.places]
        if self.kind.name == Category.kind and isinstance(column, Texts):
            counts = np.bincount(column.places + 1, minlength=len(column.values) + 1).tolist()
            self._counts.update(dict(zip(["", *column.values], counts, strict=True)))
        return None

    def treatment(self, present: int, median: float | None) -> Treatment:
        """The column's treatment, once all rows were seen."""
        if self.kind.name == LeftOut.kind:
            return LeftOut(self.name, self.kind.why)
        if self.kind.name == Category.kind:
            return self._category()
        if median is None:
            return LeftOut(self.name, _EMPTY)
        if self.kind.name == Date.kind:
            return Date(self.name, self.kind.order, median, present < self.rows, self.hours)
        return Numeric(self.name, median, present < self.rows)

    def _category(self) -> Treatment:
        """Its values in train but the rare ones: those of fewer rows than 1 %, where that is between 2 and 10."""
        rows = {value: count for value, count in self._counts.items() if count}
        if not rows.keys() - {""}:
            return LeftOut(self.name, _EMPTY)
        fewest = max(2, min(10, self.rows // 100))
        frequent = sorted((value for value in rows if rows[value] >= fewest), key=lambda value: (-rows[value], value))
        kept = frequent[:_MOST_VALUES]
        return Category(self.name, tuple(sorted(kept)), len(kept) < len(rows))


_EMPTY: Final = "every row of train is empty"


def _features(column: Treatment, held: Column, chosen: Places) -> Floats:
    if not isinstance(held, Texts):
        assert isinstance(column, Numeric)
        return column.of_numbers(held[chosen])
    texts = held.of_rows(chosen)
    return column.of_cells([*texts.values, ""])[texts.places]


def _cells(column: Column, chosen: Places) -> list[str]:
    if not isinstance(column, Texts):
        return [written(value) for value in column[chosen].tolist()]
    texts = column.of_rows(chosen)
    values = [*texts.values, ""]
    return [values[place] for place in texts.places.tolist()]
