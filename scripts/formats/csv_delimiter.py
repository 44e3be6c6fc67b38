"""What divides the fields of a CSV, whatever its name says: comma, tab, semicolon or bar.

It is the mark in the first line; of several, the one that divides the next lines into as many fields.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Final

from scripts.errors import ScriptError
from scripts.formats.files import opened

REMEDY: Final = "save it as plain CSV: UTF-8, one delimiter, a row a line"

_MARKS: Final = ",\t;|"
_LINES: Final = 50


def rows(stream: IO[bytes], path: Path, delimiter: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank: its number in the file, from 1, and its fields.

    `strict` refuses a quoted field that something else than the delimiter follows.
    """
    lines = csv.reader(codecs.iterdecode(stream, "utf-8-sig"), delimiter=delimiter, strict=strict)
    try:
        yield from ((lines.line_num, cells) for cells in lines if cells)
    except UnicodeDecodeError as error:
        raise ScriptError(
            f"{path.name}: line {lines.line_num + 1} is no UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # what follows is advice to programmers
        raise ScriptError(f"{path.name}: no readable CSV ({reason}); {REMEDY}") from None


def delimiter_of(path: Path) -> str:
    """The file's delimiter; a comma where there is but one column. `ScriptError` where two marks fit."""
    widths = {mark: _widths(path, mark) for mark in _MARKS}
    there = [mark for mark in _MARKS if widths[mark] and widths[mark][0] > 1]
    if len(there) < 2:
        return there[0] if there else ","
    fitting = [mark for mark in there if len(set(widths[mark])) == 1]
    if len(fitting) > 1:  # a mark within quotes divides nothing
        fitting = [mark for mark in fitting if _ends_quotes(path, mark)] or fitting
    if len(fitting) > 1:
        marks = " and ".join(map(repr, fitting))
        raise ScriptError(
            f"{path.name}: {marks} both divide its lines evenly; use one of them alone, and decimal points, or quote "
            "the fields that hold the other"
        )
    return (fitting or there)[0]


def _widths(path: Path, mark: str) -> list[int]:
    widths: list[int] = []
    with suppress(ScriptError), opened(path) as stream:  # what is wrong is told by who reads all of it
        widths.extend(len(cells) for _, cells in islice(rows(stream, path, mark), _LINES))
    return widths


def _ends_quotes(path: Path, mark: str) -> bool:
    """Whether every quoted field is followed by the mark or the line's end."""
    try:
        with opened(path) as stream:
            for _ in islice(rows(stream, path, mark, strict=True), _LINES):
                pass
    except ScriptError:
        return False
    return True
