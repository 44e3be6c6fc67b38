"""CreateModel: the trained artefact together with the image that serves it.

Batch prediction and endpoint serve this same model. Where a table gets a treatment, a container that applies it stands
before linear-learner: AWS's scikit-learn image in script mode.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.mlops.workflow.model_step import ModelStep

from steps import retry_and_cache
from steps.step_context import Context

NAME: Final = "CreateModel"


def containers(context: Context, *, artifact: Any, featurizer: Any | None) -> list[dict[str, Any]]:
    """What serves, one container after the other; the S3 addresses are those of a model.tar.gz each."""
    learner = {"Image": context.algorithm, "ModelDataUrl": artifact}
    if featurizer is None:
        return [learner]
    script_mode = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    return [{"Image": context.script_image, "ModelDataUrl": featurizer, "Environment": script_mode}, learner]


def create_model(context: Context, *, serving: list[dict[str, Any]]) -> ModelStep:
    """The step; `serving` are its containers."""

    def request() -> None:
        context.session.create_model(
            name=NAME,  # left out of the definition: the service names each model itself
            role=context.role,
            container_defs=serving if len(serving) > 1 else serving[0],
            vpc_config=context.vpc_config,
            tags=context.tag_list,
        )

    return ModelStep(
        name=NAME,
        step_args=context.capture(request),
        display_name="Create model",
        description="The trained artefact and its serving image, for batch prediction and the endpoint.",
        retry_policies=retry_and_cache.CALL_RETRIES,
    )
