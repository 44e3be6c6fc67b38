"""What each column of a table is, found in one pass in bounded memory, whatever the order of the rows.

The kind of a column follows from all rows that train may be taken from, and from no others; a test file with cells of
another kind is a problem, as it is to the endpoint. What cannot be learnt, such as a column of texts of which nearly
every row has its own, is left out; what may be a slip of the pen is a problem.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.features.featurizer import ORDERS, Category, Date, LeftOut, Numeric, is_number, moment
from scripts.features.raw_columns import Texts
from scripts.formats.tables import Array
from scripts.profiling.problems import DATES, MIXED, SPELLED

_MOSTLY: Final = 0.9
_OWN: Final = 0.5
_FEWEST_OWN: Final = 20
_FEWEST_COUNTED: Final = 10
_MOST_LEAKING: Final = 1000
_TEXT_BYTES: Final = 150_000_000
_BYTES_EACH: Final = 150
"""What a text takes beside its letters, in a dictionary of counts."""
_STEP: Final = 1 << 20

_SPELLED: Final = re.compile(
    r"[+-]?(?:\d+,\d+|\d{1,3}(?:[,']\d{3})+(?:\.\d+)?|[$€£¥] ?[+-]?\d[\d,.]*|\d[\d,.]* ?[%$€£¥])", re.ASCII
)
"""Numbers with a decimal comma, marks between thousands, a currency or a percent sign."""

Unsigned = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class ColumnKind:
    """What a column is: number, category, date, or left out, and then why; the order of a date's parts."""

    name: str
    why: str = ""
    order: str = ""


def orders_of(text: str) -> list[str]:
    """The orders of year, month and day in which a text is a date."""
    return [order for order in ORDERS if moment(text, order)] if text[:1].isdigit() else []


