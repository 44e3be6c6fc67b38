"""The treatment of a table: raw cells become the numbers that linear-learner takes, in training and at the endpoint.

This very file is also `inference.py` of the serving container that stands before linear-learner, so it imports nothing
of this project. What was fitted is data, `featurizer.json`. A cell is text; a number gets the median of train where it
is missing, a category one feature a value, a date its parts.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

FILE: Final = "featurizer.json"
VERSION: Final = 1
GAPS: Final = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "nil", "?", "-", ".")
ORDERS: Final = ("ymd", "dmy", "mdy")
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_LARGEST: Final = float(np.finfo(np.float32).max)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_TIME: Final = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _TIME)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _TIME)
_PLACES: Final = {"ymd": (1, 3, 4), "dmy": (4, 3, 1), "mdy": (4, 1, 3)}
_GAPS: Final = frozenset(GAPS)
_SHOWN: Final = 40
_MOST_NAMED: Final = 8


class RequestError(ValueError):
    """A request that cannot be treated: says which row and column, and why."""


def normal(cell: str) -> str:
    """A cell as it is compared: no line breaks, single blanks, true and false in one spelling, gaps empty."""
    text = " ".join(cell.split())
    folded = text.casefold()
    return "" if folded in _GAPS else folded if folded in ("true", "false") else text


def is_number(cell: str) -> bool:
    """Whether pandas reads it as a number too, which knows neither 1_000 nor the digits of other scripts."""
    try:
        number = float(cell)
    except ValueError:
        return False
    return number == number and cell.isascii() and "_" not in cell


def is_numbers(cells: Sequence[str]) -> bool:
    """Whether a line holds numbers and gaps alone."""
    return all(is_number(cell) or not cell for cell in cells)


def written(number: float) -> str:
    """A number as a cell that is read as the very same number; a gap is empty."""
    if number != number:
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


class Moment(NamedTuple):
    """A date's parts: days since 1970 with the time as a fraction, month from 1, weekday from 0, hour."""

    days: float
    month: int
    weekday: int
    hour: int


def moment(cell: str, order: str) -> Moment | None:
    """The date that a cell names, with year, month and day in the order "ymd", "dmy" or "mdy"; None where it is none.

    Only the time as it is written counts, whatever its zone.
    """
    match = (_YEAR_FIRST if order == "ymd" else _YEAR_LAST).fullmatch(cell)
    if match is None:
        return None
    year, month, day = (int(match[place]) for place in _PLACES[order])
    hour, minute, second = (int(match[place] or 0) for place in (5, 6, 7)) if match[5] else (0, 0, 0)
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    fraction = (hour * 3600 + minute * 60 + second) / 86400
    return Moment(found.toordinal() - _EPOCH + fraction, month, found.weekday(), hour)


@dataclass(frozen=True)
class Numeric:
    """A number: itself, the median of train where it is missing, and a flag if some of train were missing."""

    kind: ClassVar[str] = "number"
    name: str
    median: float
    flag: bool

    @property
    def features(self) -> list[str]:
        """What the features are called."""
        return [self.name, *([f"{self.name} is missing"] if self.flag else [])]

    def of_numbers(self, values: Doubles) -> Floats:
        """Rows of features for values in which a gap is NaN."""
        gaps = np.isnan(values)
        filled = np.where(gaps, self.median, values).astype(np.float32)
        return np.column_stack([filled, gaps.astype(np.float32)]) if self.flag else filled[:, None]

    def of_cells(self, cells: Sequence[str]) -> Floats:
        """The same for cells. Raises RequestError."""
        return self.of_numbers(np.array([self._read(cell, row) for row, cell in enumerate(cells, 1)], np.float64))

    def _read(self, cell: str, row: int) -> float:
        text = normal(cell)
        if not text:
            return float("nan")
        if not is_number(text) or not abs(float(text)) <= _LARGEST:
            raise _no(row, self.name, cell, "number")
        return float(text)


@dataclass(frozen=True)
class Category:
    """A category: one feature for each value, and one for all that are rare in train or unknown, if there were any."""

    kind: ClassVar[str] = "category"
    name: str
    values: tuple[str, ...]
    other: bool

    @property
    def features(self) -> list[str]:
        """What the features are called; a gap is a value of its own."""
        named = [f"{self.name} = {value}" if value else f"{self.name} is missing" for value in self.values]
        return [*named, *([f"{self.name} = any other"] if self.other else [])]

    def of_cells(self, cells: Sequence[str]) -> Floats:
        """Rows of features."""
        place = {value: index for index, value in enumerate(self.values)}
        rows = np.zeros((len(cells), len(self.values) + self.other), np.float32)
        for row, cell in enumerate(cells):
            column = place.get(normal(cell), len(self.values) if self.other else -1)
            if column >= 0:
                rows[row, column] = 1
        return rows


