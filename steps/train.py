"""TrainModel: the built-in linear-learner on the train, validation and test channels.

Hyperparameters come as the strings that the API takes, and what they may be is the parameters' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.core.training.configs import (
    Compute,
    InputData,
    Networking,
    OutputDataConfig,
    StoppingCondition,
    Tag,
)
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer

from steps import policies
from steps.context import Context

NAME: Final = "TrainModel"
CHANNELS: Final = ("train", "validation", "test")
CONTENT_TYPE: Final = "application/x-recordio-protobuf"


def train(
    context: Context,
    *,
    channels: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    instance_type: Any,
    instance_count: Any,
) -> TrainingStep:
    """The step. `channels` are S3 addresses by channel name; every hyperparameter is a string."""
    trainer = ModelTrainer(
        sagemaker_session=context.session,
        role=context.role,
        training_image=context.algorithm,
        base_job_name="linear-learner",
        hyperparameters=dict(hyperparameters),
        compute=Compute(
            instance_type=instance_type,
            instance_count=instance_count,
            volume_size_in_gb=30,
            volume_kms_key_id=context.kms_key,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=6 * 3600),
        output_data_config=OutputDataConfig(s3_output_path=context.output(NAME, "model"), kms_key_id=context.kms_key),
        networking=_networking(context),
        tags=[Tag(key=key, value=value) for key, value in context.tags] or None,
    )
    inputs = [
        InputData(channel_name=name, data_source=uri, content_type=CONTENT_TYPE) for name, uri in channels.items()
    ]
    return TrainingStep(
        name=NAME,
        step_args=trainer.train(input_data_config=inputs),
        display_name="Train model",
        description="linear-learner: many models side by side, the best one by the validation channel.",
        cache_config=policies.CACHED,
        retry_policies=policies.JOB_RETRIES,
    )


def _networking(context: Context) -> Networking | None:
    if not context.subnets:
        return None
    return Networking(subnets=list(context.subnets), security_group_ids=list(context.security_groups))
