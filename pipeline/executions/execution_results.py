"""The results of an execution: where its outputs lie in S3, its evaluation, and how the gate's figures stand.

All of it is read from the execution itself: the definition says which figures the gate compares with which
parameters, the steps' jobs say where their outputs are, also those that a cached step reuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.clients import Clients
from pipeline.definition.step_types import walk
from pipeline.errors import ServiceError
from pipeline.executions.execution_snapshot import ExecutionSnapshot, StepView, definition_of, parameters_of
from pipeline.service_errors import error_code, translated

# Condition type -> the side of the threshold in words, and the test.
SIDES: Final = {
    "GreaterThanOrEqualTo": ("at least", float.__ge__),
    "GreaterThan": ("above", float.__gt__),
    "LessThanOrEqualTo": ("at most", float.__le__),
    "LessThan": ("below", float.__lt__),
}


@dataclass(frozen=True)
class Output:
    """One output of a step: an S3 address, an object's or (with a slash at its end) a prefix."""

    step: str
    name: str
    uri: str


@dataclass(frozen=True)
class GateResult:
    """One comparison of the gate: the figure, the side it must be on, the threshold and its parameter."""

    metric: str
    value: float
    side: str
    threshold: float
    parameter: str
    passed: bool


def outputs(clients: Clients, execution: ExecutionSnapshot) -> tuple[Output, ...]:
    """Every output of the execution's jobs, in the order of the steps. Raises ServiceError."""
    with translated():
        return tuple(output for step in execution.steps for output in _outputs_of(clients, step))


def is_there(clients: Clients, output: Output) -> bool:
    """Whether there is anything at the output's address. Raises ServiceError."""
    from botocore.exceptions import ClientError

    bucket, key = split(output.uri)
    with translated():
        try:
            return bool(clients.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
        except ClientError as error:
            if error_code(error) == "NoSuchBucket":
                return False
            raise


def read_json(clients: Clients, uri: str) -> dict[str, Any]:
    """A JSON object in S3. Raises ServiceError, also for what is none."""
    bucket, key = split(uri)
    with translated():
        body = clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ServiceError(f"{uri} holds no JSON object")
    return document


def download(clients: Clients, uri: str, folder: Path) -> tuple[Path, ...]:
    """Put an object, or all objects below a prefix, into a folder; returns the files, whole or not there.

    Raises ServiceError.
    """
    bucket, prefix = split(uri)
    files = []
    with translated():
        pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
            relative = key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2]
            target = (folder / relative).resolve()
            if not target.is_relative_to(folder.resolve()) or key.endswith("/"):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            clients.s3.download_file(bucket, key, str(target))
            files.append(target)
    return tuple(files)


def evaluation(clients: Clients, found: tuple[Output, ...]) -> dict[str, Any] | None:
    """The evaluation of the model, `{"binary_classification_metrics": {...}}` or the like. None if there is none.

    Raises ServiceError.
    """
    return _document(clients, found, "evaluation", "evaluation.json")


