"""The rows of a CSV, gzipped or not, once its head is known.

pandas' C parser does the work, in chunks of bounded size. Where it fails, or something is missing, the file is read
once more by the slow and careful parser of the standard library, to say which lines and columns are wrong.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.csv_delimiter import REMEDY, rows
from scripts.csv_head import Head
from scripts.errors import ScriptError
from scripts.featurizer import is_number
from scripts.files import opened
from scripts.problems import LABEL, Faults, kind_of
from scripts.tables import CHUNK_ROWS, Array, Table, checked, stacked

_CHUNK_VALUES: Final = 8_000_000
_CHUNK_CELLS: Final = 500_000  # a text takes some sixty bytes, a number four
_FEWEST_COUNTED: Final = 10


def read_csv(path: Path, head: Head) -> Table:
    """All rows of one file. Blank lines are passed over. `ScriptError` names the first line that is wrong."""
    columns = tuple(head.names[place] for place in head.features) if head.lines else ()
    table, error = None, None
    try:
        features, labels = _parse(path, head)
        table = checked(Table(path.name, features, labels, columns, label=head.described()))
    except ScriptError as reason:
        error = reason
    if table is None or table.problems:
        table = _with_care(path, head, columns)  # which knows lines, where a table knows rows
        if error and not table.problems:
            raise error
        table = checked(table)
    _not_an_index(path, head, table.labels)
    return table


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


def read_cells(path: Path, head: Head) -> Iterator[tuple[list[Array], Array]]:
    """The columns of the features and the labels of some rows at a time, all as text. `ScriptError` as above."""
    try:
        for frame in _frames(path, head, dict.fromkeys(_names(head), str), _CHUNK_CELLS):
            cells = [frame[str(place)].to_numpy(object) for place in range(len(head.names))]
            if any(not isinstance(cell, str) for cell in cells[-1]):
                raise ScriptError(f"{path.name}: a line is too short; {REMEDY}")
            yield [cells[place] for place in head.features], cells[head.label]
    except ScriptError:
        _with_care(path, head, ())  # which knows the line
        raise


def _parse(path: Path, head: Head) -> tuple[Array, Array]:
    names = _names(head)
    wanted = [names[place] for place in head.features]
    features, labels = [], []
    for frame in _frames(path, head, dict.fromkeys(names, str) | dict.fromkeys(wanted, np.float32), _CHUNK_VALUES):
        labels.append(frame[names[head.label]].to_numpy(object))
        features.append(frame[wanted].to_numpy(np.float32))
    return (
        stacked(features, len(wanted)),
        np.concatenate(labels) if labels else np.empty(0, object),
    )


def _names(head: Head) -> list[str]:
    return [str(column) for column in range(len(head.names))]


def _frames(path: Path, head: Head, types: dict[str, Any], values: int) -> Iterator[Any]:
    """Data frames of bounded size, whose columns are called by their place."""
    import pandas as pd

    names = _names(head)
    try:
        with opened(path) as stream, warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield from pd.read_csv(
                stream,
                sep=head.delimiter,
                header=None,
                skiprows=head.lines,
                names=names,
                dtype=types,
                index_col=False,
                keep_default_na=False,
                na_values=dict.fromkeys(names, []),
                chunksize=max(1, values // len(names)),
                encoding="utf-8",
            )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ScriptError(f"{path.name}: no readable CSV ({error}); {REMEDY}") from None


def _with_care(path: Path, head: Head, columns: tuple[str, ...]) -> Table:
    """The same rows, each value that is none noted and NaN; `ScriptError` for a line of another width."""
    faults = Faults(path.name, "line")
    labels: list[str] = []
    parts: list[Array] = []
    block: list[list[str]] = []
    with opened(path) as stream:
        lines = rows(stream, path, head.delimiter)
        if head.lines:
            next(lines)
        for line, cells in lines:
            if len(cells) != len(head.names):
                raise ScriptError(
                    f"{path.name}: line {line} has {len(cells)} fields where the first line has {len(head.names)}; "
                    "every line needs the same columns"
                )
            labels.append(cells[head.label])
            block.append(_noted(cells, head, line, faults))
            if len(block) == CHUNK_ROWS:
                parts.append(np.array(block, np.float32))
                block.clear()
    parts.append(np.array(block, np.float32).reshape(len(block), len(head.features)))
    names = [f"column {repr(head.names[place]) if head.lines else place + 1}" for place in range(len(head.names))]
    found = faults.problems(
        [names[place] for place in head.features],
        names[head.label],
        len(labels),
        [_hint(head, p) for p in head.features],
    )
    features = stacked(parts, len(head.features))
    return Table(path.name, features, np.array(labels, object), columns, label=head.described(), problems=tuple(found))


def _noted(cells: list[str], head: Head, line: int, faults: Faults) -> list[str]:
    """The features of a line, as what float32 can be made of."""
    label = cells[head.label].strip()
    if not label or is_number(label) and not math.isfinite(float(label)):
        faults.add(-1, LABEL, line, label)
    values = [cells[place] for place in head.features]
    for index, value in enumerate(values):
        if kind := kind_of(value):
            faults.add(index, kind, line, value)
            values[index] = "nan"
    return values


def _hint(head: Head, place: int) -> str:
    """What else may be meant by a feature that is no number, where nobody named the label."""
    where = "LabelColumn=NAME" if head.lines else "LabelColumn=last" if place == len(head.names) - 1 else ""
    return f" (if it is the label, give {where})" if where and not head.given else ""
