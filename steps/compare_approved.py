"""CompareApproved: the new model against the version approved last, on the same rows. Only with MaxRegression.

Never cached: what is approved changes without the data. It reads the registry by boto3, since no native step can.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache, step_names
from steps.script_job import MESSAGE, Job, input_folder, output_folder, step_arguments
from steps.step_context import Context

NAME: Final = step_names.COMPARE_APPROVED
REPORT: Final = PropertyFile(name="Comparison", output_name="comparison", path="comparison.json")


def compare_approved(
    context: Context,
    *,
    group: Any,
    predictions: Any,
    labels: Any,
    features: Any,
    task: str,
    gates: Any,
    max_regression: Any,
    instance_type: Any,
) -> ProcessingStep:
    """The step; the inputs and the gates are those of the evaluation, `group` is where the approved version stands."""
    job = Job(
        step=NAME,
        script="compare_approved",
        options=[
            ("group", group),
            ("predictions", input_folder("predictions")),
            ("labels", input_folder("labels")),
            ("features", input_folder("features")),
            ("output", output_folder("comparison")),
            ("task", task),
            ("gates", gates),
            ("max-regression", max_regression),
            ("message", MESSAGE),
        ],
        inputs={"predictions": predictions, "labels": labels, "features": features},
        outputs=["comparison"],
        environment={"AWS_DEFAULT_REGION": context.region},
        max_runtime_seconds=3600,
    )
    return ProcessingStep(
        name=NAME,
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        property_files=[REPORT],
        display_name="Compare with approved",
        description="The new model against the version approved last: each gated figure, on the same test rows.",
        retry_policies=retry_and_cache.JOB_RETRIES,
    )
