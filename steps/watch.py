"""WatchEndpoint: what the endpoint was asked of late, held against the version that it serves.

Never cached: its subject is what has been captured until now.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache, step_names
from steps.script_job import MESSAGE, Job, output_folder, step_arguments
from steps.step_context import Context

NAME: Final = "WatchEndpoint"
CHECK: Final = "CheckDrift"
REPORT: Final = PropertyFile(name="WatchReport", output_name="watch", path="watch.json")


def watch(
    context: Context,
    *,
    endpoint_name: Any,
    group: Any,
    hours: int,
    max_psi: float,
    labels: str,
    instance_type: Any,
) -> ProcessingStep:
    """The step; `labels` is the S3 prefix where labels arrive, or none."""
    job = Job(
        step=NAME,
        script="watch",
        options=[
            ("endpoint-name", endpoint_name),
            ("group", group),
            ("captured", f"{context.root}/captured"),
            ("labels", labels),
            ("schedule", ExecutionVariables.PIPELINE_NAME),
            ("until", ExecutionVariables.START_DATETIME),
            ("hours", str(hours)),
            ("max-psi", str(max_psi)),
            ("output", output_folder("watch")),
            ("message", MESSAGE),
        ],
        inputs={},
        outputs=["watch"],
        environment={"AWS_DEFAULT_REGION": context.region},
        max_runtime_seconds=3600,
    )
    return ProcessingStep(
        name=NAME,
        # One instance: it reads S3 itself.
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        property_files=[REPORT],
        display_name="Watch endpoint",
        description="What the endpoint was asked, column by column, against the test set of its version.",
        retry_policies=retry_and_cache.JOB_RETRIES,
    )


def check_drift() -> ConditionStep:
    """The step that ends the execution with the names of the columns, if any drifted."""
    drifted = FailStep(
        name=step_names.REPORT_DRIFT,
        error_message=JsonGet(step_name=NAME, property_file=REPORT, json_path="verdict.value"),
        display_name="Report drift",
        description="At least one column is beyond its bounds.",
    )
    value = JsonGet(step_name=NAME, property_file=REPORT, json_path="drifted.value")
    return ConditionStep(
        name=CHECK,
        conditions=[ConditionEquals(left=value, right=0)],
        if_steps=[],
        else_steps=[drifted],
        display_name="Check drift",
        description="Nothing beyond its bounds, or the execution ends by saying what is.",
    )
