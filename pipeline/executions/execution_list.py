"""The list of a pipeline's executions: how each ended and when, and the figures of its model.

An execution costs at most four requests, several executions at a time: itself, its steps, the job that evaluated and
what that wrote. A reused evaluation is read once for all that reuse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions import execution_results
from pipeline.executions.execution_snapshot import REJECTED, ExecutionSnapshot, snapshot
from pipeline.service_errors import translated
from steps.step_names import EVALUATE_MODEL

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionSummaryTypeDef

_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Summary:
    """One execution as a list shows it."""

    arn: str
    status: str
    name: str
    started: datetime
    reason: str = ""
    outcome: str = ""
    """The status, in which Rejected is told from Failed."""
    seconds: float | None = None
    """From its start to its end, if it has ended."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Those of its evaluation; none where it has none, or one that was removed."""


def latest(clients: Clients, pipeline: str, count: int) -> tuple[Summary, ...]:
    """The latest executions of a pipeline, newest first. Raises ServiceError."""
    with translated(), ThreadPoolExecutor(_AT_ONCE) as pool:
        pages = clients.sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=pipeline,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"MaxItems": count},
        )
        items = [item for page in pages for item in page["PipelineExecutionSummaries"]]
        snapshots = tuple(pool.map(lambda item: snapshot(clients, item["PipelineExecutionArn"]), items))
        evaluated = [_evaluated(found) for found in snapshots]
        jobs = {execution.steps[0].job_name: execution for execution in evaluated if execution}
        figures = dict(zip(jobs, pool.map(lambda execution: _figures(clients, execution), jobs.values()), strict=True))
        return tuple(
            _summary(item, found, figures[execution.steps[0].job_name] if execution else {})
            for item, found, execution in zip(items, snapshots, evaluated, strict=True)
        )


def _summary(item: PipelineExecutionSummaryTypeDef, found: ExecutionSnapshot, figures: Mapping[str, float]) -> Summary:
    """One execution; the step that ended it says whether it was rejected, and why."""
    reason = item.get("PipelineExecutionFailureReason", "")
    if found.outcome == REJECTED and found.failed_step:
        reason = found.failed_step.reason or reason
    seconds = (found.changed - item["StartTime"]).total_seconds() if found.done and found.changed else None
    name = item.get("PipelineExecutionDisplayName", "")
    return Summary(found.arn, found.status, name, item["StartTime"], reason, found.outcome, seconds, figures)


def _evaluated(found: ExecutionSnapshot) -> ExecutionSnapshot | None:
    """The execution with the step alone that evaluated the model, if that has a result."""
    step = found.step(EVALUATE_MODEL)
    return replace(found, steps=(step,)) if step and step.job_name and step.status == "Succeeded" else None


def _figures(clients: Clients, evaluated: ExecutionSnapshot) -> Mapping[str, float]:
    try:
        return execution_results.figures_of(
            execution_results.evaluation(clients, execution_results.outputs(clients, evaluated)) or {}
        )
    except ServiceError:
        # A list of what has run is of use without them too: the caller may not be allowed to read the bucket.
        return {}
