"""One step of an execution as the console shows it: what its job left in S3, its figures, its log, its conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError, evaluate, render
from pipeline.local.api_errors import ApiError
from pipeline.local.engine.condition_outcomes import holds
from pipeline.local.engine.execution_records import Records
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.engine.scope import ExecutionScope
from pipeline.local.kinds import Body, ExecutionRecord, StepRecord, public
from pipeline.local.service import Service

_LOG_LINES: Final = 400
_MOST_FILES: Final = 60
_LARGEST_FIGURES: Final = 1 << 20
_LOG_GROUPS: Final = {
    "processing-job": "ProcessingJobs",
    "training-job": "TrainingJobs",
    "transform-job": "TransformJobs",
    "endpoint": "Endpoints",
}
_COMPARED: Final = ("_best_constant_classifier", "_rate")
"""Figures that are there to compare others with, and would crowd them out."""

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_REPORTS: Final = (".html", ".htm")


@dataclass(frozen=True)
class Stored:
    """An object in S3 that a step wrote."""

    bucket: str
    key: str
    size: int

    @property
    def name(self) -> str:
        """The last part of its key."""
        return PurePosixPath(self.key).name

    @property
    def is_picture(self) -> bool:
        """Whether a browser shows it as a picture."""
        return self.name.lower().endswith(_PICTURES)

    @property
    def is_report(self) -> bool:
        """Whether it is a page."""
        return self.name.lower().endswith(_REPORTS)


@dataclass(frozen=True)
class ConsoleStep:
    """One step of an execution, with what its job left."""

    body: Body
    kind: str
    resource: Body
    figures: list[tuple[str, float]]
    files: list[Stored]
    log: list[str]
    log_cut: bool
    conditions: list[tuple[str, str, str, str]]
    """Of a Condition step: what is compared, how, with what, and whether it is met; values where they are known."""


def endpoint_log(service: Service, name: str) -> tuple[list[str], bool]:
    """The last lines of an endpoint's containers, and whether there are more."""
    return _log(service, "endpoint", name)


def figures_in(document: Any) -> list[tuple[str, float]]:
    """The figures of a file in SageMaker's model-quality format: its one group, each metric by name."""
    if not isinstance(document, dict) or len(document) != 1:
        return []
    group = next(iter(document.values()))
    if not isinstance(group, dict):
        return []
    values = {name: _number(metric.get("value")) for name, metric in group.items() if isinstance(metric, dict)}
    return [(name, value) for name, value in values.items() if value is not None and not name.endswith(_COMPARED)]


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # an integer of hundreds of digits
        return None


def step_view(
    service: Service, execution: ExecutionRecord, graph: ExecutionGraph, row: StepRecord, shown: Body
) -> ConsoleStep:
    """A step that was scheduled, with all that is known of it; `shown` is its row with what the page adds."""
    arn = _arn(row)
    kind = arn.split(":", 5)[5].split("/", 1)[0] if arn.count(":") >= 5 else ""
    resource = (service.store.by_arn(arn) if arn else None) or {}
    name = arn.rpartition("/")[2]
    log, cut = _log(service, kind, name) if kind in _LOG_GROUPS else ([], False)
    files = list(_files(service, resource))
    figures = [
        (str(metric["MetricName"]), float(metric["Value"])) for metric in resource.get("FinalMetricDataList", [])
    ]
    for file in files:
        if file.name == "evaluation.json" and file.size <= _LARGEST_FIGURES:
            figures += figures_of(service, f"s3://{file.bucket}/{file.key}")
    conditions = _conditions(service, execution, graph, row)
    return ConsoleStep(shown, kind, public(resource), figures, files, log, cut, conditions)


