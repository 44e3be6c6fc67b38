"""A table as its source wrote it: numbers as numbers, and all other columns as places in a list of their texts.

What is missing is NaN. Whether a column holds numbers is known only at its end, so a file is read once more where a
text turns up in a column that was taken for numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import normal, written
from scripts.formats.column_choice import ALL
from scripts.formats.columnar import Batch, read_batches
from scripts.formats.csv_head import AUTO, Head, read_heads
from scripts.formats.csv_table import read_cells
from scripts.formats.sources import CSV, NAMED, Found, examine, find
from scripts.formats.tables import Array, Table, bad_labels, floats
from scripts.profiling.problems import INFINITE, LABEL, MISSING, Faults, Problem

Cells = Array
"""One column of some rows: float64, or an object array of texts and None."""


@dataclass(frozen=True)
class RawChunk:
    """Some rows of a file: their columns by name, and their labels."""

    columns: dict[str, Cells]
    labels: Array


@dataclass(frozen=True)
class RawTables:
    """Tables by split whose features are float64: numbers, or places in the texts of their column."""

    tables: dict[str, list[Table]]
    names: tuple[str, ...]
    texts: tuple[tuple[str, ...] | None, ...]

    def every(self) -> list[Table]:
        """All tables."""
        return [table for part in self.tables.values() for table in part]


class _IsTextError(Exception):
    """A column that was taken for numbers holds texts; it is in the set of those that do now."""


@dataclass
class _Reading:
    """One reading of all files, with the columns that are known to hold texts."""

    texts: set[str]
    columns: dict[str, dict[str, int] | None] = field(default_factory=dict)
    """Each column's texts and their places; None as long as it is taken for numbers."""

    def table(self, file: str, unit: str, first: int, label: str, chunks: Iterable[RawChunk]) -> Table:
        """The rows of one file. Raises `ScriptError`, and `_IsTextError` once the rows of a chunk were looked at."""
        faults = Faults(file, unit)
        features: list[Array] = []
        labels: list[Array] = []
        row = first
        for chunk in chunks:
            if self.columns and list(self.columns) != list(chunk.columns):
                raise ScriptError(_differs(file, list(self.columns), list(chunk.columns)))
            found = [self._numbers(name, cells) for name, cells in chunk.columns.items()]
            if any(values is None for values in found):
                raise _IsTextError
            part = np.column_stack([values for values in found if values is not None])
            _note(faults, part, row, chunk.labels)
            features.append(part)
            labels.append(chunk.labels)
            row += len(part)
        if not features:
            raise ScriptError(f"{file}: no rows; give data with at least one example")
        names = list(self.columns)
        if len(names) != len(set(names)) or not names:
            raise ScriptError(f"{file}: no features beside the label; give at least one more column")
        problems = tuple(faults.problems([f"column {name!r}" for name in names], "", row - first))
        return Table(file, np.concatenate(features), _joined(labels), tuple(names), unit, first, label, problems)

    def _numbers(self, name: str, cells: Cells) -> Array | None:
        texts = self.columns.setdefault(name, {} if name in self.texts else None)
        if texts is not None:
            return _places(_as_texts(cells), texts)
        values = cells.astype(np.float64) if cells.dtype.kind in "biuf" else numbers_of(cells)
        if values is None:
            self.texts.add(name)
        return values


def read_raw(place: Path, label_column: str = AUTO, header: str = AUTO, columns: str = ALL) -> RawTables:
    """The data at `place`; what of it cannot be learnt in any way is among the tables' problems."""
    found = find(place)
    if found.kind not in NAMED:
        return _of_arrays(examine(place, label_column, header, columns))
    texts: set[str] = set()
    while True:
        reading = _Reading(texts)
        try:
            tables = {path: reading.table(*of) for path, of in _files(found, label_column, header, columns)}
        except _IsTextError:
            continue
        known = reading.columns
        return RawTables(
            found.grouped(tables),
            tuple(known),
            tuple(None if texts is None else tuple(texts) for texts in known.values()),
        )


