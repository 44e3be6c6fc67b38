"""A table as its source wrote it, as a stream: columns of numbers, and columns of texts with each row's place in them.

What is missing is NaN, or no place. Whether a column holds numbers is known only at its end, so whoever reads says
which hold texts, and is told of a text elsewhere. Blocks are of equal size whatever the format, since a row's place
among them decides its split.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.features.featurizer import is_number, normal, written
from scripts.formats.blocks import blocks
from scripts.formats.columnar import columnar_head, read_batches
from scripts.formats.csv_head import Head, read_heads
from scripts.formats.csv_table import read_cells
from scripts.formats.reading_options import Reading
from scripts.formats.sources import CSV, NAMED, Found, SourceFile, find
from scripts.formats.sparse import SparseForm
from scripts.formats.streams import Stream, streams
from scripts.formats.tables import Array, check_features, floats
from scripts.profiling.problems import MISSING, Problem

BLOCK_CELLS: Final = 500_000
_FEWEST_BLOCK_ROWS: Final = 1000

Cells = Array
"""One column of some rows as the source has it: numbers, or an object array of texts and None."""
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Texts:
    """A column of texts: each row's place in `values`, which are spelled as they are compared; -1 for a gap."""

    places: Places
    values: list[str]

    def __len__(self) -> int:
        return len(self.places)

    def of_rows(self, rows: Places) -> Texts:
        """Some of the rows, and no more values than they have."""
        used, places = np.unique(self.places[rows], return_inverse=True)
        gap = int(len(used) > 0 and used[0] < 0)
        return Texts(places - gap, [self.values[place] for place in used[gap:].tolist()])


Column = Array | Texts


@dataclass(frozen=True)
class RawChunk:
    """Some rows of a file: their columns by name, and their labels."""

    columns: dict[str, Cells]
    labels: Array


@dataclass(frozen=True)
class RawRows:
    """The same, where it is known which columns are numbers (float64)."""

    columns: dict[str, Column]
    labels: Array


