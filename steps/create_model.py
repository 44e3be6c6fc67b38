"""CreateModel: the trained artefact together with the image that serves it.

Batch prediction and endpoint serve this same model.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.mlops.workflow.model_step import ModelStep

from steps import policies
from steps.context import Context

NAME: Final = "CreateModel"


def create_model(context: Context, *, artifact: Any) -> ModelStep:
    """The step; `artifact` is the S3 address of model.tar.gz."""

    def request() -> None:
        context.session.create_model(
            name=NAME,  # left out of the definition: the service names each model itself
            role=context.role,
            container_defs={"Image": context.algorithm, "ModelDataUrl": artifact},
            vpc_config=context.vpc_config,
            tags=context.tag_list,
        )

    return ModelStep(
        name=NAME,
        step_args=context.capture(request),
        display_name="Create model",
        description="The trained artefact and its serving image, for batch prediction and the endpoint.",
        retry_policies=policies.CALL_RETRIES,
    )
