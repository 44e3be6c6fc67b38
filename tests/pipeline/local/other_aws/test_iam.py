"""The SageMaker SDK asks IAM whether a role may do things; here it may."""

from __future__ import annotations

from pathlib import Path

from tests.support.service import ROLE, local_service


def test_every_action_is_allowed(tmp_path: Path) -> None:
    actions = ["sagemaker:CreateTrainingJob", "s3:GetObject"]
    with local_service(tmp_path) as local:
        pages = local.client("iam").get_paginator("simulate_principal_policy")
        found = [
            (result["EvalActionName"], result["EvalDecision"])
            for page in pages.paginate(PolicySourceArn=ROLE, ActionNames=actions)
            for result in page["EvaluationResults"]
        ]
    assert found == [(action, "allowed") for action in actions]
