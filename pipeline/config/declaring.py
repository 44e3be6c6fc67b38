"""Declarations of parameters: a function for each kind of value, and the bounds that many share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pipeline.config.parameter_types import Bounds, Parameter, Pattern, Task, Type

BINARY: Final = frozenset({Task.BINARY})
MULTICLASS: Final = frozenset({Task.MULTICLASS})
REGRESSION: Final = frozenset({Task.REGRESSION})

SHARE: Final = Bounds(0, 1)
INSIDE: Final = Bounds(0, 1, low_open=True, high_open=True)
POSITIVE: Final = Bounds(0, low_open=True)
COUNT: Final = Bounds(1)


def string(name: str, default: str, meaning: str, group: str, pattern: Pattern | None = None) -> Parameter:
    """A text; `pattern` is the form it must have."""
    return Parameter(name, Type.STRING, default, meaning, group, pattern=pattern)


def choice(name: str, default: str, choices: Sequence[str], meaning: str, group: str) -> Parameter:
    """One of several texts."""
    return Parameter(name, Type.STRING, default, meaning, group, choices=tuple(choices))


def number_or_auto(name: str, bounds: Bounds, meaning: str, *, whole: bool = False) -> Parameter:
    """A number of training, or "auto"; a whole one with `whole`."""
    return Parameter(name, Type.STRING, "auto", meaning, "Training", bounds=bounds, auto=True, whole=whole)


def number(name: str, default: float, bounds: Bounds, meaning: str, group: str) -> Parameter:
    """A number within bounds."""
    return Parameter(name, Type.FLOAT, default, meaning, group, bounds=bounds)


def integer(name: str, default: int, bounds: Bounds, meaning: str, group: str) -> Parameter:
    """A whole number within bounds."""
    return Parameter(name, Type.INTEGER, default, meaning, group, bounds=bounds)


def only(tasks: frozenset[Task], *parameters: Parameter) -> tuple[Parameter, ...]:
    """Parameters that only these tasks have."""
    return tuple(replace(parameter, tasks=tasks) for parameter in parameters)
