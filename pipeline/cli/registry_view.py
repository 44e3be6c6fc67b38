"""Model packages as tables for a terminal.

Columns are the figures that the versions have, so that every task has a list that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pipeline.cli.plain_table import plain_table
from pipeline.operate.registry import Model

if TYPE_CHECKING:
    from rich.table import Table

# What a list shows of a model, in this order, as far as the task has it.
_HEADLINES: Final = ("accuracy", "precision", "recall", "f1", "auc", "weighted_f1", "mae", "rmse", "r2")


def models_table(models: Sequence[Model]) -> Table:
    """One row a version."""
    shown = [name for name in _HEADLINES if any(name in model.figures for model in models)]
    headings = ("version", "status", "registered", *shown, "")
    return plain_table(headings, (_row(model, shown) for model in models), right=("version", *shown))


def comparison_table(first: Model, second: Model) -> Table:
    """One row a figure: both values and what the second has more."""
    versions = (f"version {first.version}", f"version {second.version}", "difference")
    names = [*first.figures, *(name for name in second.figures if name not in first.figures)]
    return plain_table(("figure", *versions), (_compared(name, first, second) for name in names), right=versions)


def _row(model: Model, shown: Sequence[str]) -> list[str]:
    figures = (f"{model.figures[name]:.4f}" if name in model.figures else "" for name in shown)
    created = model.created.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [str(model.version), model.status, created, *figures, model.remark]


def _compared(name: str, first: Model, second: Model) -> list[str]:
    old, new = first.figures.get(name), second.figures.get(name)
    difference = "" if old is None or new is None else f"{new - old:+.4f}"
    return [name, *("" if value is None else f"{value:.4f}" for value in (old, new)), difference]