class IsTextError(Exception):
    """Columns that were taken for numbers hold texts."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True)
class RawStream:
    """One file's rows of one split, read a piece at a time, and again for each pass; row 0 was `unit` number `first`.

    `key` is the file's path below the data's place. `problems` are None where the reader has to find them,
    `form` is that of rows that were sparse.
    """

    key: str
    split: str
    file: str
    unit: str
    first: int
    label: str
    names: tuple[str, ...]
    chunks: Callable[[Collection[str]], Iterator[RawChunk]]
    problems: tuple[Problem, ...] | None = None
    form: SparseForm | None = None

    def rows(self, texts: Collection[str]) -> Iterator[RawRows]:
        """Blocks of rows. Raises `IsTextError` for texts in a column that is not among `texts`."""
        for *columns, labels in blocks(self._parts(texts), _block_rows(len(self.names))):
            found = {name: _column(cells, name in texts) for name, cells in zip(self.names, columns, strict=True)}
            known = {name: column for name, column in found.items() if column is not None}
            if len(known) < len(found):
                raise IsTextError(found.keys() - known.keys())
            yield RawRows(known, labels)

    def _parts(self, texts: Collection[str]) -> Iterator[list[Array]]:
        for chunk in self.chunks(texts):
            if self.names != tuple(chunk.columns):
                raise ScriptError(_differs(self.file, self.names, tuple(chunk.columns)))
            yield [*chunk.columns.values(), chunk.labels]


def raw_streams(place: Path, reading: Reading, *, form: SparseForm | None = None) -> list[RawStream]:
    """The data at `place`. `ScriptError` for what is no table, and files of different columns.

    `form` is that of a sparse format's rows, if it is known.
    """
    source = find(place)
    if source.kind == CSV:
        heads = read_heads(source.files, reading)
        found = [_of_csv(file, heads[file.path]) for file in source.divided()]
    elif source.kind in NAMED:
        found = [_of_columnar(source, file, reading) for file in source.divided()]
    else:
        found = [_of_numbers(stream) for stream in streams(place, reading, form=form)]
    for stream in found:
        check_features(stream.file, len(stream.names))
        if stream.names != found[0].names:
            raise ScriptError(_differs(stream.file, found[0].names, stream.names))
    return found


def numbers_of(cells: Cells) -> Array | None:
    """Texts as float64, gaps as NaN; None where one is neither."""
    import pandas as pd

    series = pd.Series(cells, dtype=object)
    values: Array = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, copy=True)
    left = series[np.isnan(values)].fillna("")
    spelled = {cell: normal(str(cell)) for cell in left.unique()}  # with blanks that pandas does not know
    if any(text and not is_number(text) for text in spelled.values()):
        return None
    values[left.index] = left.map({cell: float(text or "nan") for cell, text in spelled.items()})
    return values


def _of_csv(file: SourceFile, head: Head) -> RawStream:
    names = [head.names[place].strip() if head.lines else f"column {place + 1}" for place in head.features]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ScriptError(f"{file.path.name}: its header has more than one {twice!r}; rename all but one")

    def chunks(texts: Collection[str]) -> Iterator[RawChunk]:
        held = [place for name, place in zip(names, head.features, strict=True) if name in texts]
        for features, labels in read_cells(file.path, head, held):
            yield RawChunk(dict(zip(names, features, strict=True)), labels)

    first, label = 1 + head.lines, head.described()
    return RawStream(file.key, file.split, file.path.name, "line", first, label, tuple(names), chunks)


def _of_columnar(source: Found, file: SourceFile, reading: Reading) -> RawStream:
    of = (file.path, source.place, source.kind, reading)
    table = columnar_head(*of)

    def chunks(_: Collection[str]) -> Iterator[RawChunk]:
        size = _block_rows(len(table.columns))
        for batch in read_batches(*of):
            for start in range(0, len(batch.labels), size):  # a text takes more here than it does in Arrow
                cells = {name: _arrow_cells(column.slice(start, size)) for name, column in batch.features.items()}
                yield RawChunk(cells, batch.labels[start : start + size])

    return RawStream(file.key, file.split, file.path.name, "row", 1, table.label, table.columns, chunks)


def _of_numbers(stream: Stream) -> RawStream:
    """Of formats that hold numbers alone, whose gaps are no problem here."""
    names = stream.table.columns or tuple(f"feature {index + 1}" for index in range(stream.width))

    def chunks(_: Collection[str]) -> Iterator[RawChunk]:
        for features, labels in stream.rows():
            yield RawChunk(dict(zip(names, floats(features).astype(np.float64).T, strict=True)), labels)

    parts, told = stream.careful()
    rows = sum(len(labels) for _, labels in parts)
    problems = tuple(problem for problem in told(rows) if problem.kind != MISSING)
    table = stream.table
    return RawStream(
        stream.key, stream.split, table.file, table.unit, table.first, table.label, names, chunks, problems, stream.form
    )


def _block_rows(columns: int) -> int:
    return max(_FEWEST_BLOCK_ROWS, BLOCK_CELLS // columns)


def _column(cells: Cells, text: bool) -> Column | None:
    """None for texts in a column that is taken for numbers."""
    if text:
        return texts_of(cells if cells.dtype.kind == "O" else _spelled(cells))
    return cells.astype(np.float64) if cells.dtype.kind in "biuf" else numbers_of(cells)


def _spelled(cells: Cells) -> Cells:
    """Texts, as the endpoint is sent them, of a column that elsewhere in the data holds texts."""
    return np.array([written(float(value)) for value in cells.tolist()], object)


def texts_of(cells: Cells) -> Texts:
    """A column of texts and None."""
    import pandas as pd

    codes, unique = pd.factorize(cells)  # None is -1
    known: dict[str, int] = {}
    places = np.full(len(unique) + 1, -1, np.intp)
    for index, cell in enumerate(unique.tolist()):
        if text := normal(str(cell)):
            places[index] = known.setdefault(text, len(known))
    return Texts(places[codes], list(known))


def _arrow_cells(column: Any) -> Cells:
    import pyarrow as pa

    types, kind = pa.types, column.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        values: Cells = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    return np.array([None if value is None else _text(value) for value in column.to_pylist()], object)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differs(file: str, known: Sequence[str], names: Sequence[str]) -> str:
    missing, more = [name for name in known if name not in names], [name for name in names if name not in known]
    what = f"no column {missing[0]!r}" if missing else f"a column {more[0]!r}" if more else "columns of another order"
    return f"{file}: it has {what}, unlike the files before it; all files must have the same columns in the same order"