@dataclass(frozen=True)
class Date:
    """A date: days since 1970, one feature a month, a weekday and (if train has times) an hour; a flag as a number's.

    Where it is missing, the days are the median of train and the rest is 0.
    """

    kind: ClassVar[str] = "date"
    name: str
    order: str
    median: float
    flag: bool
    hours: bool

    @property
    def features(self) -> list[str]:
        """What the features are called."""
        months = [f"{self.name}: month {month}" for month in range(1, 13)]
        days = [f"{self.name}: {weekday}" for weekday in WEEKDAYS]
        hours = [f"{self.name}: hour {hour}" for hour in range(24)] if self.hours else []
        flag = [f"{self.name} is missing"] if self.flag else []
        return [f"{self.name}: days", *months, *days, *hours, *flag]

    def of_cells(self, cells: Sequence[str]) -> Floats:
        """Rows of features. Raises RequestError."""
        rows = np.zeros((len(cells), len(self.features)), np.float32)
        for row, cell in enumerate(cells):
            text = normal(cell)
            if not text:
                rows[row, 0] = self.median
                rows[row, -1] = self.flag
                continue
            found = moment(text, self.order)
            if found is None:
                raise _no(row + 1, self.name, cell, f"date like those of train ({self.order})")
            rows[row, 0] = found.days
            rows[row, found.month] = 1
            rows[row, 13 + found.weekday] = 1
            if self.hours:
                rows[row, 20 + found.hour] = 1
        return rows


@dataclass(frozen=True)
class LeftOut:
    """A column that no feature is made of, and why; it may come or not where columns have names."""

    kind: ClassVar[str] = "left out"
    name: str
    why: str

    @property
    def features(self) -> list[str]:
        """None."""
        return []

    def of_cells(self, cells: Sequence[str]) -> Floats:
        """Rows of no feature."""
        return np.empty((len(cells), 0), np.float32)


Treatment = Numeric | Category | Date | LeftOut
_KINDS: Final[Mapping[str, type[Treatment]]] = {kind.kind: kind for kind in (Numeric, Category, Date, LeftOut)}


@dataclass(frozen=True)
class Featurizer:
    """The treatments of all columns but the label's, in the order of the raw data."""

    columns: tuple[Treatment, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """What the features that come out are called."""
        return tuple(name for column in self.columns for name in column.features)

    def of_rows(self, rows: Sequence[Sequence[str]]) -> Floats:
        """Features (rows, features) of rows of cells in the order of the columns. Raises RequestError."""
        if not rows:
            return np.empty((0, len(self.features)), np.float32)
        return np.column_stack(
            [column.of_cells(cells) for column, cells in zip(self.columns, zip(*rows, strict=True), strict=True)]
        )

    def dump(self) -> bytes:
        """The file's content."""
        columns = [{"kind": column.kind, **asdict(column)} for column in self.columns]
        return json.dumps({"version": VERSION, "columns": columns}, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def load(cls, content: bytes) -> Featurizer:
        """What `dump` wrote. Raises ValueError for another version."""
        document = json.loads(content)
        if document.get("version") != VERSION:
            raise ValueError(f"{FILE} is of version {document.get('version')}, not {VERSION}; convert the data again")
        return cls(tuple(_treatment(entry) for entry in document["columns"]))


def _treatment(entry: Mapping[str, Any]) -> Treatment:
    members: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items() if key != "kind"
    }
    return _KINDS[entry["kind"]](**members)


# requests


def read_csv(text: str, featurizer: Featurizer) -> list[list[str]]:
    """The rows of a CSV, with a header in any order of columns or without one. Raises RequestError.

    A first line with the names of all columns that are needed is a header; a line of numbers alone is a row.
    """
    try:
        lines = [cells for cells in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) if cells]
    except csv.Error as error:
        raise RequestError(f"the request is no readable CSV: {error}") from None
    names = featurizer.names
    if not lines:
        return []
    head = [cell.strip() for cell in lines[0]]
    known = set() if is_numbers(head) else set(head) & set(names)
    if known and (missing := _missing(featurizer, known)):
        if 2 * len(known) > len(names):
            raise RequestError(f"the header has no column {_listed(missing)}; the model needs it")
    elif known:
        _once(head, names)
        places = [head.index(name) if name in known else -1 for name in names]
        rows = [_checked(cells, len(head), row) for row, cells in enumerate(lines[1:], 1)]
        return [[cells[place] if place >= 0 else "" for place in places] for cells in rows]
    return [_checked(cells, len(names), row) for row, cells in enumerate(lines, 1)]


