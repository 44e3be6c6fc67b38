"""The figures of an execution as tables for a terminal: the gate, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.results import Gate, confusion_matrix

if TYPE_CHECKING:
    from rich.table import Table


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


def confusion_table(metrics: Mapping[str, Any]) -> Table | None:
    """Actual classes as rows, predicted classes as columns; None where there is no matrix."""
    matrix = confusion_matrix(metrics)
    if matrix is None:
        return None
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("actual \\ predicted")
    columns = list(next(iter(matrix.values())))
    for column in columns:
        table.add_column(column, justify="right")
    for actual, row in matrix.items():
        table.add_row(actual, *(f"{row[column]:,}" for column in columns))
    return table
