"""ValidateEndpoint: the endpoint must answer as the batch predictions do, or it is put back to what it served.

Never cached: its subject is the endpoint as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.mlops.workflow.steps import ProcessingStep, Step

from steps import retry_and_cache, step_names
from steps.script_job import MESSAGE, Job, Options, input_folder, output_folder, step_arguments, tags_of
from steps.step_context import Context

NAME: Final = step_names.VALIDATE_ENDPOINT
BATCHES: Final = 100
MOST_ROWS: Final = 20_000
"""The rows of the test set that the endpoint is asked at most."""


def validate_endpoint(
    context: Context,
    *,
    endpoint_name: Any,
    task: str,
    instance_type: Any,
    test_set: Mapping[str, Any],
    version: Any | None = None,
    serves: Any | None = None,
    after: Step | None = None,
    scaling: Options = (),
) -> ProcessingStep:
    """The step; `endpoint_name` is the property of the deployed endpoint, or it runs `after` what deploys it.

    `test_set` are the S3 prefixes of features, labels and predictions. Without any, the endpoint is held to those that
    were registered with the `version`, the ARN of a model package, and marked as serving it; with a test set it is
    marked as serving the version that it `serves`. `scaling` says how the endpoint scales, also after it was put back.
    """
    job = Job(
        step=NAME,
        script="validate_endpoint",
        options=[
            ("endpoint-name", endpoint_name),
            *((name, input_folder(name)) for name in test_set),
            *([("model-package", version)] if version is not None else []),
            *([("serves", serves)] if serves is not None else []),
            *scaling,
            *(tags_of(context) if scaling else ()),
            ("output", output_folder("validation")),
            ("batches", str(BATCHES)),
            ("most-rows", str(MOST_ROWS)),
            ("task", task),
            ("message", MESSAGE),
        ],
        inputs=test_set,
        outputs=["validation"],
        environment={"AWS_DEFAULT_REGION": context.region},
        max_runtime_seconds=3600,
    )
    return ProcessingStep(
        name=NAME,
        # One instance: two would both put the endpoint back.
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        display_name="Validate endpoint",
        description="The endpoint's answers against the batch predictions; on a mismatch it is put back.",
        retry_policies=retry_and_cache.JOB_RETRIES,
        depends_on=[after] if after else None,
    )