def read_json(text: str, featurizer: Featurizer) -> list[list[str]]:
    """The rows of JSON or JSON Lines: objects with the columns' names, or lists in their order, either within
    {"features": ...}, {"instances": [...]} or a list. Raises RequestError."""
    rows = []
    for row, instance in enumerate(_instances(text), 1):
        if isinstance(instance, dict) and "features" in instance and "features" not in featurizer.names:
            instance = instance["features"]
        if isinstance(instance, dict):
            if missing := _missing(featurizer, instance):
                raise RequestError(f"row {row} has no {_listed(missing)}; give null for what is not known")
            rows.append([_cell(instance.get(name), row, name) for name in featurizer.names])
        elif isinstance(instance, list):
            _checked(instance, len(featurizer.names), row)
            named = zip(instance, featurizer.names, strict=True)
            rows.append([_cell(value, row, name) for value, name in named])
        else:
            raise RequestError(f"row {row} is neither an object nor a list")
    return rows


def _instances(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the request is neither JSON nor JSON Lines: {error}") from None
    if isinstance(found, dict):
        found = found.get("instances", [found])
    if not isinstance(found, list):
        raise RequestError("the instances are no list of rows")
    return found if not found or isinstance(found[0], dict | list) else [found]


def _cell(value: Any, row: int, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) else written(value)
    raise RequestError(f"row {row}, column {name!r}: a {type(value).__name__} is no cell")


def _missing(featurizer: Featurizer, known: Any) -> list[str]:
    """The columns that the features are made of and that are not there."""
    return [column.name for column in featurizer.columns if column.features and column.name not in known]


def _once(head: Sequence[str], names: Sequence[str]) -> None:
    if twice := [name for name in names if head.count(name) > 1]:
        raise RequestError(f"the header has {_listed(twice)} more than once")


def _checked(cells: list[Any], width: int, row: int) -> list[Any]:
    if len(cells) != width:
        raise RequestError(f"row {row} has {len(cells)} columns, where {width} belong: those of train but the label")
    return cells


def _no(row: int, name: str, cell: str, what: str) -> RequestError:
    shown = cell if len(cell) <= _SHOWN else f"{cell[: _SHOWN - 1]}…"
    return RequestError(f"row {row}, column {name!r}: {shown!r} is no {what}; leave it empty if it is not known")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more


# the serving container: AWS's scikit-learn image calls these two


def model_fn(folder: str) -> Featurizer:
    """What was fitted, from the container's model."""
    return Featurizer.load((Path(folder) / FILE).read_bytes())


def transform_fn(model: Featurizer, content: Any, content_type: str, accept: str) -> tuple[str, str]:
    """Raw rows as the CSV that linear-learner takes, which is what follows whatever the client accepts in the end."""
    text = content if isinstance(content, str) else bytes(content).decode("utf-8-sig", "replace")
    try:
        features = treated(model, text, content_type)
    except RequestError as error:
        _refuse(str(error))
    form = ",".join(["%.9g"] * features.shape[1])
    return "".join(form % tuple(row) + "\n" for row in features.tolist()), "text/csv"


def treated(model: Featurizer, text: str, content_type: str) -> Floats:
    """The features of the rows of a request. Raises RequestError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _READERS:
        raise RequestError(f"the content type is {kind}; send one of {', '.join(_READERS)}")
    rows = _READERS[kind](text, model)
    if not rows:
        raise RequestError("the request has no rows")
    return model.of_rows(rows)


_READERS: Final = {"text/csv": read_csv, "application/json": read_json, "application/jsonlines": read_json}


def _refuse(reason: str) -> NoReturn:
    """End the request with status 400; the image serves by Flask, which is not there elsewhere."""
    from werkzeug.exceptions import abort
    from werkzeug.wrappers import Response

    abort(Response(reason, 400, mimetype="text/plain"))
