"""Tables whose columns have names and types: Parquet, and JSON Lines with an object a line, both read by Arrow.

Numbers and truth values become features, a list of numbers a feature for each item. The label is found by name, as in
a CSV with a header. Folders called `name=value`, as Spark and Hive write them, are a column too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.column_choice import ALL
from scripts.formats.csv_head import Head, named_head
from scripts.formats.files import opened
from scripts.formats.tables import Array, Table, checked, stacked
from scripts.profiling.problems import DATE, MISSING, TEXT, Faults, kind_of

PARQUET: Final = "Parquet"
JSON_LINES: Final = "JSON Lines"

_INDEX: Final = re.compile(r"__index_level_\d+__")
_PARTITION: Final = re.compile(r"([^=]+)=(.*)")
_ROWS: Final = 65536
_JSON_BLOCK: Final = 1 << 26


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: its head, the features' columns as Arrow has them, by name, and the labels."""

    head: Head
    features: dict[str, Any]
    labels: Array


def read_columnar(path: Path, place: Path, kind: str, label_column: str, columns: str = ALL) -> Table:
    """One file at or below `place`. `ScriptError` for what Arrow cannot read."""
    features: list[Array] = []
    labels: list[Array] = []
    faults = Faults(path.name)
    batch: Batch | None = None
    for batch in read_batches(path, place, kind, label_column, columns):
        first = 1 + sum(map(len, labels))
        found = [_numbers(part, at, first, faults) for at, part in enumerate(batch.features.values())]
        features.append(np.column_stack(found) if found else np.empty((0, 0), np.float32))
        labels.append(batch.labels)
    if batch is None:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    if len({part.shape[1] for part in features}) > 1:
        raise ScriptError(f"{path.name}: its lists are not equally long; a model needs as many features in every row")
    names = tuple(batch.features)
    rows = stacked(features, len(names))
    return checked(Table(path.name, rows, np.concatenate(labels), names, label=batch.head.described()), faults)


def read_batches(path: Path, place: Path, kind: str, label_column: str, columns: str = ALL) -> Iterator[Batch]:
    """The rows of one file at or below `place`, some at a time. `ScriptError` for what Arrow cannot read."""
    import pyarrow as pa

    folders = dict(_partitions(path, place))
    head: Head | None = None
    try:
        with opened(path) as stream:
            for batch in _batches(stream, kind):
                there = {name: batch.column(name) for name in batch.schema.names if not _INDEX.fullmatch(name)}
                there |= {name: pa.array([value] * len(batch)) for name, value in folders.items()}
                head = head or named_head(tuple(there), path.name, label_column, columns)
                chosen = {head.names[at]: there[head.names[at]] for at in head.features}
                flat = {inner: part for name, column in chosen.items() for inner, part in _flat(name, column, path)}
                yield Batch(head, flat, _labels(there[head.names[head.label]]))
    except pa.ArrowException as error:
        raise ScriptError(f"{path.name}: no readable {kind} ({error}); write the file again") from None


def _batches(stream: IO[bytes], kind: str) -> Iterator[Any]:
    if kind == PARQUET:
        from pyarrow.parquet import ParquetFile

        yield from ParquetFile(stream).iter_batches(batch_size=_ROWS)
    else:
        from pyarrow.json import ReadOptions, read_json

        yield from read_json(stream, ReadOptions(block_size=_JSON_BLOCK)).to_batches(max_chunksize=_ROWS)


def _partitions(path: Path, place: Path) -> Iterator[tuple[str, str]]:
    """The columns that folders stand for."""
    for part in path.relative_to(place).parts[:-1] if path != place else ():
        if match := _PARTITION.fullmatch(part):
            yield match[1], match[2]


def _labels(column: Any) -> Array:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.string())
    labels: Array = column.to_numpy(zero_copy_only=False)
    return labels


def _flat(name: str, column: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """A column as it is, or the columns of its items where they are lists of one length."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if not (types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type)):
        yield name, column
        return
    lengths = pc.list_value_length(column).unique().to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise ScriptError(
            f"{path.name}: column {name!r}: its lists are not equally long; a model needs as many features in every row"
        )
    for item in range(lengths[0]):
        yield f"{name}[{item}]", pc.list_element(column, item)


def _numbers(column: Any, index: int, first: int, faults: Faults) -> Array:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
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