def numbers_of(cells: Cells) -> Array | None:
    """Texts as float64, gaps as NaN; None where one is neither."""
    import pandas as pd

    series = pd.Series(cells, dtype=object)
    values: Array = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
    unread = series[np.isnan(values)].fillna("").unique()
    return values if all(not normal(str(cell)) for cell in unread) else None


def _files(found: Found, label_column: str, header: str, columns: str) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    if found.kind == CSV:
        for path, head in read_heads(found.files, label_column, header, columns).items():
            yield path, (path.name, "line", 1 + head.lines, head.described(), _csv_chunks(path, head))
        return
    for path in found.files:
        batches = read_batches(path, found.place, found.kind, label_column, columns)
        first = next(batches, None)
        if first is None:
            raise ScriptError(f"{path.name}: no rows; give data with at least one example")
        yield path, (path.name, "row", 1, first.head.described(), _columnar_chunks([first], batches))


def _csv_chunks(path: Path, head: Head) -> Iterator[RawChunk]:
    names = [head.names[place].strip() if head.lines else f"column {place + 1}" for place in head.features]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ScriptError(f"{path.name}: its header has more than one {twice!r}; rename all but one")
    for features, labels in read_cells(path, head):
        yield RawChunk(dict(zip(names, features, strict=True)), labels)


def _columnar_chunks(first: list[Batch], rest: Iterator[Batch]) -> Iterator[RawChunk]:
    for batch in itertools.chain(first, rest):
        yield RawChunk({name: _arrow_cells(column) for name, column in batch.features.items()}, batch.labels)


def _arrow_cells(column: Any) -> Cells:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        values: Cells = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    return np.array([None if value is None else _text(value) for value in column.to_pylist()], object)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_texts(cells: Cells) -> Cells:
    """Texts, as the endpoint is sent them, of a column that elsewhere in the data holds texts."""
    if cells.dtype.kind == "O":
        return cells
    return np.array([written(float(value)) for value in cells.tolist()], object)


def _places(cells: Cells, texts: dict[str, int]) -> Array:
    """Each cell's place in `texts`, which grow; NaN for gaps."""
    import pandas as pd

    codes, unique = pd.factorize(cells)  # None is -1
    places = np.full(len(unique) + 1, np.nan)
    for index, cell in enumerate(unique.tolist()):
        if text := normal(str(cell)):
            places[index] = texts.setdefault(text, len(texts))
    found: Array = places[codes]
    return found


def _note(faults: Faults, part: Array, first: int, labels: Array) -> None:
    """Infinite values, and labels that are none."""
    bad = np.abs(part) > np.finfo(np.float32).max
    for column in np.flatnonzero(bad.any(axis=0)).tolist():
        rows = np.flatnonzero(bad[:, column])
        faults.add(column, INFINITE, first + int(rows[0]), float(part[rows[0], column]), len(rows))
    if len(rows := bad_labels(labels)):
        faults.add(-1, LABEL, first + int(rows[0]), str(labels[rows[0]]).strip(), len(rows))


def _joined(labels: Sequence[Array]) -> Array:
    if any(part.dtype.kind in "OU" for part in labels):
        labels = [part.astype(object) for part in labels]
    return np.concatenate(list(labels))


def _differs(file: str, known: list[str], names: list[str]) -> str:
    missing, more = [name for name in known if name not in names], [name for name in names if name not in known]
    what = f"no column {missing[0]!r}" if missing else f"a column {more[0]!r}" if more else "columns of another order"
    return f"{file}: it has {what}, unlike the files before it; all files must have the same columns in the same order"


def _of_arrays(tables: dict[str, list[Table]]) -> RawTables:
    """Formats that hold numbers alone; their gaps are no problem here."""

    def own(table: Table) -> Table:
        problems: tuple[Problem, ...] = tuple(p for p in table.problems if p.kind != MISSING)
        features = floats(table.features).astype(np.float64)
        return replace(table, features=features, problems=problems)

    made = {split: [own(table) for table in part] for split, part in tables.items()}
    first = next(iter(made.values()))[0]
    names = first.columns or tuple(f"feature {index + 1}" for index in range(first.features.shape[1]))
    return RawTables(made, names, (None,) * len(names))