def _conditions(
    service: Service, execution: ExecutionRecord, graph: ExecutionGraph, row: StepRecord
) -> list[tuple[str, str, str, str]]:
    if row["_type"] != "Condition" or row["StepName"] not in graph.nodes:
        return []
    scope = ExecutionScope(service, execution, graph, Records(service, execution["PipelineExecutionArn"]))
    found = []
    for condition in graph.nodes[row["StepName"]].step.get("Arguments", {}).get("Conditions", []):
        left = condition.get("LeftValue", condition.get("QueryValue", condition.get("Expression")))
        right = condition.get("RightValue", condition.get("Values", condition.get("Conditions", "")))
        sides = _side(left, scope), str(condition.get("Type", "")), _side(right, scope)
        found.append((*sides, _met(condition, scope)))
    return found


def _met(condition: Any, scope: ExecutionScope) -> str:
    """Whether a condition is met or missed; empty where that cannot be told any more."""
    try:
        return "met" if holds([condition], scope) else "missed"
    except (ApiError, EvaluationError, KeyError, TypeError, ValueError):
        return ""


def _side(value: Any, scope: ExecutionScope) -> str:
    """What an expression is called, and its value if it has one."""
    name = _called(value)
    try:
        known = render(evaluate(value, scope))
    except (ApiError, EvaluationError, KeyError, TypeError, ValueError):
        return name
    return f"{name} = {known}" if name != known else known


def _called(value: Any) -> str:
    if isinstance(value, dict):
        if "Get" in value:
            return str(value["Get"]).removeprefix("Parameters.")
        if isinstance(value.get("Std:JsonGet"), dict):
            return str(value["Std:JsonGet"].get("Path", "")).removesuffix(".value").rpartition(".")[2]
    return value if isinstance(value, str) else json.dumps(value)


def _arn(row: StepRecord) -> str:
    for value in row.get("Metadata", {}).values():
        if isinstance(value, dict) and str(value.get("Arn", "")).startswith("arn:"):
            return str(value["Arn"])
    return ""


def _files(service: Service, resource: Body) -> Iterator[Stored]:
    """What the job of a step wrote to S3."""
    outputs = resource.get("ProcessingOutputConfig", {}).get("Outputs", [])
    uris = [output.get("S3Output", {}).get("S3Uri", "") for output in outputs]
    uris.append(resource.get("TransformOutput", {}).get("S3OutputPath", ""))
    uris.append(resource.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""))
    count = 0
    for uri in filter(None, uris):
        bucket, prefix = _split(uri)
        for found in _listed(service, bucket, prefix):
            yield Stored(bucket, found.key, found.size)
            count += 1
            if count >= _MOST_FILES:
                return


def _listed(service: Service, bucket: str, prefix: str) -> Iterator[Any]:
    from pipeline.local.s3.store import NoSuchBucket

    try:
        yield from service.objects.list(bucket, prefix)
    except NoSuchBucket:
        return


def figures_of(service: Service, uri: str) -> list[tuple[str, float]]:
    """The figures of such a file in S3; none if it is not there or no such file."""
    from pipeline.local.s3.store import S3Error

    bucket, key = _split(uri)
    if not key:
        return []
    try:
        head = service.objects.head(bucket, key)
        if head is None or head.size > _LARGEST_FIGURES:
            return []
        return figures_in(json.loads(service.objects.get(bucket, key)))
    except (S3Error, ValueError, RecursionError):
        return []


def _log(service: Service, kind: str, name: str) -> tuple[list[str], bool]:
    group = f"/aws/sagemaker/{_LOG_GROUPS[kind]}"
    if kind == "endpoint":
        group += f"/{name}"
    folder = service.logs.path(group, "x/y" if kind == "endpoint" else f"{name}/x").parent
    folder = folder.parent if kind == "endpoint" else folder
    timed = [pair for path in sorted(folder.rglob("*.log")) for pair in _tail(path)]
    timed.sort(key=lambda pair: pair[0])
    return [line for _, line in timed[-_LOG_LINES:]], len(timed) > _LOG_LINES


def _tail(path: Path) -> Iterator[tuple[str, str]]:
    """The last lines of a log as `pipeline.local.log_files` writes it, each with the time of its event."""
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - (_LOG_LINES << 8))
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").split("\n")
    stamp = ""
    for line in lines[1 if start else 0 : -1]:
        stamp = stamp if line.startswith("\t") else line[:24]
        yield stamp, line


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