def _orders_left(orders: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Those of the orders in which all texts are dates."""
    left = list(orders)
    for text in texts:
        if not left:
            break
        left = [order for order in left if moment(text, order)]
    return left


def is_spelled(text: str) -> bool:
    """Whether a text is a number to people, and none to programs."""
    return _SPELLED.fullmatch(text) is not None


def kind_of_numbers(present: int, rows: int, low: float, high: float, *, counts: bool) -> ColumnKind:
    """Of a column of numbers; `counts` says that they are those from one to another in each file."""
    if counts:
        return ColumnKind(LeftOut.kind, "it counts the rows")
    if not present:
        return ColumnKind(LeftOut.kind, "every row is empty")
    if low == high and present == rows:
        return ColumnKind(LeftOut.kind, "every row is the same")
    return ColumnKind(Numeric.kind)


@dataclass
class _Spelling:
    """In how many rows texts are numbers or dates, and in which orders of a date's parts all of them are."""

    numbers: int = 0
    spelled: int = 0
    dates: int = 0
    orders: list[str] = field(default_factory=lambda: list(ORDERS))
    points: bool = True

    def add(self, texts: Iterable[tuple[str, int]]) -> None:
        for text, count in texts:
            self.numbers += count * is_number(text)
            self.spelled += count * is_spelled(text)
            self.orders = _orders_left(self.orders, [text])
            self.dates += count * bool(self.orders or orders_of(text))
            self.points = self.points and "." in text[:3]

    def order(self) -> list[str]:
        """The orders that are left; day first where points say so."""
        return ["dmy"] if len(self.orders) > 1 and self.points else self.orders


class TextColumn:
    """A column of texts, as far as it was read: how often each is there, as long as they are not too many.

    Too many are more than take a share of the memory that all columns have for them.
    """

    def __init__(self, columns: int) -> None:
        self.rows = self.present = 0
        """Of the split that train is taken from, as is all else but what says otherwise."""
        self.learnt: Counter[str] | None = Counter()
        """The rows of each text; None where they are too many."""
        self._all_rows = 0
        self._elsewhere: list[str] = list(ORDERS)
        """The orders in which all texts of other splits are dates."""
        self._room = _TEXT_BYTES // columns
        self._spelling = _Spelling()
        self._labels: dict[str, str] | None = {}

    def add(self, column: Texts, labels: Texts, *, learnt: bool) -> None:
        """Some rows more."""
        self._all_rows += len(column)
        self._pair(column, labels)
        if not learnt:
            self._elsewhere = _orders_left(self._elsewhere, column.values)
            return
        counts = np.bincount(column.places + 1, minlength=len(column.values) + 1)[1:]
        self.rows += len(column)
        self.present += int(counts.sum())
        found = dict(zip(column.values, counts.tolist(), strict=True))
        if self.learnt is None:
            self._spelling.add(found.items())
        else:
            self._count(self.learnt, found)

    def kind(self) -> ColumnKind:
        """What it is, once all rows were read."""
        spelling = self._spelling
        different = None
        if self.learnt is not None:
            different = len(self.learnt)
            spelling = _Spelling()
            spelling.add(self.learnt.items())
        if different == 0:
            return ColumnKind(LeftOut.kind, "every row is empty")
        if different == 1 and self.present == self.rows:
            return ColumnKind(LeftOut.kind, "every row is the same")
        if orders := spelling.order():
            known = len(orders) == 1 and orders[0] in self._elsewhere
            return ColumnKind(Date.kind if known else DATES, order=orders[0] if len(orders) == 1 else "")
        if spelling.numbers >= _MOSTLY * self.present:
            return ColumnKind(MIXED)
        if spelling.numbers + spelling.spelled >= _MOSTLY * self.present:
            return ColumnKind(SPELLED)
        if spelling.dates >= _MOSTLY * self.present:
            return ColumnKind(DATES)
        if different is None:
            return ColumnKind(LeftOut.kind, "it is text of more different values than are counted")
        if different > max(_FEWEST_OWN, _OWN * self.present):
            return ColumnKind(LeftOut.kind, "it is text, nearly every row its own")
        return ColumnKind(Category.kind)

    def leaks(self) -> bool:
        """Whether every label has one text and every text one label: then the column is the label in other words."""
        if self._labels is None or self._all_rows < _FEWEST_COUNTED:
            return False
        return len(set(self._labels.values())) == len(self._labels) > 1

    def _count(self, counts: Counter[str], found: Mapping[str, int]) -> None:
        self._room -= sum(_BYTES_EACH + len(text) for text in found if text not in counts)
        counts.update(found)
        if self._room < 0 and self.learnt is not None:
            self._spelling.add(self.learnt.items())
            self.learnt = None

    def _pair(self, column: Texts, labels: Texts) -> None:
        """The label of each text; None once a text has two, or a row none."""
        if self._labels is None:
            return
        if len(column.values) > _MOST_LEAKING or (column.places < 0).any():
            self._labels = None
            return
        many = max(1, len(labels.values))
        pairs = np.unique(column.places * many + labels.places)
        for text, label in zip((pairs // many).tolist(), (pairs % many).tolist(), strict=True):
            if self._labels.setdefault(column.values[text], labels.values[label]) != labels.values[label]:
                self._labels = None
                return
        if len(self._labels) > _MOST_LEAKING:
            self._labels = None


class Counting:
    """Which columns of a file's numbers are those from one to another, each once: their hashes' sum tells it,
    in whatever order they come."""

    def __init__(self, width: int) -> None:
        self._columns: npt.NDArray[np.intp] = np.arange(width)
        self._first: Array | None = None
        self._low = self._high = np.zeros(width)
        self._sums: Unsigned = np.zeros(width, np.uint64)
        self._rows = 0

    def add(self, part: Array) -> None:
        """Some rows more, as float64."""
        self._rows += len(part)
        if not len(part) or not len(self._columns):
            return
        if self._first is None:
            self._first = part[0]
        with np.errstate(invalid="ignore"):
            steps = part[:, self._columns] - self._first
            whole = ((steps == np.floor(steps)) & (np.abs(steps) < 2**53)).all(axis=0)
        steps = steps[:, whole]
        self._columns, self._first = self._columns[whole], self._first[whole]
        self._low = np.minimum(self._low[whole], steps.min(axis=0, initial=0))
        self._high = np.maximum(self._high[whole], steps.max(axis=0, initial=0))
        self._sums = self._sums[whole] + _hashes(steps.astype(np.int64)).sum(axis=0, dtype=np.uint64)

    def columns(self) -> set[int]:
        """Those that do."""
        if self._rows < _FEWEST_COUNTED:
            return set()
        bounds = zip(self._columns.tolist(), self._low.tolist(), self._high.tolist(), self._sums.tolist(), strict=True)
        return {
            column
            for column, low, high, found in bounds
            if high - low == self._rows - 1 and found == _sum_of_hashes(int(low), int(high))
        }


def _sum_of_hashes(low: int, high: int) -> int:
    total = 0
    for start in range(low, high + 1, _STEP):
        numbers = np.arange(start, min(start + _STEP, high + 1))
        total += int(_hashes(numbers).sum(dtype=np.uint64))
    return total % 2**64


def _hashes(numbers: npt.NDArray[np.int64]) -> Unsigned:
    """Each number's bits well mixed (a multiply-xorshift mixer), so that sums of different numbers differ."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
