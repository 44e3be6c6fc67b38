"""Tables whose columns have names and types: Parquet, and JSON Lines with an object a line, both read by Arrow.

Numbers and truth values become features, a list of numbers a feature for each item. The label is found by name, as in
a CSV with a header. Folders called `name=value`, as Spark and Hive write them, are a column too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.csv_head import Head, named_head
from scripts.formats.files import opened
from scripts.formats.reading_options import Reading
from scripts.formats.tables import Array, Table, note_values
from scripts.profiling.problems import DATE, MISSING, TEXT, Faults, kind_of

PARQUET: Final = "Parquet"
JSON_LINES: Final = "JSON Lines"

_INDEX: Final = re.compile(r"__index_level_\d+__")
_PARTITION: Final = re.compile(r"([^=]+)=(.*)")
_ROWS: Final = 65536
_CELLS: Final = 2_000_000
_JSON_BYTES: Final = 1 << 24


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: its head, the features' columns as Arrow has them, by name, and the labels."""

    head: Head
    features: dict[str, Any]
    labels: Array


def columnar_head(path: Path, place: Path, kind: str, reading: Reading) -> Table:
    """One file at or below `place`, without its rows. Raises `ScriptError` where there are none."""
    first = next(read_batches(path, place, kind, reading), None)
    if first is None:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    return Table.without_rows(path.name, tuple(first.features), unit="row", label=first.head.described())


def columnar_rows(
    path: Path, place: Path, kind: str, reading: Reading, names: tuple[str, ...], faults: Faults
) -> Iterator[tuple[Array, Array]]:
    """Features and labels of some rows of one file at a time; what is no number is noted in `faults`, and NaN.

    `names` are the features' that the first rows have. Raises `ScriptError` as below.
    """
    row, noted = 1, set[int]()
    for batch in read_batches(path, place, kind, reading):
        if tuple(batch.features) != names:
            raise ScriptError(
                f"{path.name}: its lists are not equally long; a model needs as many features in every row"
            )
        found = Faults(path.name)
        features = np.column_stack([_numbers(part, at, row, found) for at, part in enumerate(batch.features.values())])
        noted |= found.columns()
        faults.include(found)
        note_values(faults, features, batch.labels, row, noted)
        yield features, batch.labels
        row += len(batch.labels)


def read_batches(path: Path, place: Path, kind: str, reading: Reading) -> Iterator[Batch]:
    """The rows of one file at or below `place`, some at a time. `ScriptError` for what Arrow cannot read."""
    import pyarrow as pa

    folders = dict(_partitions(path, place))
    head: Head | None = None
    try:
        with opened(path) as stream:
            for batch in _parquet(stream) if kind == PARQUET else _json_lines(stream, path):
                there = {name: batch.column(name) for name in batch.schema.names if not _INDEX.fullmatch(name)}
                there |= {name: pa.array([value] * len(batch)) for name, value in folders.items()}
                head = head or named_head(tuple(there), path.name, reading)
                chosen = {name: _plain(name, there[name], path) for name in (head.names[at] for at in head.features)}
                flat = {inner: part for name, column in chosen.items() for inner, part in _flat(name, column, path)}
                yield Batch(head, flat, _labels(head.names[head.label], there, path))
    except pa.ArrowException as error:
        raise ScriptError(f"{path.name}: no readable {kind} ({error}); write the file again") from None


