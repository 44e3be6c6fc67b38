"""The parts of a report, as plain data, and how their words and numbers are written.

`scripts.reporting.evaluation_page` makes a page of several.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_TITLES: Final = {
    "auc": "AUC",
    "f0_5": "F0.5",
    "f1": "F1",
    "f2": "F2",
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "r2": "R²",
}


@dataclass(frozen=True)
class Section:
    """A heading, a line of text, pictures by file name, and a table whose first row is its head."""

    title: str
    text: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    table: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
    """One figure at the top of the page, with its name above and notes below."""

    name: str
    value: str
    notes: tuple[str, ...] = ()


def title(name: str) -> str:
    """A figure's name as people write it: weighted_f1 is "weighted F1"."""
    for key, shown in _TITLES.items():
        if name == key or name.endswith(f"_{key}"):
            return name[: -len(key)].replace("_", " ") + shown
    return name.replace("_", " ")


def number(value: float | str) -> str:
    """Four digits after the point, or as an amount where it is large or tiny."""
    if isinstance(value, str):
        return "–"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1000 or value == 0 else amount(value)


def amount(value: float) -> str:
    """A number in its own unit: thousands and millions without a fraction, else four digits that matter."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
