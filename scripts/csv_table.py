"""The rows of a CSV, gzipped or not, once its head is known.

pandas' C parser does the work, in chunks of bounded size. Where it fails, the file is read once more by the slow and
careful parser of the standard library, only to say which line and column are wrong.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.csv_head import REMEDY, Head, is_number, rows
from scripts.errors import ScriptError
from scripts.files import opened
from scripts.tables import Array, Table, checked

_CHUNK_VALUES: Final = 8_000_000
_FEWEST_COUNTED: Final = 10
_LARGEST: Final = float(np.finfo(np.float32).max)


def read_csv(path: Path, head: Head) -> Table:
    """All rows of one file. Blank lines are passed over. `ScriptError` names the first line that is wrong."""
    columns = tuple(head.names[place] for place in head.features) if head.lines else ()
    try:
        features, labels = _parse(path, head)
        if not all(isinstance(value, str) and value.strip() for value in labels):
            raise ScriptError(f"{path.name}: a label is empty")
        _not_an_index(path, head, labels)
        return checked(Table(path.name, features, labels, columns, label=head.described()))
    except ScriptError as error:
        raise _first_wrong(path, head) or error from None


def _not_an_index(path: Path, head: Head, labels: Array) -> None:
    """A column that nobody called the label is none where it only counts the rows, as pandas' index does."""
    if head.given or head.lines or len(labels) < _FEWEST_COUNTED or not labels[0].isdecimal():
        return
    start = int(labels[0])
    if all(label == str(number) for number, label in enumerate(labels, start)):
        raise ScriptError(
            f"{path.name}: column {head.label + 1}, the label where there is no header, only counts the rows "
            f"({start}, {start + 1}, ...); remove it, or give LabelColumn=first if it is the label"
        )


def _parse(path: Path, head: Head) -> tuple[Array, Array]:
    import pandas as pd

    width = len(head.names)
    names = [str(column) for column in range(width)]
    wanted = [names[place] for place in head.features]
    types: dict[str, Any] = dict.fromkeys(names, str) | dict.fromkeys(wanted, np.float32)
    features, labels = [], []
    try:
        with opened(path) as stream, warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frames = pd.read_csv(
                stream,
                header=None,
                skiprows=head.lines,
                names=names,
                dtype=types,
                index_col=False,
                keep_default_na=False,
                na_values=dict.fromkeys(names, []),
                chunksize=max(1, _CHUNK_VALUES // width),
                encoding="utf-8",
            )
            for frame in frames:
                labels.append(frame[names[head.label]].to_numpy(object))
                features.append(frame[wanted].to_numpy(np.float32))
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ScriptError(f"{path.name}: no readable CSV ({error}); {REMEDY}") from None
    return (
        _stacked(features, len(wanted)),
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


def _first_wrong(path: Path, head: Head) -> ScriptError | None:
    """The first line that is wrong, found by the careful parser."""
    with opened(path) as stream:
        lines = rows(stream, path)
        if head.lines:
            next(lines)
        for line, cells in lines:
            if reason := _reason(cells, head):
                return ScriptError(f"{path.name}: line {line}{reason}")
    return None


def _reason(cells: list[str], head: Head) -> str:
    """What is wrong with a line, as the end of a sentence; empty where nothing is."""
    if len(cells) != len(head.names):
        return f" has {len(cells)} fields where the first line has {len(head.names)}; every line needs the same columns"
    for column in sorted((head.label, *head.features)):
        cell = cells[column]
        name = repr(head.names[column]) if head.lines else str(column + 1)
        if column == head.label and (not cell.strip() or is_number(cell) and not math.isfinite(float(cell))):
            return f", column {name}: the label is {cell.strip() or 'empty'}; fill it in or remove the line"
        if column != head.label and not (is_number(cell) and abs(float(cell)) <= _LARGEST):
            where = "LabelColumn=NAME" if head.lines else "LabelColumn=last" if column == len(cells) - 1 else ""
            other = f" (if it is the label, give {where})" if where and not head.given and cell.strip() else ""
            return f", column {name}: {cell!r} is no finite float32; fill it in or remove the line{other}"
    return ""
