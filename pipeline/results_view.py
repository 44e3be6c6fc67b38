"""The figures of an execution as tables for a terminal: the gate, and the confusion matrix.

What is too large for a terminal is left to the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline.results import Gate, confusion_matrix

if TYPE_CHECKING:
    from rich.table import Table

_MOST_CLASSES: Final = 20


def gate_table(gates: Sequence[Gate]) -> Table:
    """Each gated figure beside its threshold, and whether it passed."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "value", "threshold", "parameter", ""):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for gate in gates:
        verdict = "[green]pass[/]" if gate.passed else "[red]miss[/]"
        table.add_row(gate.metric, f"{gate.value:.4f}", f"{gate.side} {gate.threshold:g}", gate.parameter, verdict)
    return table


def confusion_table(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> Table | None:
    """Actual classes as rows, predicted classes as columns, by name as far as `classes` names the labels 0, 1, ...

    None where there is no matrix, or one too large for a terminal, which the report shows as a picture.
    """
    matrix = confusion_matrix(metrics, classes)
    if matrix is None or len(matrix) > _MOST_CLASSES:
        return None
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("actual \\ predicted")
    columns = list(next(iter(matrix.values())))
    for column in columns:
        table.add_column(escape(column), justify="right")
    for actual, row in matrix.items():
        table.add_row(escape(actual), *(_count(row[column], actual == column) for column in columns))
    return table


def _count(value: int, right: bool) -> str:
    """A cell of the matrix: what is right stands out, what is nothing recedes."""
    style = "bold" if right else "dim"
    return f"[{style}]{value:,}[/]" if right or not value else f"{value:,}"
