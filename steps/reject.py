"""RejectModel: ends the execution with each gated figure beside its threshold, met or missed.

It stands in the other branch of the gate; a Fail step is what tells a rejected model from a broken pipeline.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.fail_step import FailStep

from steps import compare_approved, evaluate, step_names

NAME: Final = step_names.REJECT_MODEL


def reject(*, compared: bool = False) -> FailStep:
    """The step. Its message reads: The model is rejected. Missed: accuracy 0.9 (at least 0.97). Met: ...

    `compared` says that the definition has the comparison with the approved version, which is then part of it.
    """
    verdict: list[Any] = [JsonGet(step_name=evaluate.NAME, property_file=evaluate.GATES, json_path="verdict.value")]
    if compared:
        against = JsonGet(
            step_name=compare_approved.NAME, property_file=compare_approved.REPORT, json_path="verdict.value"
        )
        verdict += [" ", against]
    return FailStep(
        name=NAME,
        error_message=Join(on="", values=["The model is rejected. ", *verdict]),
        display_name="Reject model",
        description="At least one metric is on the wrong side of its threshold.",
    )
