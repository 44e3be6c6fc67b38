"""A parameter of the pipeline: its type, its default, its meaning, and which values it can have.

A value is checked before it is sent, since the service takes a value that a job then fails by.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.errors import UsageError

Value = str | int | float


class Task(StrEnum):
    """What the model learns; chooses the evaluation, the gate and which parameters there are."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def predictor_type(self) -> str:
        """The name that linear-learner and the scripts have for the task."""
        return _PREDICTOR_TYPES[self]


_PREDICTOR_TYPES: Final = {
    Task.BINARY: "binary_classifier",
    Task.MULTICLASS: "multiclass_classifier",
    Task.REGRESSION: "regressor",
}


class Type(StrEnum):
    """The types a parameter of a definition can have (Boolean is not used: a String enum reads the same in
    a console, on a command line and in a condition)."""

    STRING = "String"
    INTEGER = "Integer"
    FLOAT = "Float"


@dataclass(frozen=True)
class Bounds:
    """An interval of numbers; an open end excludes its own value."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def admits(self, number: float) -> bool:
        """Whether the number is finite and within the interval."""
        above = number > self.low if self.low_open else number >= self.low
        below = number < self.high if self.high_open else number <= self.high
        return math.isfinite(number) and above and below

    def __str__(self) -> str:
        low = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(([low] if self.low > -math.inf else []) + ([high] if self.high < math.inf else []))


@dataclass(frozen=True)
class Pattern:
    """A form that a string must have, and the words that describe it."""

    regex: str
    words: str


@dataclass(frozen=True)
class Parameter:
    """One parameter. `auto` says that the string "auto" is a value too; `bounds` then bounds the others.

    One that is `optional` is off, and no part of the definition, unless the settings give it a default: steps that not
    everybody wants hang on it.
    """

    name: str
    type: Type
    default: Value
    meaning: str
    group: str
    choices: tuple[str, ...] = ()
    bounds: Bounds | None = None
    pattern: Pattern | None = None
    auto: bool = False
    whole: bool = False
    optional: bool = False
    tasks: frozenset[Task] = frozenset(Task)

    def read(self, text: str) -> Value:
        """The value that the text stands for, of the parameter's own type.

        Raises `UsageError` naming the parameter, the text and what would do.
        """
        value = self._converted(text)
        problem = self._problem(value)
        if problem:
            raise UsageError(f"parameter {self.name}: {text!r} is not {problem}", hint=self.meaning)
        return value

    def _converted(self, text: str) -> Value:
        if self.type is Type.STRING:
            return text
        try:
            return int(text) if self.type is Type.INTEGER else float(text)
        except ValueError:
            kind = "a whole number" if self.type is Type.INTEGER else "a number"
            raise UsageError(f"parameter {self.name}: {text!r} is not {kind}", hint=self.meaning) from None

    def _problem(self, value: Value) -> str:
        if isinstance(value, str):
            return self._problem_of_text(value)
        if self.bounds and not self.bounds.admits(value):
            return f"in range: {self.bounds}"
        return ""

    def _problem_of_text(self, text: str) -> str:
        if not text or len(text) > 1024:
            return "between 1 and 1024 characters long, as the service requires"
        if self.choices and text not in self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.pattern and not re.fullmatch(self.pattern.regex, text):
            return self.pattern.words
        if self.bounds and not (self.auto and text == "auto"):
            return self._problem_of_number(text, self.bounds)
        return ""

    def _problem_of_number(self, text: str, bounds: Bounds) -> str:
        kind = "a whole number" if self.whole else "a number"
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            return f'"auto" or {kind} {bounds}' if self.auto else f"{kind} {bounds}"
        return "" if bounds.admits(number) else f"{kind} {bounds}"
