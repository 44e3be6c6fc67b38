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
_REMEDY: Final = "save it as plain CSV: UTF-8, commas, a row a line"
_CHUNK_VALUES: Final = 8_000_000
_LARGEST: Final = float(np.finfo(np.float32).max)


def read_csv(path: Path, label_column: str) -> Table:
    """All rows of one file. `label_column` is "first" or a name in the header; a header is found by itself.

    Blank lines are passed over. `ScriptError` names the first line that is wrong.
    """
    names, header = _head(path, label_column)
    label = 0 if label_column == FIRST else names.index(label_column)
    columns = tuple(name for index, name in enumerate(names) if index != label) if header else ()
    try:
        features, labels = _parse(path, len(names), label, header)
        if not all(isinstance(value, str) and value.strip() for value in labels):
            raise ScriptError(f"{path.name}: a label is empty")
        return checked(Table(path.name, features, labels, columns))
    except ScriptError as error:
        raise _first_wrong(path, names, label, header) or error from None


def _head(path: Path, label_column: str) -> tuple[list[str], int]:
    """The fields of the first line, and how many lines the header is the end of: 0 where there is none."""
    with opened(path) as stream:
        line, first = next(_rows(stream, path), (0, []))
    if not first:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    if len(first) == 1 and (other := next((mark for mark in ";\t|" if mark in first[0]), None)):
        raise ScriptError(f"{path.name}: its fields are divided by {other!r}; {_REMEDY}")
    if label_column == FIRST:
        return first, line if any(not _is_number(cell) for cell in first[1:]) else 0
    if label_column not in first:
        shown = ", ".join(first[:12]) + (", ..." if len(first) > 12 else "")
        raise ScriptError(f"{path.name}: no column named {label_column!r} in its header ({shown}); choose one of these")
    if first.count(label_column) > 1:
        raise ScriptError(f"{path.name}: its header has more than one {label_column!r}; rename all but the label")
    return first, line


def _parse(path: Path, width: int, label: int, header: int) -> tuple[Array, Array]:
    import pandas as pd

    names = [str(column) for column in range(width)]
    types: dict[str, Any] = dict.fromkeys(names, np.float32) | {str(label): str}
    features, labels = [], []
    try:
        with opened(path) as stream, warnings.catch_warnings(), np.errstate(over="ignore"):
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
                chunksize=max(1, _CHUNK_VALUES // width),
                encoding="utf-8",
            )
            for frame in frames:
                labels.append(frame.pop(str(label)).to_numpy(object))
                features.append(frame.to_numpy(np.float32))
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ScriptError(f"{path.name}: no readable CSV ({error}); {_REMEDY}") from None
    return (
        _stacked(features, width - 1),
        np.concatenate(labels) if labels else np.empty(0, object),
    )


def _stacked(parts: list[Array], width: int) -> Array:
    """All rows in one array. The parts are given up one by one, so that there is never twice as much as needed."""
    rows = np.empty((sum(map(len, parts)), width), np.float32)  # no memory before it is written
    end = len(rows)
    while parts:
        part = parts.pop()
        rows[end - len(part) : end] = part
        end -= len(part)
    return rows


def _first_wrong(path: Path, names: list[str], label: int, header: int) -> ScriptError | None:
    """The first line that is wrong, found by the careful parser."""
    with opened(path) as stream:
        rows = _rows(stream, path)
        if header:
            next(rows)
        for line, cells in rows:
            if reason := _reason(cells, names, label, header):
                return ScriptError(f"{path.name}: line {line}{reason}")
    return None


def _reason(cells: list[str], names: list[str], label: int, header: int) -> str:
    """What is wrong with a line, as the end of a sentence; empty where nothing is."""
    if len(cells) != len(names):
        return f" has {len(cells)} fields where the first line has {len(names)}; every line needs the same columns"
    for column, cell in enumerate(cells):
        name = repr(names[column]) if header else str(column + 1)
        if column == label and (not cell.strip() or _is_number(cell) and not math.isfinite(float(cell))):
            return f", column {name}: the label is {cell.strip() or 'empty'}; fill it in or remove the line"
        if column != label and not (_is_number(cell) and abs(float(cell)) <= _LARGEST):
            other = " (if it is the label, choose it as label column)" if header and label == 0 and cell.strip() else ""
            return f", column {name}: {cell!r} is no finite float32; fill it in or remove the line{other}"
    return ""


def _rows(stream: IO[bytes], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank: its number in the file, from 1, and its fields."""
    rows = csv.reader(codecs.iterdecode(stream, "utf-8-sig"))
    try:
        yield from ((rows.line_num, cells) for cells in rows if cells)
    except UnicodeDecodeError as error:
        raise ScriptError(
            f"{path.name}: line {rows.line_num + 1} is no UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # what follows is advice to programmers
        raise ScriptError(f"{path.name}: no readable CSV ({reason}); {_REMEDY}") from None


def _is_number(cell: str) -> bool:
    """Whether pandas reads it as a number too, which knows neither 1_000 nor the digits of other scripts."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell
