"""The rows of a CSV, gzipped or not, once its head is known.

pandas' C parser does the work, in chunks of bounded size. Where it fails, or something is missing, the file is read
once more by the slow and careful parser of the standard library, to say which lines and columns are wrong.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import GAPS
from scripts.formats.csv_delimiter import REMEDY, rows
from scripts.formats.csv_head import Head
from scripts.formats.files import opened
from scripts.formats.tables import CHUNK_ROWS, Array
from scripts.profiling.problems import LABEL, Faults, Problem, kind_of

Rows = tuple[Array, Array]
"""Features and labels of some rows."""

_CHUNK_VALUES: Final = 2_000_000
_CHUNK_CELLS: Final = 500_000  # a text takes some sixty bytes, a number four
_FEWEST_COUNTED: Final = 10
_BLOCK: Final = 1 << 20
_SPELLED_GAPS: Final = sorted({spelled for gap in GAPS for spelled in (gap, gap.upper(), gap.title(), "NaN")})


class _Index:
    """Whether a column that nobody called the label only counts the rows, as pandas' index does: then it is none."""

    def __init__(self, path: Path, head: Head) -> None:
        self._path, self._head = path, head
        self._start = -1
        self._rows = 0
        self._counts = not head.given and not head.lines

    def add(self, labels: Array) -> None:
        if not self._counts or not len(labels):
            return
        if not self._rows and labels[0].isdecimal():
            self._start = int(labels[0])
        first = self._start + self._rows
        self._counts = self._start >= 0 and all(own == str(number) for number, own in enumerate(labels, first))
        self._rows += len(labels)

    def end(self) -> None:
        """Raises `ScriptError` where it does."""
        if self._counts and self._rows >= _FEWEST_COUNTED:
            raise ScriptError(
                f"{self._path.name}: column {self._head.label + 1}, the label where there is no header, only counts "
                f"the rows ({self._start}, {self._start + 1}, ...); remove it, or give LabelColumn=first if it is the "
                "label"
            )


def read_cells(path: Path, head: Head, texts: Collection[int] = ()) -> Iterator[tuple[list[Array], Array]]:
    """The columns of the features and the labels of some rows at a time. `ScriptError` as above.

    Columns are numbers (float64) or, in places of `texts` and where the reader finds what is none, texts.
    """
    names = _names(head)
    # In a line that is too short pandas finds empty cells at the end, so the last column stays text, where they show.
    quick = [names[place] for place in head.features if place not in texts and place < len(names) - 1]
    done, ends_empty = 0, False
    for numbers in (quick, []) if quick else ([],):
        passed = done
        try:
            for frame in _frames(path, head, dict.fromkeys(names, object), _CHUNK_CELLS, numbers):
                if len(frame) > passed:
                    cells = [frame[name].to_numpy()[passed:] for name in names]
                    ends_empty = ends_empty or bool((cells[-1] == "").any())
                    yield [cells[place] for place in head.features], cells[head.label]
                    done += len(frame) - passed
                passed = max(0, passed - len(frame))
        except ScriptError:
            if not numbers:
                for _ in careful_rows(path, head, Faults(path.name, "line")):  # which knows the line
                    pass
                raise
        else:
            if ends_empty and not _is_even(path, head, done):
                for _ in _even_lines(path, head):
                    pass
            return


def _is_even(path: Path, head: Head, count: int) -> bool:
    """Whether the marks in the file are as many as so many whole rows have; False where quotes may hold some."""
    marks = 0
    with opened(path) as stream:
        while block := stream.read(_BLOCK):
            if b'"' in block:
                return False
            marks += block.count(head.delimiter.encode())
    return marks == (count + bool(head.lines)) * (len(head.names) - 1)


def _even_lines(path: Path, head: Head) -> Iterator[tuple[int, list[str]]]:
    """Each line but the header, with its number; `ScriptError` for one of another width."""
    with opened(path) as stream:
        lines = rows(stream, path, head.delimiter)
        if head.lines:
            next(lines)
        for line, cells in lines:
            if len(cells) == 1 and cells[0].isspace():  # blank to pandas too
                continue
            if len(cells) != len(head.names):
                raise ScriptError(
                    f"{path.name}: line {line} has {len(cells)} fields where the first line has {len(head.names)}; "
                    "every line needs the same columns"
                )
            yield line, cells


def csv_rows(path: Path, head: Head) -> Iterator[Rows]:
    """Features and labels of some rows at a time, fast; `ScriptError` where one is no number or a line is wrong."""
    names, index = _names(head), _Index(path, head)
    wanted = [names[place] for place in head.features]
    for frame in _frames(path, head, dict.fromkeys(names, str) | dict.fromkeys(wanted, np.float32), _CHUNK_VALUES):
        labels = frame[names[head.label]].to_numpy(object)
        index.add(labels)
        yield frame[wanted].to_numpy(np.float32), labels
    index.end()


def _names(head: Head) -> list[str]:
    return [str(column) for column in range(len(head.names))]


def _frames(path: Path, head: Head, types: dict[str, Any], values: int, doubles: Collection[str] = ()) -> Iterator[Any]:
    """Data frames of bounded size, whose columns are called by their place; `doubles` are numbers or gaps."""
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
                dtype=types | dict.fromkeys(doubles, np.float64),
                index_col=False,
                keep_default_na=False,
                na_values=dict.fromkeys(names, []) | dict.fromkeys(doubles, _SPELLED_GAPS),
                chunksize=max(1, values // len(names)),
                encoding="utf-8",
            )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ScriptError(f"{path.name}: no readable CSV ({error}); {REMEDY}") from None


def careful_rows(path: Path, head: Head, faults: Faults) -> Iterator[Rows]:
    """The same rows, each value that is none noted and NaN; `ScriptError` for a line of another width."""
    labels: list[str] = []
    block: list[list[str]] = []
    index = _Index(path, head)

    def taken() -> Rows:
        part = np.array(block, np.float32).reshape(len(block), len(head.features)), np.array(labels, object)
        index.add(part[1])
        block.clear()
        labels.clear()
        return part

    for line, cells in _even_lines(path, head):
        labels.append(cells[head.label])
        block.append(_noted(cells, head, line, faults))
        if len(block) == CHUNK_ROWS:
            yield taken()
    if block:
        yield taken()
    index.end()


def csv_problems(head: Head, faults: Faults, count: int) -> list[Problem]:
    """What was noted while `count` rows were read with care."""
    names = [f"column {repr(head.names[place]) if head.lines else place + 1}" for place in range(len(head.names))]
    features = [names[place] for place in head.features]
    return list(faults.problems(features, names[head.label], count, [_hint(head, place) for place in head.features]))


def _noted(cells: list[str], head: Head, line: int, faults: Faults) -> list[str]:
    """The features of a line, as what float32 can be made of."""
    label = cells[head.label].strip()
    if _is_no_label(label):
        faults.add(-1, LABEL, line, label)
    values = [cells[place] for place in head.features]
    for index, value in enumerate(values):
        if kind := kind_of(value):
            faults.add(index, kind, line, value)
            values[index] = "nan"
    return values


def _is_no_label(text: str) -> bool:
    """Whether a label is empty, or a number and not finite."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return not text


def _hint(head: Head, place: int) -> str:
    """What else may be meant by a feature that is no number, where nobody named the label."""
    where = "LabelColumn=NAME" if head.lines else "LabelColumn=last" if place == len(head.names) - 1 else ""
    return f" (if it is the label, give {where})" if where and not head.given else ""
