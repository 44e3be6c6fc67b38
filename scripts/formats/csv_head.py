"""The first line of a CSV: whether it is a header, and which column is the label.

A line of names alone is a header; a line of numbers beside the label is the first row. The label is the column that the
caller names, or the first or last if so told; else the one that a header calls label, target, class or y, and without
a header the first. A line that fits neither kind, or both, is refused: a wrong guess would be learnt without a word.
Columns that have names can be left out by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scripts.errors import ScriptError
from scripts.features.featurizer import GAPS, is_number
from scripts.formats.column_choice import left_out, nameless
from scripts.formats.csv_delimiter import delimiter_of, rows
from scripts.formats.files import opened
from scripts.formats.reading_options import ALL, AUTO, FIRST, LAST, Reading

_PLACES: Final = (AUTO, FIRST, LAST)
_LABELS: Final = ("label", "target", "class", "y")
# How pandas and R head the column of row names: not at all, and pandas so when it reads and writes it once more.
_ROW_NAMES: Final = ("", "Unnamed: 0")
_SHOWN: Final = 12


@dataclass(frozen=True)
class Head:
    """What the first line says: the fields' names, how many lines the header takes (0: none), the label's place.

    `given` is False where nobody named the label; `row_names` says that the first column only names the rows; `out`
    are the columns that the user does not want.
    """

    names: tuple[str, ...]
    lines: int
    label: int
    given: bool = False
    row_names: bool = False
    delimiter: str = ","
    out: frozenset[int] = frozenset()

    @property
    def features(self) -> tuple[int, ...]:
        """The places of the features."""
        places = range(int(self.row_names), len(self.names))
        return tuple(place for place in places if place != self.label and place not in self.out)

    def described(self) -> str:
        """The label, for people."""
        name = f"{self.names[self.label]!r} (" if self.lines else "("
        unnamed = ", the unnamed first column left out" if self.row_names else ""
        more = f", {len(self.out)} left out as wished" if self.out else ""
        return f"{name}column {self.label + 1} of {len(self.names)}{unnamed}{more})"


def read_heads(paths: Sequence[Path], reading: Reading) -> dict[Path, Head]:
    """The head of each file. Files without a header have the columns of those that have one, as `split -l` leaves them.

    Raises `ScriptError` for a head that can be read in two ways.
    """
    heads = {path: _read_head(path, reading) for path in paths}
    leader = next((head for head in heads.values() if head.lines), None)
    if leader is None:
        if reading.label_column not in _PLACES:
            raise ScriptError(
                f"{paths[0].name}: no column named {reading.label_column!r}: its first line holds values, no names; "
                "give LabelColumn=first or LabelColumn=last, or put a line of names before it"
            )
        if reading.columns != ALL:
            raise nameless(paths[0].name)
        return heads
    for path, head in heads.items():
        if not head.lines:
            if len(head.names) != len(leader.names):
                raise ScriptError(
                    f"{path.name}: {len(head.names)} columns and no header, where other files have a header of "
                    f"{len(leader.names)}; all files must have the same columns"
                )
            heads[path] = replace(leader, lines=0, delimiter=head.delimiter)
    return heads


def named_head(names: Sequence[str], file: str, reading: Reading, lines: int = 1) -> Head:
    """The head of a table whose columns have names, in whatever format it comes."""
    head = _with_label(names, file, reading.label_column, lines)
    return replace(head, out=left_out({place: names[place] for place in head.features}, reading.columns, file))


def _with_label(names: Sequence[str], file: str, label_column: str, lines: int) -> Head:
    row_names = _has_row_names(names)
    if label_column not in _PLACES:
        label = _place(names, label_column, file)
        return Head(tuple(names), lines, label, given=True, row_names=row_names and label > 0)
    if label_column == AUTO:
        return Head(tuple(names), lines, _called_label(names, file, row_names), row_names=row_names)
    label = len(names) - 1 if label_column == LAST else 0
    if row_names and label == 0:
        raise ScriptError(
            f"{file}: the first column has no name, as pandas writes the names of rows, so it is no label; "
            f"give LabelColumn=NAME, one of {_listed(names[1:])}"
        )
    return Head(tuple(names), lines, label, given=True, row_names=row_names)


def _read_head(path: Path, reading: Reading) -> Head:
    delimiter, label_column, header = delimiter_of(path), reading.label_column, reading.header
    with opened(path) as stream:
        line, first = next(rows(stream, path, delimiter), (0, []))
    if not first:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    label = len(first) - 1 if label_column == LAST else 0
    names = [cell.strip() for cell in first]  # blanks after commas are no part of a name
    known = label_column not in _PLACES and label_column in names
    place = f"{path.name}: line {line}"
    if header == "false" or header == AUTO and not known and not _is_header(first, label, place, label_column):
        return Head(tuple(first), 0, label, given=label_column in (FIRST, LAST), delimiter=delimiter)
    return replace(named_head(names, path.name, reading, line), delimiter=delimiter)


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
    return not is_number(cell) and cell.casefold() not in GAPS


def _counts(cells: Sequence[str]) -> bool:
    """Whether three fields or more are 0, 1, 2, ... or 1, 2, 3, ..., the first of which may be a text instead."""
    if len(cells) < 3 or cells[1] not in ("0", "1", "2"):
        return False
    start = int(cells[1])
    counted = [str(number) for number in range(start, start + len(cells) - 1)] == list(cells[1:])
    return counted and (cells[0] == str(start - 1) if is_number(cells[0]) else start < 2)


def _called_label(names: Sequence[str], file: str, row_names: bool) -> int:
    """The one column whose name says that it is the label."""
    found = [place for place, name in enumerate(names) if name.strip().casefold() in _LABELS]
    if len(found) == 1:
        return found[0]
    which = " and ".join(repr(names[place]) for place in found)
    said = f"{which} both may be the label" if found else f"none of its columns is called {_either(_LABELS)}"
    raise ScriptError(
        f"{file}: {said}; say which is the label by LabelColumn=NAME, one of {_listed(names[int(row_names) :])}"
    )


def _place(names: Sequence[str], label_column: str, file: str) -> int:
    if label_column not in names:
        raise ScriptError(
            f"{file}: no column named {label_column!r} in its header ({_listed(names)}); choose one of these"
        )
    if names.count(label_column) > 1:
        raise ScriptError(f"{file}: its header has more than one {label_column!r}; rename all but the label")
    return names.index(label_column)


def _has_row_names(names: Sequence[str]) -> bool:
    return len(names) > 1 and names[0].strip() in _ROW_NAMES


def _listed(names: Sequence[str], most: int = _SHOWN) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
