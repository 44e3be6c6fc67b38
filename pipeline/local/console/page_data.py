"""The data of the console's pages, gathered from the store; nothing here changes anything.

The store is read directly, so a page never counts as a request to an action and faults on purpose do not hit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.local.console.execution_drawing import Mark, drawing, execution_path
from pipeline.local.console.step_view import ConsoleStep, figures_of, step_view
from pipeline.local.engine.execution_records import ENDED, definition_of
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.kinds import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    EXECUTION,
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    PIPELINE,
    STEP,
    Body,
    ExecutionRecord,
    StepRecord,
)
from pipeline.local.service import Service

_RECENT: Final = 50


@dataclass(frozen=True)
class ExecutionView:
    """One execution: its graph, its steps in order, the chosen step."""

    body: Body
    graph: str
    steps: list[Body]
    parameters: list[tuple[str, Any]]
    chosen: ConsoleStep | None
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
    executions: list[Body] = [
        {**body, "_path": execution_path(body["PipelineExecutionArn"]), "_outcome": _outcome(service, body)}
        for body in store.list(EXECUTION)
    ]
    executions.reverse()
    latest: dict[str, Body] = {}
    for body in executions:
        latest.setdefault(body["PipelineArn"], body)
    pipelines = [body | {"_latest": latest.get(body["PipelineArn"])} for body in reversed(store.list(PIPELINE))]
    live = any(body["PipelineExecutionStatus"] not in ENDED for body in executions)
    return Overview(pipelines, executions[:_RECENT], endpoints(service), groups(service), live)


def execution(service: Service, pipeline: str, execution_id: str, step: str) -> ExecutionView | None:
    """One execution, or None; `step` is the name of the chosen one, or empty for the one that tells most."""
    arn = service.arns.execution(pipeline, execution_id)
    body = service.store.get(EXECUTION, arn)
    if body is None:
        return None
    steps = service.store.list(STEP, parent=arn)
    definition = definition_of(service, body)
    path = execution_path(arn)
    name = step or _telling(steps)
    now = service.clock.now()
    rows: list[Body] = [
        {**row, "_outcome": _step_outcome(row), "_seconds": row.get("EndTime", now) - row["StartTime"]} for row in steps
    ]
    marks = {row["StepName"]: Mark(row["_outcome"], _note(row), row["StepName"] == name) for row in rows}
    if name and name not in marks:
        marks[name] = Mark("", "", chosen=True)
    graph = ExecutionGraph.of(definition)
    picture = drawing(graph, marks, f"{path}?step=")
    pairs = zip(steps, rows, strict=True)
    chosen = next((step_view(service, body, graph, row, it) for row, it in pairs if row["StepName"] == name), None)
    shown = {**body, "_outcome": _outcome(service, body)}
    return ExecutionView(shown, picture, rows, _parameters(definition, body), chosen, path)


def endpoints(service: Service) -> list[Body]:
    """Endpoints with their configuration, latest first."""
    found = []
    for body in reversed(service.store.list(ENDPOINT)):
        configuration = service.store.get(ENDPOINT_CONFIG, body["EndpointConfigName"]) or {}
        variants = configuration.get("ProductionVariants", [])
        found.append({**body, "_models": [variant.get("ModelName", "") for variant in variants]})
    return found


def groups(service: Service) -> list[Body]:
    """Model package groups with their versions, latest first, and each version's figures."""
    versions: dict[str, list[Body]] = {}
    for body in reversed(service.store.list(MODEL_PACKAGE)):
        statistics = body.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
        figures = dict(figures_of(service, statistics.get("S3Uri", "")))
        by = body.get("MetadataProperties", {}).get("GeneratedBy", "")
        path = execution_path(by) if "/execution/" in by else ""
        versions.setdefault(body.get("ModelPackageGroupName", ""), []).append(
            body | {"_figures": figures, "_path": path}
        )
    names = {body["ModelPackageGroupName"]: body for body in reversed(service.store.list(MODEL_PACKAGE_GROUP))}
    found = []
    for name, body in names.items():
        own = versions.get(name, [])
        # Versions of several tasks may share a group: each shows its own figures, those of any have a column.
        columns = list(dict.fromkeys(figure for version in own for figure in version["_figures"]))
        found.append(body | {"_versions": own, "_figures": columns})
    return found


def _outcome(service: Service, body: ExecutionRecord) -> str:
    """The execution's status, in which one that a Fail step ended on purpose is Rejected."""
    status = str(body["PipelineExecutionStatus"])
    if status != "Failed":
        return status
    outcomes = map(_step_outcome, service.store.list(STEP, parent=body["PipelineExecutionArn"]))
    return next((outcome for outcome in outcomes if outcome in ("Failed", "Rejected")), status)


def _step_outcome(row: StepRecord) -> str:
    return "Rejected" if row["StepStatus"] == "Failed" and row["_type"] == "Fail" else str(row["StepStatus"])


def _telling(rows: list[StepRecord]) -> str:
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


def _parameters(definition: Body, body: ExecutionRecord) -> list[tuple[str, Any]]:
    given = {parameter["Name"]: parameter["Value"] for parameter in body["_parameters"]}
    return [
        (parameter["Name"], given.get(parameter["Name"], parameter.get("DefaultValue", "")))
        for parameter in definition.get("Parameters", [])
    ]
