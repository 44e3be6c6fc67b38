"""Rows of CSV as an endpoint takes them: columns by name where there is a header, the label kept apart.

What names are known comes from the data that the model learnt from; a file that lacks a feature, or has another number
of columns, is refused before anything is sent.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from pipeline.errors import DataError
from pipeline.operate.deployed_model import DeployedData

_SHOWN: Final = 5
_TRUTH: Final = {"true": "1", "false": "0"}
_END: Final = "\r\n"


@dataclass(frozen=True)
class Sent:
    """One row: the line to send, what the file says that the answer is, and the header that its request begins with."""

    line: bytes
    truth: str = ""
    header: bytes = b""


def sent_csv(path: Path, file: Iterable[bytes], data: DeployedData | None) -> Iterator[Sent]:
    """The rows of an open file. Raises DataError."""
    from scripts.errors import ScriptError
    from scripts.formats.csv_delimiter import delimiter_of

    try:
        lines = csv.reader(codecs.iterdecode(file, "utf-8-sig"), delimiter=delimiter_of(path))
        cells = filter(_is_row, lines)
        head = next(cells, None)
        if head is None:
            return
        if data is None or not _is_header(head, data):
            yield from _unnamed(path, chain([head], cells), data)
        else:
            yield from sent_names(path, head, cells, data)
    except ScriptError as error:
        raise DataError(str(error)) from None
    except csv.Error as error:
        raise DataError(f"{path} is no readable CSV: {error}") from None


def _is_row(cells: Sequence[str]) -> bool:
    """Whether a line is not blank; a lone gap in quotes is a row, as are gaps with marks between them."""
    return len(cells) > 1 or cells != [] and (not cells[0] or not cells[0].isspace())


def _is_header(head: Sequence[str], data: DeployedData) -> bool:
    """Whether the first line is one of names: most of those that the model needs, the label's, or not one number.

    A model that takes raw rows may have columns that are text alone, so there a line without numbers is no sign.
    """
    cells = {cell.strip() for cell in head}
    if 2 * len(cells & set(data.features)) > len(data.features) > 0:
        return True
    return not data.raw and (data.label in cells - {""} or not any(_is_number(cell) for cell in head))


def sent_names(path: Path, head: Sequence[str], cells: Iterable[list[str]], data: DeployedData) -> Iterator[Sent]:
    """Rows whose columns have these names. Raises DataError.

    A container that treats rows reads the header itself, but for one of numbers alone, which it takes for a row.
    """
    from scripts.features.featurizer import is_numbers

    names = [name.strip() for name in head]
    label = names.index(data.label) if data.label in names else None
    header = b""
    if data.raw and not is_numbers(names):
        kept = [place for place in range(len(names)) if place != label]
        header = _line([names[place] for place in kept])
    elif not data.features:
        raise DataError(
            f"{path} has a header, and the model's features have no names", hint="leave the header out of the file"
        )
    else:
        if missing := [name for name in data.features if name not in names]:
            shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
            raise DataError(
                f"{path} lacks {len(missing)} of the model's {len(data.features)} features: {shown}",
                hint="the file must name them all, in any order; other columns are passed over",
            )
        kept = [names.index(name) if name in names else -1 for name in data.columns or data.features]
    for number, row in enumerate(cells, 1):
        if len(row) != len(names):
            raise DataError(f"{path}, row {number}: {len(row)} fields where the header has {len(names)}")
        sent = [row[place] if place >= 0 else "" for place in kept]
        truth = row[label] if label is not None else ""
        yield Sent(_line(sent if data.raw else [_number(text) for text in sent]), truth, header)


def cell(value: object, *, raw: bool) -> str:
    """A value of JSON or Parquet as a cell: a gap is empty, a truth value 1 or 0 to a model that takes numbers."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return str(value).lower() if raw else str(int(value))
    return str(value)


def _unnamed(path: Path, cells: Iterable[list[str]], data: DeployedData | None) -> Iterator[Sent]:
    """Rows without a header: those of features alone go as they are, one field more is the label."""
    for number, row in enumerate(cells, 1):
        place = None if data is None else data.place
        if data is None or len(row) == data.width:
            yield Sent(_line(row if data is None or data.raw else [_number(text) for text in row]))
        elif len(row) == data.width + 1 and place is not None:
            sent = [*row[:place], *row[place + 1 :]]
            yield Sent(_line(sent if data.raw else [_number(text) for text in sent]), row[place])
        else:
            what = "columns" if data.raw else "features"
            raise DataError(
                f"{path}, row {number}: {len(row)} fields where the model has {data.width} {what}",
                hint=f"give the {what} alone, or with the label where the model's own data had it"
                + (", or put a line of names before them" if data.raw else ""),
            )


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=_END).writerow(cells)  # what it ends a line with is quoted within a cell
    return text.getvalue().removesuffix(_END).encode() + b"\n"


def _number(text: str) -> str:
    """A cell as a model takes it that takes numbers: truth values are 1 and 0, as the training reads them."""
    return _TRUTH.get(text.strip().casefold(), text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