def _parquet(stream: IO[bytes]) -> Iterator[Any]:
    """Batches of bounded size. What a list holds counts too."""
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(stream)
    cells = 1
    if file.metadata.num_row_groups:
        group = file.metadata.row_group(0)
        values = sum(group.column(at).num_values for at in range(group.num_columns))
        cells = max(1, values // max(1, group.num_rows))
    yield from file.iter_batches(batch_size=max(1, min(_ROWS, _CELLS // cells)))


def _json_lines(stream: IO[bytes], path: Path) -> Iterator[Any]:
    """Batches of bounded size with the same columns of the same types, which all rows decide, as if read at once."""
    from pyarrow.json import ParseOptions

    state = path.stat()
    schema = _json_schema(path, state.st_size, state.st_mtime_ns)
    for block in _blocks(stream):
        yield from _json(block, ParseOptions(explicit_schema=schema)).to_batches(max_chunksize=_ROWS)


@lru_cache(maxsize=64)
def _json_schema(path: Path, size: int, changed: int) -> Any:
    """The columns of all rows of a file, which is known by its size and the time of its last change."""
    import pyarrow as pa

    schema = None
    with opened(path) as stream:
        for block in _blocks(stream):
            found = _json(block).schema
            schema = found if schema is None else pa.unify_schemas([schema, found], promote_options="permissive")
    return schema


def _json(block: bytes, parse: Any = None) -> Any:
    from pyarrow.json import ReadOptions, read_json

    return read_json(io.BytesIO(block), ReadOptions(block_size=len(block) + 1), parse)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time; the whole of what is smaller."""
    while block := stream.read(_JSON_BYTES):
        yield block + stream.readline()


def _partitions(path: Path, place: Path) -> Iterator[tuple[str, str]]:
    """The columns that folders stand for."""
    for part in path.relative_to(place).parts[:-1] if path != place else ():
        if match := _PARTITION.fullmatch(part):
            yield match[1], match[2]


def _plain(name: str, column: Any, path: Path) -> Any:
    """A column without a dictionary; bytes are texts, as writers that know no texts mean them."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_binary(column.type) or types.is_large_binary(column.type) or types.is_fixed_size_binary(column.type):
        try:
            return column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            raise ScriptError(
                f"{path.name}: column {name!r}: it holds bytes that are no UTF-8 text; leave it out by Features=!NAME"
            ) from None
    return column


def _labels(name: str, columns: Mapping[str, Any], path: Path) -> Array:
    import pyarrow as pa

    types, column = pa.types, _plain(name, columns[name], path)
    if types.is_nested(column.type):
        raise ScriptError(
            f"{path.name}: column {name!r}, the label, holds {column.type}, where a number or a text belongs in each "
            "row"
        )
    if types.is_temporal(column.type):
        return np.array([None if value is None else str(value) for value in column.to_pylist()], object)
    if types.is_decimal(column.type):
        column = column.cast(pa.string())
    labels: Array = column.to_numpy(zero_copy_only=False)
    return labels


def _flat(name: str, column: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """A column as it is, or the columns of its items where they are lists of one length."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if not (types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type)):
        if types.is_nested(column.type):
            raise ScriptError(_nested(name, column.type, path))
        yield name, column
        return
    if types.is_nested(column.type.value_type):
        raise ScriptError(_nested(name, column.type, path))
    lengths = pc.list_value_length(column).unique().to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise ScriptError(
            f"{path.name}: column {name!r}: its lists are not equally long; a model needs as many features in every row"
        )
    for item in range(lengths[0]):
        yield f"{name}[{item}]", _plain(name, pc.list_element(column, item), path)


def _nested(name: str, kind: Any, path: Path) -> str:
    return (
        f"{path.name}: column {name!r}: it holds {kind}, where a number, a text or a list of these belongs in each "
        "row; write its parts as columns of their own, or leave it out by Features=!NAME"
    )


def _numbers(column: Any, index: int, first: int, faults: Faults) -> Array:
    import pyarrow as pa

    types, kind = pa.types, column.type
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        with np.errstate(over="ignore"):
            return _float32(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    values = column.to_pylist()
    wrong = DATE if types.is_temporal(kind) else TEXT
    found = np.full(len(values), np.nan, np.float32)
    for row, value in enumerate(values):
        text = "" if value is None else str(value)
        if fault := MISSING if value is None else kind_of(text) if isinstance(value, str) else wrong:
            faults.add(index, fault, first + row, text)
        else:
            found[row] = float(text)
    return found


def _float32(values: Array) -> Array:
    found: Array = values.astype(np.float32)
    return found
