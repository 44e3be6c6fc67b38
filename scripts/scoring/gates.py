"""The gated figures beside their thresholds, each met or missed, as text: a Fail step's message can compare nothing.

The gate itself is the definition's condition; here the same comparisons are made for people.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.errors import ScriptError

_GATE: Final = re.compile(r"(?P<metric>\w+)(?P<side>>=|<=)(?P<threshold>[^<>=,]+)")
_SIDES: Final = {">=": "at least", "<=": "at most"}


@dataclass(frozen=True)
class Gate:
    """One comparison: a figure, the side of the threshold that it must be on, and whether it is."""

    metric: str
    value: float
    side: str
    threshold: float

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side; what is no number is on neither."""
        return self.value >= self.threshold if self.side == ">=" else self.value <= self.threshold

    @property
    def bound(self) -> str:
        """The threshold, for people: at least 0.96."""
        return f"{_SIDES[self.side]} {self.threshold:g}"

    def __str__(self) -> str:
        return f"{self.metric.replace('_', ' ')} {self._shown()} ({self.bound})"

    def _shown(self) -> str:
        """Six digits, or as many as tell the figure from the threshold."""
        short = f"{self.value:.6g}"
        rounded = Gate(self.metric, float(short), self.side, self.threshold)
        return short if rounded.met == self.met else repr(self.value)


def compare(gates: str, figures: Mapping[str, Any]) -> tuple[Gate, ...]:
    """The comparisons of `accuracy>=0.96,mae<=2`. Raises `ScriptError` for what is none, or of no figure there is."""
    found = []
    for text in filter(None, gates.split(",")):
        match = _GATE.fullmatch(text)
        try:
            threshold = float(match["threshold"]) if match else math.nan
        except ValueError:
            threshold = math.nan
        if match is None or math.isnan(threshold) or match["metric"] not in figures:
            raise ScriptError(f"the gate {text!r} compares no figure with a number; write it as accuracy>=0.96")
        found.append(Gate(match["metric"], float(figures[match["metric"]]["value"]), match["side"], threshold))
    return tuple(found)


def verdict(gates: Sequence[Gate]) -> str:
    """All comparisons in a line, the missed ones first."""
    parts = (("Missed", [gate for gate in gates if not gate.met]), ("Met", [gate for gate in gates if gate.met]))
    return " ".join(f"{word}: {', '.join(map(str, group))}." for word, group in parts if group)
