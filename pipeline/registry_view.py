"""Model packages as tables for a terminal.

Columns are the figures that the versions have, so that every task has a list that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pipeline.registry import Model

if TYPE_CHECKING:
    from rich.table import Table

# What a list shows of a model, in this order, as far as the task has it.
_HEADLINES: Final = ("accuracy", "precision", "recall", "f1", "auc", "weighted_f1", "mae", "rmse", "r2")


def models_table(models: Sequence[Model]) -> Table:
    """One row a version."""
    from rich.table import Table

    shown = [name for name in _HEADLINES if any(name in model.figures for model in models)]
    table = Table(box=None, pad_edge=False)
    for heading in ("version", "status", "registered", *shown, ""):
        table.add_column(heading, justify="right" if heading in ("version", *shown) else "left", no_wrap=heading != "")
    for model in models:
        figures = (f"{model.figures[name]:.4f}" if name in model.figures else "" for name in shown)
        created = model.created.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(model.version), model.status, created, *figures, model.remark)
    return table


def comparison_table(first: Model, second: Model) -> Table:
    """One row a figure: both values and what the second has more."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("figure", f"version {first.version}", f"version {second.version}", "difference"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for name in [*first.figures, *(name for name in second.figures if name not in first.figures)]:
        old, new = first.figures.get(name), second.figures.get(name)
        difference = "" if old is None or new is None else f"{new - old:+.4f}"
        table.add_row(name, *("" if value is None else f"{value:.4f}" for value in (old, new)), difference)
    return table
