"""ConvertData: raw data to recordIO-protobuf channels, the features and labels of the test set, an inspection.

`output_uri` is how other steps find what a processing step wrote.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache, step_names
from steps.script_job import MESSAGE, RESOURCES, Job, input_folder, step_arguments
from steps.step_context import Context
from steps.step_names import NUMERIC, TABLE

NAME: Final = step_names.CONVERT_DATA
OUTPUTS: Final = ("train", "validation", "test", "features", "labels", "inspection")
FEATURIZER: Final = "featurizer"
"""The output with the archive that serves a table's treatment."""


def convert(
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
    instance_count: Any,
    baseline: Any,
    parts: Any,
) -> ProcessingStep:
    """The step; `positive_class` is None for a task that has none, `features` is the setting.

    `baseline` is the S3 prefix of what InspectData saw and fitted. An instance makes so many `parts` of train.
    """
    job = Job(
        step=NAME,
        script="convert",
        options=[
            ("data", input_folder("data")),
            ("output", "/opt/ml/processing/output"),
            ("task", task),
            *([("positive-class", positive_class)] if positive_class is not None else []),
            ("label-column", label_column),
            ("csv-header", header),
            ("columns", columns),
            ("seed", seed),
            *([("features", features)] if features != NUMERIC else []),
            ("baseline", input_folder("baseline")),
            ("resources", RESOURCES),
            ("parts", parts),
            ("message", MESSAGE),
        ],
        inputs={"data": data, "baseline": baseline},
        outputs=[*OUTPUTS, FEATURIZER] if features == TABLE else OUTPUTS,
        # All that follows reads what this step wrote, so that its cache key decides for the whole pipeline.
        environment={"CACHE_GENERATION": cache_generation},
        max_runtime_seconds=2 * 3600,
        sharded=("data",),
    )
    return ProcessingStep(
        name=NAME,
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=instance_count),
        display_name="Convert data",
        description="Raw data to recordIO-protobuf channels, features and labels of the test set, and an inspection.",
        cache_config=retry_and_cache.CACHED,
        retry_policies=retry_and_cache.JOB_RETRIES,
    )


def output_uri(step: ProcessingStep, name: str) -> Any:
    """Where the named output of a processing step lies, whichever execution it was made by."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri
