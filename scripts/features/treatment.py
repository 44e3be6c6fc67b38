"""Which treatment each column of a table gets, and its fit on train.

The kind of a column follows from all its rows, so that every split agrees; medians, flags and categories are those of
train alone. What cannot be learnt, such as a column of texts of which nearly every row has its own, is left out, and
said so; what may be a slip of the pen is a problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scripts.features.featurizer import (
    ORDERS,
    Category,
    Date,
    Featurizer,
    Floats,
    LeftOut,
    Numeric,
    Treatment,
    is_number,
    moment,
    written,
)
from scripts.features.raw_columns import RawTables
from scripts.formats.tables import Array
from scripts.profiling.leaks import leaks
from scripts.profiling.problems import DATES, LEAK, MIXED, Faults, Problem
from scripts.splitting.splits import Split

_MOSTLY: Final = 0.9
_OWN: Final = 0.5
_FEWEST_OWN: Final = 20
_FEWEST_COUNTED: Final = 10
_MOST_VALUES: Final = 100
_MOST_LEAKING: Final = 1000
_MOST_NAMED: Final = 8


@dataclass(frozen=True)
class ColumnKind:
    """What a column is: number, category, date, or left out, and then why; the order of a date's parts."""

    name: str
    why: str = ""
    order: str = ""


def kinds_of(raw: RawTables) -> tuple[ColumnKind, ...]:
    """The kinds of all columns."""
    return tuple(
        ColumnKind(LeftOut.kind, "it counts the rows")
        if texts is None and all(_counts(table.features[:, index]) for table in raw.every())
        else _kind(_values(raw, index), texts)
        for index, texts in enumerate(raw.texts)
    )


def problems_of(raw: RawTables, kinds: Sequence[ColumnKind]) -> list[Problem]:
    """All that is wrong with the tables, whatever the treatment."""
    found = [problem for table in raw.every() for problem in table.problems]
    found += [problem for problem in leaks(raw.every()) if raw.texts[problem.index] is None]
    for index, (kind, texts) in enumerate(zip(kinds, raw.texts, strict=True)):
        if texts is None:
            continue
        values = _values(raw, index)
        if kind.name == MIXED:
            found.append(_strangers(raw, index, texts, [is_number(text) for text in texts], MIXED))
        elif kind.name == DATES:
            found.append(_strangers(raw, index, texts, [bool(_orders([text])) for text in texts], DATES))
        elif kind.name == "category" and _leaks(values, texts, raw):
            faults = Faults(raw.every()[0].file)
            faults.add(index, LEAK, 1, "", len(values))
            found += faults.problems([f"column {name!r}" for name in raw.names], "", len(values))
    return found


def fit(raw: RawTables, kinds: Sequence[ColumnKind], train: Split) -> Featurizer:
    """The treatments, fitted on the rows of train."""
    columns = []
    for index, (name, kind, texts) in enumerate(zip(raw.names, kinds, raw.texts, strict=True)):
        columns.append(_fitted(name, kind, train.features[train.rows, index], texts or ()))
    return Featurizer(tuple(columns))


def left_out(featurizer: Featurizer) -> str:
    """Which columns no feature is made of, and why; empty where there are none."""
    columns = [column for column in featurizer.columns if isinstance(column, LeftOut)]
    named = ", ".join(f"{column.name} ({column.why})" for column in columns[:_MOST_NAMED])
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    return f"left out: {named}{more}" if columns else ""


def treated(raw: RawTables, featurizer: Featurizer, split: Split) -> Split:
    """A split whose features are those that the featurizer makes."""
    rows = len(split)
    features = np.empty((rows, len(featurizer.features)), np.float32)
    at = 0
    for index, (column, texts) in enumerate(zip(featurizer.columns, raw.texts, strict=True)):
        width = len(column.features)
        if width:
            features[:, at : at + width] = _features(column, split.features[split.rows, index], texts)
        at += width
    return Split(features, split.labels, np.arange(rows))


def raw_rows(raw: RawTables, split: Split) -> Iterator[list[str]]:
    """The cells of a split's rows, as a client would send them."""
    for row in split.rows.tolist():
        yield [
            written(value) if texts is None else "" if value != value else texts[int(value)]
            for value, texts in zip(split.features[row].tolist(), raw.texts, strict=True)
        ]


def _features(column: Treatment, values: Array, texts: Sequence[str] | None) -> Floats:
    if isinstance(column, Numeric):
        return column.of_numbers(values)
    made = column.of_cells([*(texts or ()), ""])
    return made[np.where(np.isnan(values), len(made) - 1, values).astype(np.intp)]


def _values(raw: RawTables, index: int) -> Array:
    """A column of all tables."""
    return np.concatenate([table.features[:, index] for table in raw.every()])


