"""CheckDeploy: goes on to the endpoint only where the Deploy parameter says so.

It stands at the top level, after RegisterModel, because conditions inside conditions are documented as unsupported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.steps import Step

NAME: Final = "CheckDeploy"


def check_deploy(*, deploy: Any, steps: Sequence[Step], after: Step) -> ConditionStep:
    """The step; `deploy` is the string "true" or "false"."""
    return ConditionStep(
        name=NAME,
        conditions=[ConditionEquals(left=deploy, right="true")],
        if_steps=list(steps),
        else_steps=[],
        depends_on=[after],
        display_name="Check deploy",
        description="Whether this execution is to deploy the model it registered.",
    )
