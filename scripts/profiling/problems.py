"""What in a table cannot be learnt: each kind of fault once per column, with its count, its first place and a remedy.

Readers note what they find and go on, so that one message can name everything that there is to mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scripts.features.featurizer import GAPS, is_number

MISSING: Final = "missing"
TEXT: Final = "text"
INFINITE: Final = "infinite"
DATE: Final = "date"
LABEL: Final = "label"
LEAK: Final = "leak"
MIXED: Final = "mixed"
DATES: Final = "dates"
SPELLED: Final = "spelled"
TREATED: Final = (MISSING, TEXT, DATE)
"""What `features=table` has a treatment for."""

LARGEST: Final = float(np.finfo(np.float32).max)
_MOST_TOLD: Final = 12
_LONGEST: Final = 40
_REMEDIES: Final = {
    MISSING: "fill it in or remove the {unit}",
    TEXT: "write it as a number, or {leave}",
    INFINITE: "fill it in or remove the {unit}",
    DATE: "write it as a number, such as days since one day, or {leave}",
    LABEL: "fill it in or remove the {unit}",
    MIXED: "write it as a number like nearly all others, or leave it empty",
    SPELLED: "write it with digits and a point alone, such as 1234.5, if it is a code with a letter, such as c12,5, or "
    "{leave}",
    DATES: "write all of them as YYYY-MM-DD, or leave it empty",
    LEAK: "{leave}, since it is not there when the label is to be predicted",
}

_WANTED: Final = {MIXED: "number", SPELLED: "number as programs write one", DATES: "date that can be read in one way"}


@dataclass(frozen=True)
class Problem:
    """One kind of fault in a column: what is wrong, where first, how often; `index` is a feature's, -1 the label's."""

    file: str
    index: int
    kind: str
    what: str
    remedy: str
    count: int
    rows: int

    @property
    def text(self) -> str:
        """The problem as a sentence goes on after the file's name."""
        often = f", as in {self.count} of {self.rows} rows" if self.count > 1 and self.kind != LEAK else ""
        return f"{self.what}{often}; {self.remedy}"


class Faults:
    """Counts the faults of one file as they are found; a unit is a row or a line."""

    def __init__(self, file: str, unit: str = "row") -> None:
        self._file, self._unit = file, unit
        self._counts: dict[tuple[int, str], int] = {}
        self._first: dict[tuple[int, str], tuple[int, str | float]] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def columns(self) -> set[int]:
        """The features of which something was noted."""
        return {index for index, _ in self._counts}

    def add(self, index: int, kind: str, number: int, value: str | float, count: int = 1) -> None:
        """`count` values of the feature `index` (-1: of the label), the first being `value` in row `number`."""
        key = index, kind
        self._first.setdefault(key, (number, value))
        self._counts[key] = self._counts.get(key, 0) + count

    def include(self, other: Faults) -> None:
        """What another one noted of rows that come after."""
        for (index, kind), count in other._counts.items():
            self.add(index, kind, *other._first[index, kind], count)

    def problems(
        self, names: Sequence[str] | Mapping[int, str], label: str, rows: int, hints: Sequence[str] = ()
    ) -> Iterator[Problem]:
        """All that was noted, by column; `names` and `label` as in "column 'a'", `hints` end a feature's remedy."""
        for (index, kind), count in sorted(self._counts.items()):
            number, value = self._first[index, kind]
            shown = _shortened(value) if isinstance(value, str) else value
            if kind == LEAK:
                what = f"{names[index]} equals the label in every row"
            elif index < 0:
                column = f", {label}" if label else ""
                what = f"{self._unit} {number}{column}: the label is {shown if shown != '' else 'empty'}"
            else:
                what = f"{self._unit} {number}, {names[index]}: {shown!r} is no {_WANTED.get(kind, 'finite float32')}"
            named = index >= 0 and "'" in names[index]
            leave = "leave it out by Features=!NAME" if named else "remove the column"
            remedy = _REMEDIES[kind].format(unit=self._unit, leave=leave)
            hint = hints[index] if hints and index >= 0 and kind != MISSING else ""
            yield Problem(self._file, index, kind, what, remedy + hint, count, rows)


def _shortened(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def kind_of(value: str) -> str:
    """Which kind of fault a value is; empty for a number that a model can take."""
    if is_number(value):
        return "" if abs(float(value)) <= LARGEST else INFINITE
    return MISSING if value.strip().casefold() in GAPS else TEXT


def told(problems: Sequence[Problem]) -> str:
    """All problems in one line, which says first what a setting would solve."""
    table = [problem for problem in problems if problem.kind in TREATED and problem.index >= 0]
    if len(problems) == 1:
        return f"{problems[0].file}: {problems[0].text}{', or type --set features=table' if table else ''}"
    files = {problem.file for problem in problems}
    parts = [
        f"({number}) {f'{problem.file}: ' if len(files) > 1 else ''}{problem.text}"
        for number, problem in enumerate(problems[:_MOST_TOLD], 1)
    ]
    rest = f"; and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
    where = problems[0].file if len(files) == 1 else f"{len(files)} files"
    which = "them" if len(table) == len(problems) else f"{len(table)} of them"
    setting = f" (to have {which} treated, type --set features=table)" if table else ""
    return f"{where}: {len(problems)} problems{setting}: {' '.join(parts)}{rest}"