def _counts(values: Array) -> bool:
    """Whether the numbers are those from one to another, each once, in any order."""
    different = len(np.unique(values))
    return bool(different == len(values) >= _FEWEST_COUNTED and np.ptp(values) == different - 1)


def _kind(values: Array, texts: Sequence[str] | None) -> ColumnKind:
    known = values[~np.isnan(values)]
    different = len(np.unique(known))
    if different == 0:
        return ColumnKind(LeftOut.kind, "every row is empty")
    if different == 1 and len(known) == len(values):
        return ColumnKind(LeftOut.kind, "every row is the same")
    if texts is None:
        return ColumnKind(Numeric.kind)
    counts = np.bincount(known.astype(np.intp), minlength=len(texts))
    total = int(counts.sum())
    orders = _orders(texts)
    if orders:
        return ColumnKind(Date.kind, order=orders[0]) if len(orders) == 1 else ColumnKind(DATES)
    numbers = int(counts[[is_number(text) for text in texts]].sum())
    if numbers >= _MOSTLY * total:
        return ColumnKind(MIXED)
    if sum(int(count) for text, count in zip(texts, counts, strict=True) if _orders([text])) >= _MOSTLY * total:
        return ColumnKind(DATES)
    if different > max(_FEWEST_OWN, _OWN * total):
        return ColumnKind(LeftOut.kind, "it is text, nearly every row its own")
    return ColumnKind(Category.kind)


def _orders(texts: Sequence[str]) -> list[str]:
    """The orders of year, month and day in which all texts are dates; day first where points say so."""
    orders = [order for order in ORDERS if all(moment(text, order) for text in texts)]
    return ["dmy"] if len(orders) > 1 and all("." in text[:3] for text in texts) else orders


def _fitted(name: str, kind: ColumnKind, values: Array, texts: Sequence[str]) -> Treatment:
    known = values[~np.isnan(values)]
    flag = len(known) < len(values)
    if kind.name == LeftOut.kind:
        return LeftOut(name, kind.why)
    if not len(known):
        return LeftOut(name, "every row of train is empty")
    if kind.name == Numeric.kind:
        return Numeric(name, float(np.median(known)), flag)
    if kind.name == Date.kind:
        found = [moment(text, kind.order) for text in texts]
        places = known.astype(np.intp)
        days = np.array([part.days if part else np.nan for part in found])
        hours = any((part := found[place]) is not None and part.days % 1 > 0 for place in np.unique(places).tolist())
        return Date(name, kind.order, float(np.median(days[places])), flag, hours)
    return _category(name, values, texts)


def _category(name: str, values: Array, texts: Sequence[str]) -> Category:
    """Its values in train but the rare ones: those of fewer rows than 1 %, where that is between 2 and 10."""
    places = np.where(np.isnan(values), len(texts), values).astype(np.intp)
    counts = np.bincount(places, minlength=len(texts) + 1)
    rows = {value: int(count) for value, count in zip([*texts, ""], counts, strict=True) if count}
    fewest = max(2, min(10, len(values) // 100))
    frequent = sorted((value for value in rows if rows[value] >= fewest), key=lambda value: (-rows[value], value))
    kept = frequent[:_MOST_VALUES]
    return Category(name, tuple(sorted(kept)), len(kept) < len(rows))


def _strangers(raw: RawTables, index: int, texts: Sequence[str], fit: Sequence[bool], kind: str) -> Problem:
    """The cells of a column that are not as nearly all others are; where all are alike, the first of them."""
    strange = ~np.array(fit) if not all(fit) else np.array(fit)
    for table in raw.every():
        values = table.features[:, index]
        places = np.where(np.isnan(values), 0, values).astype(np.intp)
        rows = np.flatnonzero(strange[places] & ~np.isnan(values))
        if len(rows):
            faults = Faults(table.file, table.unit)
            faults.add(index, kind, table.first + int(rows[0]), texts[places[rows[0]]], len(rows))
            return next(faults.problems([f"column {name!r}" for name in raw.names], "", len(table)))
    raise AssertionError("a column is mixed, but no cell is strange")


def _leaks(values: Array, texts: Sequence[str], raw: RawTables) -> bool:
    """Whether every label has one text and every text one label: then the column is the label in other words."""
    if len(texts) > _MOST_LEAKING or np.isnan(values).any() or len(values) < _FEWEST_COUNTED:
        return False
    labels = np.concatenate([table.labels.astype(str) for table in raw.every()])
    known, which = np.unique(labels, return_inverse=True)
    pairs = np.unique(which * len(texts) + values.astype(np.intp))
    return len(known) > 1 and len(pairs) == len(known) == len(np.unique(values))
