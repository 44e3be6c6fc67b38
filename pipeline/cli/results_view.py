"""The figures of an execution as tables for a terminal: the gate, and the confusion matrix.

What is too large for a terminal is left to the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline.cli.plain_table import plain_table
from pipeline.executions.results import Gate, confusion_matrix

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MOST_CLASSES: Final = 20


def gate_table(gates: Sequence[Gate]) -> Table:
    """Each gated figure beside its threshold, met or missed."""
    return plain_table(("metric", "value", "threshold", "parameter", ""), map(_row, gates), right=("value",))


def confusion_table(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> Table | None:
    """Actual classes as rows, predicted classes as columns, by name as far as `classes` names the labels 0, 1, ...

    None where there is no matrix, or one too large for a terminal, which the report shows as a picture.
    """
    matrix = confusion_matrix(metrics, classes)
    if matrix is None or len(matrix) > _MOST_CLASSES:
        return None
    columns = list(next(iter(matrix.values())))
    rows = ([actual, *_counts({name: row.get(name, 0) for name in columns}, actual)] for actual, row in matrix.items())
    return plain_table(("actual \\ predicted", *columns), rows, right=columns)


def _row(gate: Gate) -> list[str | Text]:
    from rich.text import Text

    verdict = Text("met", "green") if gate.passed else Text("missed", "red")
    return [gate.metric, f"{gate.value:.4f}", f"{gate.side} {gate.threshold:g}", gate.parameter, verdict]


def _counts(row: Mapping[str, int], actual: str) -> Iterator[str | Text]:
    """The cells of a row of the matrix: what is right stands out, what is nothing recedes."""
    from rich.text import Text

    for predicted, value in row.items():
        yield Text(f"{value:,}", "bold" if predicted == actual else "" if value else "dim")