def figures_of(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The single figures of an evaluation by their names, those of constant guesses left out."""
    groups = [group for group in evaluation.values() if isinstance(group, Mapping)]
    return {
        name: value
        for group in groups
        for name, item in group.items()
        if isinstance(item, Mapping) and "_best_constant_" not in name
        if not isinstance(item.get("value"), str) and (value := number(item.get("value"))) is not None
    }


def comparison(clients: Clients, found: tuple[Output, ...]) -> dict[str, Any]:
    """The comparison with the approved version; empty where the pipeline makes none. Raises ServiceError."""
    return _document(clients, found, "comparison", "comparison.json") or {}


def classes(clients: Clients, found: tuple[Output, ...]) -> tuple[str, ...]:
    """The names of the labels 0, 1, ... of a classifier, as the conversion found them. Raises ServiceError."""
    inspection = _document(clients, found, "inspection", "inspection.json") or {}
    names = inspection.get("classes")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _document(clients: Clients, found: tuple[Output, ...], name: str, file: str) -> dict[str, Any] | None:
    """A JSON file of an output; None if there is none, or none any more: `clean` removes an execution's files."""
    from botocore.exceptions import ClientError

    for output in found:
        if output.name == name:
            try:
                return read_json(clients, f"{output.uri.rstrip('/')}/{file}")
            except ServiceError as error:
                cause = error.__cause__
                if not (isinstance(cause, ClientError) and error_code(cause) in ("NoSuchKey", "NoSuchBucket")):
                    raise
    return None


def gates(
    definition: Mapping[str, Any], parameters: Mapping[str, str], metrics: Mapping[str, Any]
) -> tuple[GateResult, ...]:
    """Each comparison of a figure of the evaluation with a parameter that the definition's conditions make.

    `parameters` are those the execution was started with; the others have their defaults.
    """
    values = {item["Name"]: item.get("DefaultValue") for item in definition.get("Parameters", [])} | dict(parameters)
    found = (_gate(*comparison, values, metrics) for comparison in comparisons(definition))
    return tuple(gate for gate in found if gate is not None)


def comparisons(definition: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What the conditions compare: the type of the condition, the path of the figure, the name of the parameter."""
    for step in walk(definition):
        for condition in step.arguments.get("Conditions", []):
            figure, parameter = condition.get("LeftValue"), condition.get("RightValue")
            if condition.get("Type") in SIDES and _is_figure(figure) and _is_parameter(parameter):
                name = parameter["Get"].removeprefix("Parameters.")
                yield condition["Type"], figure["Std:JsonGet"]["Path"], name


def execution_gates(clients: Clients, arn: str, metrics: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """The gate's comparisons of one execution. Raises ServiceError."""
    return gates(definition_of(clients, arn), parameters_of(clients, arn), metrics)


def confusion_matrix(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> dict[str, dict[str, int]] | None:
    """Actual class -> predicted class -> count; None where there is no such matrix.

    The classes have their names as far as `classes` names the labels 0, 1, ...
    """
    for group in metrics.values():
        if isinstance(group, Mapping) and _is_matrix(group.get("confusion_matrix")):
            names = {str(label): name for label, name in enumerate(classes)}
            return {
                names.get(actual, actual): {names.get(predicted, predicted): count for predicted, count in row.items()}
                for actual, row in group["confusion_matrix"].items()
            }
    return None


def number(value: Any) -> float | None:
    """A figure as a number, also one that is written as text; None for what is none or too large for one."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// address."""
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/")


def _outputs_of(clients: Clients, step: StepView) -> Iterator[Output]:
    sagemaker = clients.sagemaker
    if not step.job_name or step.status != "Succeeded":
        return
    if step.kind == "ProcessingJob":
        job = sagemaker.describe_processing_job(ProcessingJobName=step.job_name)
        for output in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
            yield Output(step.name, output["OutputName"], output["S3Output"]["S3Uri"].rstrip("/") + "/")
    elif step.kind == "TrainingJob":
        artifacts = sagemaker.describe_training_job(TrainingJobName=step.job_name)["ModelArtifacts"]
        yield Output(step.name, "model", artifacts["S3ModelArtifacts"])
    elif step.kind == "TransformJob":
        transform = sagemaker.describe_transform_job(TransformJobName=step.job_name)
        yield Output(step.name, "predictions", transform["TransformOutput"]["S3OutputPath"].rstrip("/") + "/")


def _gate(
    kind: str, path: str, parameter: str, values: Mapping[str, Any], metrics: Mapping[str, Any]
) -> GateResult | None:
    figure: Any = metrics
    for part in path.split("."):
        figure = figure.get(part) if isinstance(figure, Mapping) else None
    side, holds = SIDES[kind]
    value, threshold = number(figure), number(values.get(parameter))
    if value is None or threshold is None:
        return None
    name = path.removesuffix(".value").rpartition(".")[2]
    return GateResult(name, value, side, threshold, parameter, holds(value, threshold))


def _is_matrix(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(row, Mapping) and all(isinstance(count, int) for count in row.values()) for row in value.values()
    )


def _is_figure(value: Any) -> bool:
    return isinstance(value, Mapping) and "Std:JsonGet" in value


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Mapping) and str(value.get("Get", "")).startswith("Parameters.")
