"""What the console's pages show, gathered from the store, the logs and S3; nothing here changes anything.

The store is read directly, so a page never counts as a request to an action and faults on purpose do not hit it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pipeline.local.console.drawing import Mark, drawing, execution_path
from pipeline.local.engine.graph import Graph
from pipeline.local.engine.records import ENDED, EXECUTION, STEP, definition_of

if TYPE_CHECKING:
    from pipeline.local.service import Service

Body = dict[str, Any]

_RECENT: Final = 50
_LOG_LINES: Final = 400
_MOST_FILES: Final = 60
_LARGEST_FIGURES: Final = 1 << 20
_LOG_GROUPS: Final = {
    "processing-job": "ProcessingJobs",
    "training-job": "TrainingJobs",
    "transform-job": "TransformJobs",
    "endpoint": "Endpoints",
}
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
class StepView:
    """One step of an execution, with what its job left."""

    body: Body
    kind: str
    resource: Body
    figures: list[tuple[str, float]]
    files: list[Stored]
    log: list[str]
    log_cut: bool


@dataclass(frozen=True)
class ExecutionView:
    """One execution: its graph, its steps in order, the chosen step."""

    body: Body
    graph: str
    steps: list[Body]
    parameters: list[tuple[str, Any]]
    chosen: StepView | None
    path: str

    @property
    def live(self) -> bool:
        """Whether it can still change by itself."""
        return self.body["PipelineExecutionStatus"] not in ENDED


@dataclass(frozen=True)
class Overview:
    """The first page."""

    pipelines: list[Body]
    executions: list[Body]
    endpoints: list[Body]
    groups: list[Body]
    live: bool = field(default=False)


def overview(service: Service) -> Overview:
    """Pipelines, their latest executions, endpoints and the registry in short."""
    store = service.store
    executions = [body | {"_path": execution_path(body["PipelineExecutionArn"])} for body in store.list(EXECUTION)]
    executions.reverse()
    latest: dict[str, Body] = {}
    for body in executions:
        latest.setdefault(body["PipelineArn"], body)
    pipelines = [body | {"_latest": latest.get(body["PipelineArn"])} for body in reversed(store.list("pipeline"))]
    live = any(body["PipelineExecutionStatus"] not in ENDED for body in executions)
    return Overview(pipelines, executions[:_RECENT], endpoints(service), groups(service), live)


def execution(service: Service, pipeline: str, execution_id: str, step: str) -> ExecutionView | None:
    """One execution, or None; `step` is the name of the chosen one, or empty for the one that tells most."""
    arn = service.arns.execution(pipeline, execution_id)
    body = service.store.get(EXECUTION, arn)
    if body is None:
        return None
    rows = service.store.list(STEP, parent=arn)
    definition = definition_of(service, body)
    path = execution_path(arn)
    name = step or _telling(rows)
    now = service.clock.now()
    for row in rows:
        row["_seconds"] = row.get("EndTime", now) - row["StartTime"]
    marks = {row["StepName"]: Mark(row["StepStatus"], _note(row), row["StepName"] == name) for row in rows}
    if name and name not in marks:
        marks[name] = Mark("", "", chosen=True)
    picture = drawing(Graph.of(definition), marks, f"{path}?step=")
    chosen = next((_step_view(service, row) for row in rows if row["StepName"] == name), None)
    return ExecutionView(body, picture, rows, _parameters(definition, body), chosen, path)


def endpoints(service: Service) -> list[Body]:
    """Endpoints with their configuration, latest first."""
    found = []
    for body in reversed(service.store.list("endpoint")):
        configuration = service.store.get("endpoint-config", body["EndpointConfigName"]) or {}
        variants = configuration.get("ProductionVariants", [])
        found.append(body | {"_models": [variant.get("ModelName", "") for variant in variants]})
    return found


def groups(service: Service) -> list[Body]:
    """Model package groups with their versions, latest first, and each version's figures."""
    versions: dict[str, list[Body]] = {}
    for body in reversed(service.store.list("model-package")):
        statistics = body.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
        figures = dict(_figures_of(service, statistics.get("S3Uri", "")))
        by = body.get("MetadataProperties", {}).get("GeneratedBy", "")
        path = execution_path(by) if "/execution/" in by else ""
        versions.setdefault(body.get("ModelPackageGroupName", ""), []).append(
            body | {"_figures": figures, "_path": path}
        )
    names = {body["ModelPackageGroupName"]: body for body in reversed(service.store.list("model-package-group"))}
    return [body | {"_versions": versions.get(name, [])} for name, body in names.items()]


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
    return [
        (name, float(metric["value"]))
        for name, metric in group.items()
        if isinstance(metric, dict) and isinstance(metric.get("value"), (int, float))
    ]


def _telling(rows: list[Body]) -> str:
    """The step to show first: one that failed, else one that runs, else the last that has ended."""
    for status in ("Failed", "Executing", "Starting", "Stopping", "Stopped"):
        for row in rows:
            if row["StepStatus"] == status:
                return str(row["StepName"])
    return str(rows[-1]["StepName"]) if rows else ""


def _note(row: Mapping[str, Any]) -> str:
    if "CacheHitResult" in row:
        return "cached"
    outcome = row.get("Metadata", {}).get("Condition", {}).get("Outcome")
    if outcome is not None:
        return str(outcome).lower()
    return f"{row['_seconds']:.1f} s"


def _parameters(definition: Body, body: Body) -> list[tuple[str, Any]]:
    given = {parameter["Name"]: parameter["Value"] for parameter in body.get("_parameters", [])}
    return [
        (parameter["Name"], given.get(parameter["Name"], parameter.get("DefaultValue", "")))
        for parameter in definition.get("Parameters", [])
    ]


def _step_view(service: Service, row: Body) -> StepView:
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
            figures += _figures_of(service, f"s3://{file.bucket}/{file.key}")
    shown = {key: value for key, value in resource.items() if not key.startswith("_")}
    return StepView(row, kind, shown, figures, files, log, cut)


def _arn(row: Body) -> str:
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
    from pipeline.local.objects import NoSuchBucket

    try:
        yield from service.objects.list(bucket, prefix)
    except NoSuchBucket:
        return


def _figures_of(service: Service, uri: str) -> list[tuple[str, float]]:
    from pipeline.local.objects import NoSuchBucket, NoSuchKey

    bucket, key = _split(uri)
    if not key:
        return []
    try:
        head = service.objects.head(bucket, key)
        if head is None or head.size > _LARGEST_FIGURES:
            return []
        return figures_in(json.loads(service.objects.get(bucket, key)))
    except (NoSuchBucket, NoSuchKey, ValueError):
        return []


def _log(service: Service, kind: str, name: str) -> tuple[list[str], bool]:
    group = f"/aws/sagemaker/{_LOG_GROUPS[kind]}"
    if kind == "endpoint":
        group += f"/{name}"
    folder = service.logs.path(group, "x/y" if kind == "endpoint" else f"{name}/x").parent
    folder = folder.parent if kind == "endpoint" else folder
    lines: list[str] = []
    for path in sorted(folder.rglob("*.log")):
        with path.open(errors="replace") as file:
            file.seek(max(0, path.stat().st_size - (_LOG_LINES << 8)))
            lines += file.read().splitlines()
    lines.sort(key=lambda line: line[:24])
    return lines[-_LOG_LINES:], len(lines) > _LOG_LINES


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
