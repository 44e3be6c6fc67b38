"""CSV with the label in the first or a named column, with or without a header, gzipped or not.

pandas' C parser does the work, in chunks of bounded size. Where it fails, the file is read once more by the slow and
careful parser of the standard library, only to say which line and column are wrong.
"""

from __future__ import annotations

import codecs
import csv
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.files import opened
from scripts.tables import Array, Table, checked

FIRST: Final = "first"
_CHUNK_VALUES: Final = 8_000_000


def read_csv(path: Path, label_column: str) -> Table:
    """All rows of one file. `label_column` is "first" or a name in the header; a header is found by itself."""
    names, header = _head(path, label_column)
    width = len(names)
    label = 0 if label_column == FIRST else names.index(label_column)
    features, labels = _parse(path, width, label, header)
    columns = tuple(name for index, name in enumerate(names) if index != label) if header else ()
    table = Table(path.name, features, labels, columns, unit="line", first=1 + header)
    _check_labels(table)
    return checked(table)


def _head(path: Path, label_column: str) -> tuple[list[str], int]:
    """The first line's fields, and how many lines (0 or 1) are header."""
    with opened(path) as stream:
        first = next(_rows(stream, path), None)
    if not first:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    if label_column == FIRST:
        return first, int(any(not _is_number(cell) for cell in first[1:]))
    if label_column not in first:
        shown = ", ".join(first[:12]) + (", ..." if len(first) > 12 else "")
        raise ScriptError(f"{path.name}: no column named {label_column!r} in its header ({shown})")
    return first, 1


def _parse(path: Path, width: int, label: int, header: int) -> tuple[Array, Array]:
    import pandas as pd

    names = [str(column) for column in range(width)]
    types: dict[str, Any] = dict.fromkeys(names, np.float32) | {str(label): str}
    features, labels = [], []
    try:
        with opened(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frames = pd.read_csv(
                stream,
                header=None,
                skiprows=header,
                names=names,
                dtype=types,
                index_col=False,
                keep_default_na=False,
                na_values=dict.fromkeys(names, []),
                skip_blank_lines=False,
                chunksize=max(1, _CHUNK_VALUES // width),
                encoding="utf-8",
            )
            for frame in frames:
                labels.append(frame.pop(str(label)).to_numpy(object))
                features.append(frame.to_numpy(np.float32))
    except (ValueError, pd.errors.ParserWarning) as error:
        raise _explained(path, width, label, header, error) from None
    return (
        np.concatenate(features) if features else np.empty((0, width - 1), np.float32),
        np.concatenate(labels) if labels else np.empty(0, object),
    )


def _explained(path: Path, width: int, label: int, header: int, error: Exception) -> ScriptError:
    """The first line that is wrong, found by the careful parser."""
    with opened(path) as stream:
        names: list[str] = []
        for line, cells in enumerate(_rows(stream, path), 1):
            if line <= header:
                names = cells
                continue
            if len(cells) != width:
                return ScriptError(
                    f"{path.name}: line {line} has {len(cells)} fields where the first line has {width}; every "
                    "line needs the same columns"
                )
            for column, cell in enumerate(cells):
                if column != label and not (_is_number(cell) and math.isfinite(float(cell))):
                    name = f"{names[column]!r}" if names else f"{column + 1}"
                    return ScriptError(
                        f"{path.name}: line {line}, column {name}: {cell!r} is no finite number; features must be"
                    )
    return ScriptError(f"{path.name}: no readable CSV ({error})")


def _check_labels(table: Table) -> None:
    for row, value in enumerate(table.labels):
        if not isinstance(value, str) or not value.strip():
            raise ScriptError(f"{table.place(row)}: the label is empty; fill it in or remove the line")


def _rows(stream: IO[bytes], path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(codecs.iterdecode(stream, "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path.name}: it is no UTF-8 text ({error.reason} at byte {error.start})") from None
    except csv.Error as error:
        raise ScriptError(f"{path.name}: no readable CSV ({error})") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
