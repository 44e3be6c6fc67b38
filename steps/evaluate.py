"""EvaluateModel: predictions against labels, as `evaluation.json` for the gate and the registry, and a report.

The gate and a rejection's message read the figures through property files, so the names here are part of the
definition.
"""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep

from steps import retry_and_cache, step_names
from steps.script_job import CONFIGURATION, MESSAGE, Job, input_folder, output_folder, step_arguments
from steps.step_context import Context

NAME: Final = step_names.EVALUATE_MODEL
REPORT: Final = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
GATES: Final = PropertyFile(name="EvaluationGates", output_name="evaluation", path="gates.json")
ARTIFACTS: Final = PropertyFile(name="EvaluatedArtifacts", output_name="evaluation", path="artifacts.json")


def evaluate(
    context: Context,
    *,
    predictions: Any,
    labels: Any,
    features: Any,
    model: Any,
    inspection: Any,
    task: str,
    gates: Any,
    slice_column: str,
    featurizer: Any | None = None,
    instance_type: Any,
) -> ProcessingStep:
    """The step; predictions, labels and features are S3 prefixes of files in the same order of rows;
    `model` is the artefact, and `inspection` the prefix of what names its features; `featurizer` is the artefact that
    serves before the model, if there is one.

    `gates` are the gated figures with their thresholds, `accuracy>=0.96,mae<=2`, which the job marks as met or missed.
    `slice_column`, where it is not empty, is the column by whose values the report shows figures.
    """
    before = {} if featurizer is None else {"featurizer": featurizer}
    job = Job(
        step=NAME,
        script="evaluate",
        options=[
            ("predictions", input_folder("predictions")),
            ("labels", input_folder("labels")),
            ("features", input_folder("features")),
            ("model", input_folder("model")),
            ("inspection", input_folder("inspection")),
            *((name, input_folder(name)) for name in before),
            ("output", output_folder("evaluation")),
            ("task", task),
            ("gates", gates),
            ("job", CONFIGURATION),
            *([("slice-column", slice_column)] if slice_column else []),
            ("message", MESSAGE),
        ],
        inputs={
            "predictions": predictions,
            "labels": labels,
            "features": features,
            "model": model,
            "inspection": inspection,
            **before,
        },
        outputs=["evaluation"],
        environment={},
        max_runtime_seconds=3600,
    )
    return ProcessingStep(
        name=NAME,
        step_args=step_arguments(context, job, instance_type=instance_type, instance_count=1),
        property_files=[REPORT, GATES, ARTIFACTS],
        display_name="Evaluate model",
        description="Predictions against labels: the figures that the gate reads, and a report with pictures.",
        cache_config=retry_and_cache.CACHED,
        retry_policies=retry_and_cache.JOB_RETRIES,
    )
