"""RegisterModel: the model as a version of its group in the registry, with metrics, types and where it came from.

Metrics, test set, the hashes of the code and of each artefact that was evaluated go with it, so that a version can be
judged, released and promoted without the execution that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.model_registry import create_model_package_from_containers
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.model_step import ModelStep

from steps import evaluate, retry_and_cache
from steps.step_context import Context

NAME: Final = "RegisterModel"
CONTENT_TYPES: Final = ("text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf")
RAW_CONTENT_TYPES: Final = ("text/csv", "application/json", "application/jsonlines")
RESPONSE_TYPES: Final = ("application/json", "application/jsonlines", "application/x-recordio-protobuf")
INFERENCE_INSTANCES: Final = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.large", "ml.c5.xlarge", "ml.t2.medium")
TRANSFORM_INSTANCES: Final = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge")
_ARTIFACTS: Final = ("featurizer", "model")
"""The artefacts of the containers in their order; the last one alone where there is one container."""


def register(
    context: Context,
    *,
    serving: list[dict[str, Any]],
    evaluation: Any,
    training_job: Any,
    task: str,
    group: Any,
    approval_status: Any,
    test_set: Mapping[str, Any],
    baseline: Any,
    comparison: Any | None = None,
) -> ModelStep:
    """The step; `serving` are the model's containers.

    `evaluation` is the S3 prefix that holds evaluation.json, `comparison` that of comparison.json.
    `test_set` are the S3 prefixes of features, labels and predictions, by which a release holds the endpoint to them.
    `baseline` is the prefix of the data's statistics and constraints, by which a watch holds what the endpoint is sent.
    """

    def source(folder: Any, file: str) -> MetricsSource:
        return MetricsSource(content_type="application/json", s3_uri=Join(on="/", values=[folder, file]))

    metrics = ModelMetrics(
        model_statistics=source(evaluation, "evaluation.json"),
        model_data_statistics=source(baseline, "statistics.json"),
        model_data_constraints=source(baseline, "constraints.json"),
    )

    def request() -> None:
        create_model_package_from_containers(
            context.session,
            containers=serving,
            content_types=list(CONTENT_TYPES if len(serving) == 1 else RAW_CONTENT_TYPES),
            response_types=list(RESPONSE_TYPES),
            inference_instances=list(INFERENCE_INSTANCES),
            transform_instances=list(TRANSFORM_INSTANCES),
            model_package_group_name=group,
            model_metrics=metrics._to_request_dict(),
            metadata_properties={"GeneratedBy": ExecutionVariables.PIPELINE_EXECUTION_ARN},
            customer_metadata_properties={
                "Task": task,
                "TrainingJobName": training_job,
                **{f"Test{name.capitalize()}": uri for name, uri in test_set.items()},
                **{f"{name.capitalize()}Sha256": _evaluated(name) for name in _ARTIFACTS[-len(serving) :]},
                **{f"{script.capitalize()}Code": _hash(context.code_of(script)) for script in ("convert", "evaluate")},
                **({} if comparison is None else {"Comparison": Join(on="/", values=[comparison, "comparison.json"])}),
            },
            approval_status=approval_status,
        )

    return ModelStep(
        name=NAME,
        step_args=context.capture(request),
        display_name="Register model",
        description="The model as a version of its group, with its metrics, awaiting approval.",
        retry_policies=retry_and_cache.CALL_RETRIES,
    )


def _hash(code: str) -> str:
    """The hash of a script's code, which ends its S3 prefix."""
    return code.rstrip("/").rsplit("/", 1)[-1]


def _evaluated(artifact: str) -> JsonGet:
    """The SHA-256 of an artefact, as EvaluateModel found it."""
    return JsonGet(step_name=evaluate.NAME, property_file=evaluate.ARTIFACTS.name, json_path=f"{artifact}.sha256")
