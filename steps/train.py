"""TrainModel: the built-in linear-learner on the train, validation and test channels.

Hyperparameters come as the strings that the API takes, and what they may be is the parameters' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.core.shapes import Channel, DataSource, S3DataSource
from sagemaker.core.training.configs import (
    Compute,
    Networking,
    OutputDataConfig,
    StoppingCondition,
    Tag,
)
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer

from steps import retry_and_cache
from steps.step_context import Context

NAME: Final = "TrainModel"
CHANNELS: Final = ("train", "validation", "test")
SHARDED: Final = "train"
CONTENT_TYPE: Final = "application/x-recordio-protobuf"


def train(
    context: Context,
    *,
    channels: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    input_mode: str,
    instance_type: Any,
    instance_count: Any,
) -> TrainingStep:
    """The step. `channels` are S3 addresses by channel name; every hyperparameter is a string.

    `input_mode` says how channels come to the container: File (before it starts), FastFile or Pipe (while it reads).
    """
    trainer = ModelTrainer(
        sagemaker_session=context.session,
        role=context.role,
        training_image=context.algorithm,
        base_job_name="linear-learner",
        hyperparameters=dict(hyperparameters),
        training_input_mode=input_mode,
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
    return TrainingStep(
        name=NAME,
        step_args=trainer.train(input_data_config=[_channel(name, uri, input_mode) for name, uri in channels.items()]),
        display_name="Train model",
        description="linear-learner: many models side by side, the best one by the validation channel.",
        cache_config=retry_and_cache.CACHED,
        retry_policies=retry_and_cache.JOB_RETRIES,
    )


def _channel(name: str, uri: Any, input_mode: str) -> Channel:
    # Each instance learns from its share of the parts, and all are judged by the same rows.
    distribution = "ShardedByS3Key" if name == SHARDED else "FullyReplicated"
    source = S3DataSource(s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type=distribution)
    return Channel(
        channel_name=name,
        data_source=DataSource(s3_data_source=source),
        content_type=CONTENT_TYPE,
        input_mode=input_mode,
    )


def _networking(context: Context) -> Networking | None:
    if not context.subnets:
        return None
    return Networking(subnets=list(context.subnets), security_group_ids=list(context.security_groups))
