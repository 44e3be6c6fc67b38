"""RolloutEndpoint: moves the endpoint to the new model as the environment's rollout says, or creates it.

SageMaker's own Endpoint step takes no DeploymentConfig and its EndpointConfig step no DataCaptureConfig, so a script
asks for both by the API, waits, and reports each stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache
from steps.script_job import MESSAGE, Job, Options, output_folder, step_arguments, tags_of
from steps.step_context import Context

NAME: Final = "RolloutEndpoint"
_STARTING_SECONDS: Final = 3600


def rollout_endpoint(
    context: Context,
    *,
    endpoint_name: Any,
    model_name: Any,
    endpoint_instance_type: Any,
    endpoint_instance_count: Any,
    kind: str,
    percent: int,
    wait_seconds: int,
    seconds: int,
    max_error_percent: float | None,
    max_latency_ms: float | None,
    alarms: Sequence[str],
    capture_percent: int,
    scaling: Options,
    instance_type: Any,
) -> ProcessingStep:
    """The step; `seconds` is what all waits of the rollout take together, `scaling` how the endpoint scales then."""
    wished: list[tuple[str, Any]] = [
        ("max-error-percent", max_error_percent),
        ("max-latency-ms", max_latency_ms),
        ("kms-key", context.kms_key),
    ]
    job = Job(
        step=NAME,
        script="rollout_endpoint",
        options=[
            ("endpoint-name", endpoint_name),
            ("config-name", Join(on="-", values=["pipelines", ExecutionVariables.PIPELINE_EXECUTION_ID, NAME])),
            ("model-name", model_name),
            ("instance-type", endpoint_instance_type),
            ("instance-count", endpoint_instance_count.to_string()),
            ("kind", kind),
            ("percent", str(percent)),
            ("wait-seconds", str(wait_seconds)),
            ("limit-seconds", str(seconds + _STARTING_SECONDS)),
            *((name, str(value)) for name, value in wished if value is not None),
            *scaling,
            *(("alarm", name) for name in alarms),
            ("capture-percent", str(capture_percent)),
            ("capture-uri", f"{context.root}/captured"),
            *tags_of(context),
            ("output", output_folder("rollout")),
            ("message", MESSAGE),
        ],
        inputs={},
        outputs=["rollout"],
        environment={"AWS_DEFAULT_REGION": context.region},
        max_runtime_seconds=seconds + 2 * _STARTING_SECONDS,
    )
    return ProcessingStep(
        name=NAME,
        # One instance: two would both update the endpoint.
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        display_name="Roll out to endpoint",
        description="The endpoint moves to the new model step by step, and back if an alarm goes off.",
        retry_policies=retry_and_cache.JOB_RETRIES,
    )
