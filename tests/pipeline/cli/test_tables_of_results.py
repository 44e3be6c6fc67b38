"""The figures of a run as people see them on a terminal, to the character."""

from __future__ import annotations

import io

from rich.console import Console

from pipeline.cli.printed_tables import confusion_table, gate_table
from pipeline.executions.execution_results import GateResult


def printed(table: object, width: int = 120) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def metrics(counts: list[list[int]]) -> dict[str, object]:
    matrix = {str(row): {str(column): count for column, count in enumerate(line)} for row, line in enumerate(counts)}
    return {"multiclass_classification_metrics": {"confusion_matrix": matrix}}


def test_figures_stand_beside_their_thresholds() -> None:
    gates = (
        GateResult("accuracy", 0.98765, "at least", 0.97, "MinAccuracy", passed=True),
        GateResult("rmse", 12.5, "at most", 2, "MaxRmse", passed=False),
    )
    assert printed(gate_table(gates)) == [
        "metric      value  threshold      parameter",
        "accuracy   0.9877  at least 0.97  MinAccuracy  met",
        "rmse      12.5000  at most 2      MaxRmse      missed",
    ]


def test_classes_have_their_names_as_far_as_there_are_any() -> None:
    assert printed(confusion_table(metrics([[1234, 0, 1], [2, 5, 0], [0, 0, 9]]), ("not 0", "[b]"))) == [
        "actual \\ predicted  not 0  [b]  2",
        "not 0               1,234    0  1",
        "[b]                     2    5  0",
        "2                       0    0  9",
    ]


def test_a_regression_has_no_matrix() -> None:
    assert confusion_table({"regression_metrics": {"mae": {"value": 1.0}}}, ()) is None


def test_a_matrix_too_large_for_a_terminal_is_left_to_the_report() -> None:
    assert confusion_table(metrics([[0] * 21] * 21)) is None
