"""What a hyperparameter may be: a choice, a flag or a number in a range, each read from a string.

Every value arrives as a string. `read` gives the typed value, `None` for "auto", and raises CustomerError in the
words that the container's schema check uses.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NoReturn

from pipeline.local.images.linear_learner.container_errors import CustomerError

Value = str | int | float | bool | None

# Stricter than int() and float(), which take underscores, blanks around and the digits of other scripts.
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def refuse(name: str, text: str, expectation: str) -> NoReturn:
    """Raise the schema error for one value."""
    raise CustomerError(
        f"The value '{text}' is not valid for the '{name}' hyperparameter which {expectation}",
        caused_by="ValidationError",
    )


@dataclass(frozen=True)
class Choice:
    """One of some words; "auto" among them is read as None."""

    words: tuple[str, ...]

    def read(self, name: str, text: str) -> Value:
        if text not in self.words:
            refuse(name, text, "accepts one of the following: " + ", ".join(f"'{word}'" for word in self.words))
        return None if text == "auto" else text


@dataclass(frozen=True)
class Flag:
    """true or false, in any case, since SDKs send `True` and people write `true`; with `auto`, also "auto"."""

    auto: bool = False

    def read(self, name: str, text: str) -> Value:
        lowered = text.lower()
        if self.auto and lowered == "auto":
            return None
        if lowered not in ("true", "false"):
            words = ("auto", "true", "false") if self.auto else ("true", "false")
            refuse(name, text, "accepts one of the following: " + ", ".join(f"'{word}'" for word in words))
        return lowered == "true"


@dataclass(frozen=True)
class Number:
    """A finite number between bounds, an integer where `integer`, or one of `words` ("auto" is read as None)."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    integer: bool = False
    words: tuple[str, ...] = ()

    def read(self, name: str, text: str) -> Value:
        if text in self.words:
            return None if text == "auto" else text
        number = self._number(text)
        if number is None or not self._admits(number):
            refuse(name, text, self._expectation())
        return number

    def _number(self, text: str) -> int | float | None:
        if self.integer:
            return int(text) if _INTEGER.fullmatch(text) else None
        return float(text) if _FLOAT.fullmatch(text) else None

    def _admits(self, number: float) -> bool:
        above = number > self.low if self.low_open else number >= self.low
        below = number < self.high if self.high_open else number <= self.high
        return abs(number) < math.inf and above and below

    def _expectation(self) -> str:
        kind = "an integer" if self.integer else "a number"
        bounds = []
        if math.isfinite(self.low):
            bounds.append(f"greater than {'' if self.low_open else 'or equal to '}{self.low:g}")
        if math.isfinite(self.high):
            bounds.append(f"less than {'' if self.high_open else 'or equal to '}{self.high:g}")
        phrase = " ".join((kind, " and ".join(bounds))).strip()
        if not self.words:
            return f"expects {phrase}"
        pattern = "|".join(self.words)
        return f"expects one of the following: a string which matches the pattern '^{pattern}$'; or {phrase}"
