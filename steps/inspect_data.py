"""InspectData: looks at the raw data first, and stops the execution where a model would learn something wrong.

It leaves the baseline that RegisterModel hands on with the model.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache
from steps.script_job import MESSAGE, Job, input_folder, output_folder, step_arguments
from steps.step_context import Context
from steps.step_names import NUMERIC

NAME: Final = "InspectData"
BASELINE: Final = "baseline"
"""The output with schema.json, statistics.json and constraints.json."""


def inspect_data(
    context: Context,
    *,
    data: Any,
    task: str,
    positive_class: Any | None,
    label_column: Any,
    header: Any,
    columns: Any,
    seed: Any,
    features: str,
    cache_generation: Any,
    instance_type: Any,
) -> ProcessingStep:
    """The step; `positive_class` is None for a task that has none, `features` is the setting."""
    job = Job(
        step=NAME,
        script="inspect_data",
        options=[
            ("data", input_folder("data")),
            ("output", output_folder(BASELINE)),
            ("task", task),
            *([("positive-class", positive_class)] if positive_class is not None else []),
            ("label-column", label_column),
            ("csv-header", header),
            ("columns", columns),
            ("seed", seed),
            *([("features", features)] if features != NUMERIC else []),
            ("message", MESSAGE),
        ],
        inputs={"data": data},
        outputs=[BASELINE],
        # Data may change under their address, and a new generation is how a user says so.
        environment={"CACHE_GENERATION": cache_generation},
        max_runtime_seconds=2 * 3600,
    )
    return ProcessingStep(
        name=NAME,
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        display_name="Inspect data",
        description="The raw data looked at: what would be learnt wrongly stops here; the baseline of the model.",
        cache_config=retry_and_cache.CACHED,
        retry_policies=retry_and_cache.JOB_RETRIES,
    )
