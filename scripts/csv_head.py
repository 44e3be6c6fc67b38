"""The first line of a CSV: whether it is a header, and which column is the label.

A line of names alone is a header; a line of numbers beside the label is the first row. The label is the column that the
caller names, or the first or last if so told; else the one that a header calls label, target, class or y, and without
a header the first. A line that fits neither kind, or both, is refused: a wrong guess would be learnt without a word.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from scripts.errors import ScriptError
from scripts.files import opened

AUTO: Final = "auto"
FIRST: Final = "first"
LAST: Final = "last"
HEADERS: Final = (AUTO, "true", "false")
REMEDY: Final = "save it as plain CSV: UTF-8, commas, a row a line"

_PLACES: Final = (AUTO, FIRST, LAST)
_LABELS: Final = ("label", "target", "class", "y")
_GAPS: Final = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", ".")
# How pandas and R head the column of row names: not at all, and pandas so when it reads and writes it once more.
_ROW_NAMES: Final = ("", "Unnamed: 0")
_SHOWN: Final = 12


@dataclass(frozen=True)
class Head:
    """What the first line says: the fields' names, how many lines the header takes (0: none), the label's place.

    `given` is False where nobody named the label; `row_names` says that the first column only names the rows.
    """

    names: tuple[str, ...]
    lines: int
    label: int
    given: bool = False
    row_names: bool = False

    @property
    def features(self) -> tuple[int, ...]:
        """The places of the features."""
        return tuple(place for place in range(int(self.row_names), len(self.names)) if place != self.label)

    def described(self) -> str:
        """The label, for people."""
        name = f"{self.names[self.label]!r} (" if self.lines else "("
        left_out = ", the unnamed first column left out" if self.row_names else ""
        return f"{name}column {self.label + 1} of {len(self.names)}{left_out})"


def read_heads(paths: Sequence[Path], label_column: str = AUTO, header: str = AUTO) -> dict[Path, Head]:
    """The head of each file. Files without a header have the columns of those that have one, as `split -l` leaves them.

    Raises `ScriptError` for a head that can be read in two ways.
    """
    heads = {path: _read_head(path, label_column, header) for path in paths}
    leader = next((head for head in heads.values() if head.lines), None)
    if leader is None:
        if label_column not in _PLACES:
            raise ScriptError(
                f"{paths[0].name}: no column named {label_column!r}: its first line holds values, no names; give "
                "LabelColumn=first or LabelColumn=last, or put a line of names before it"
            )
        return heads
    for path, head in heads.items():
        if not head.lines:
            if len(head.names) != len(leader.names):
                raise ScriptError(
                    f"{path.name}: {len(head.names)} columns and no header, where other files have a header of "
                    f"{len(leader.names)}; all files must have the same columns"
                )
            heads[path] = replace(leader, lines=0)
    return heads


def rows(stream: IO[bytes], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank: its number in the file, from 1, and its fields."""
    lines = csv.reader(codecs.iterdecode(stream, "utf-8-sig"))
    try:
        yield from ((lines.line_num, cells) for cells in lines if cells)
    except UnicodeDecodeError as error:
        raise ScriptError(
            f"{path.name}: line {lines.line_num + 1} is no UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # what follows is advice to programmers
        raise ScriptError(f"{path.name}: no readable CSV ({reason}); {REMEDY}") from None


def is_number(cell: str) -> bool:
    """Whether pandas reads it as a number too, which knows neither 1_000 nor the digits of other scripts."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def _read_head(path: Path, label_column: str, header: str) -> Head:
    with opened(path) as stream:
        line, first = next(rows(stream, path), (0, []))
    if not first:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    if len(first) == 1 and (other := next((mark for mark in ";\t|" if mark in first[0]), None)):
        raise ScriptError(f"{path.name}: its fields are divided by {other!r}; {REMEDY}")
    named = label_column if label_column not in _PLACES else ""
    label = len(first) - 1 if label_column == LAST else 0
    place = f"{path.name}: line {line}"
    known = bool(named) and named in first
    if header == "false" or header == AUTO and not known and not _is_header(first, label, place, label_column):
        return Head(tuple(first), 0, label, given=label_column in (FIRST, LAST))
    if named:
        label = _place(first, named, path)
        return Head(tuple(first), line, label, given=True, row_names=_has_row_names(first) and label > 0)
    row_names = _has_row_names(first)
    if label_column == AUTO:
        return Head(tuple(first), line, _called_label(first, path, row_names), row_names=row_names)
    if row_names and label == 0:
        raise ScriptError(
            f"{path.name}: the first column has no name, as pandas writes the names of rows, so it is no label; "
            f"give LabelColumn=NAME, one of {_listed(first[1:])}"
        )
    return Head(tuple(first), line, label, given=True, row_names=row_names)


def _is_header(first: Sequence[str], label: int, place: str, label_column: str) -> bool:
    """Whether the first line is a header; `ScriptError` where it could be both or neither."""
    cells = [cell.strip() for cell in first]
    names = [cell for at, cell in enumerate(cells) if at != label and _is_name(cell)]
    if not names:
        if _counts(cells):
            raise ScriptError(
                f"{place} counts the columns ({_listed(cells, 4)}): it may be a header or a row; give "
                "CsvHeader=true or CsvHeader=false"
            )
        return False
    value = next((cell for at, cell in enumerate(cells) if is_number(cell) or at and not cell), None)
    if value is None:
        return True
    if label_column == AUTO and names == cells[-1:]:
        raise ScriptError(
            f"{place} has the name {names[0]!r} in its last field alone; give LabelColumn=last if it is the label"
        )
    raise ScriptError(
        f"{place} has the name {names[0]!r} beside {repr(value) if value else 'an empty field'}: it may be a header "
        "or a row; give CsvHeader=true or CsvHeader=false"
    )


def _is_name(cell: str) -> bool:
    return not is_number(cell) and cell.casefold() not in _GAPS


def _counts(cells: Sequence[str]) -> bool:
    """Whether three fields or more are 0, 1, 2, ... or 1, 2, 3, ..., the first of which may be a text instead."""
    if len(cells) < 3 or cells[1] not in ("0", "1", "2"):
        return False
    start = int(cells[1])
    counted = [str(number) for number in range(start, start + len(cells) - 1)] == list(cells[1:])
    return counted and (cells[0] == str(start - 1) if is_number(cells[0]) else start < 2)


def _called_label(names: Sequence[str], path: Path, row_names: bool) -> int:
    """The one column whose name says that it is the label."""
    found = [place for place, name in enumerate(names) if name.strip().casefold() in _LABELS]
    if len(found) == 1:
        return found[0]
    which = " and ".join(repr(names[place]) for place in found)
    said = f"{which} both may be the label" if found else f"none of its columns is called {_either(_LABELS)}"
    raise ScriptError(
        f"{path.name}: {said}; say which is the label by LabelColumn=NAME, one of {_listed(names[int(row_names) :])}"
    )


def _place(names: Sequence[str], label_column: str, path: Path) -> int:
    if label_column not in names:
        raise ScriptError(
            f"{path.name}: no column named {label_column!r} in its header ({_listed(names)}); choose one of these"
        )
    if names.count(label_column) > 1:
        raise ScriptError(f"{path.name}: its header has more than one {label_column!r}; rename all but the label")
    return names.index(label_column)


def _has_row_names(names: Sequence[str]) -> bool:
    return len(names) > 1 and names[0].strip() in _ROW_NAMES


def _listed(names: Sequence[str], most: int = _SHOWN) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
