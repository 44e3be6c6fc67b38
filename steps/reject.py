"""RejectModel: ends the execution with the figures beside the thresholds that they missed.

It stands in the other branch of the gate; a Fail step is what tells a rejected model from a broken pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.fail_step import FailStep

from steps.check_metrics import Gate

NAME: Final = "RejectModel"


def reject(*, gates: Sequence[tuple[Gate, Any]]) -> FailStep:
    """The step. Its message reads: The metrics miss their thresholds: accuracy 0.9 (at least 0.97), ..."""
    parts: list[Any] = ["The metrics miss their thresholds: "]
    for index, (gate, threshold) in enumerate(gates):
        bound = "at least" if gate.is_minimum else "at most"
        separator = "" if index == 0 else ", "
        parts += [f"{separator}{gate.title} ", gate.text(), f" ({bound} ", threshold, ")"]
    return FailStep(
        name=NAME,
        error_message=Join(on="", values=parts),
        display_name="Reject model",
        description="At least one metric is on the wrong side of its threshold.",
    )
