"""RejectModel: ends the execution with each gated figure beside its threshold, met or missed.

It stands in the other branch of the gate; a Fail step is what tells a rejected model from a broken pipeline.
"""

from __future__ import annotations

from typing import Final

from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.fail_step import FailStep

from steps import evaluate

NAME: Final = "RejectModel"


def reject() -> FailStep:
    """The step. Its message reads: The model is rejected. Missed: accuracy 0.9 (at least 0.97). Met: ..."""
    verdict = JsonGet(step_name=evaluate.NAME, property_file=evaluate.GATES, json_path="verdict.value")
    return FailStep(
        name=NAME,
        error_message=Join(on="", values=["The model is rejected. ", verdict]),
        display_name="Reject model",
        description="At least one metric is on the wrong side of its threshold.",
    )
