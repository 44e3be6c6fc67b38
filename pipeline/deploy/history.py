"""The history of executions, as far as it decides what the next one can reuse. Reads, never writes.

A step that was itself reused says nothing of the age of what it reused: that is read from the execution that made it,
which may lie further back than those that are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.deploy.forecast import Forecast, Past
from pipeline.errors import ServiceError, UsageError
from pipeline.executions import execution_results
from pipeline.executions.execution_snapshot import definition_of, execution_id, find, parameters_of, snapshot
from pipeline.service_errors import is_absent, translated

_LOOKED_AT: Final = 10
_AT_ONCE: Final = 5

Steps = Mapping[str, Mapping[str, Any]]


def past(clients: Clients, pipeline: str, *, limit: int = _LOOKED_AT) -> tuple[Past, ...]:
    """The latest executions of a pipeline, newest first; none if there is no such pipeline. Raises ServiceError."""
    with translated(), ThreadPoolExecutor(_AT_ONCE) as pool:
        arns = _latest(clients, pipeline, limit)
        steps = dict(zip(arns, pool.map(lambda arn: _steps(clients, arn), arns), strict=True))
        further = sorted({_source(item) for one in steps.values() for item in one.values()} - {"", *arns})
        steps |= zip(further, pool.map(lambda arn: _steps(clients, arn), further), strict=True)
        return tuple(pool.map(lambda arn: _past(clients, arn, steps), arns))


def lost(clients: Clients, pipeline: str, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """A warning for each output without files of a step that will be reused: the service takes a hit and looks at none.

    Nothing where whoever plans may not look.
    """
    reused: dict[str, list[str]] = {}
    for one in forecasts:
        if one.origin:
            reused.setdefault(one.origin, []).append(one.step)
    return tuple(warning for origin, names in reused.items() for warning in _lost(clients, pipeline, origin, names))


def _lost(clients: Clients, pipeline: str, origin: str, names: Sequence[str]) -> Iterable[str]:
    try:
        made = snapshot(clients, find(clients, pipeline, origin))
        steps = tuple(step for step in made.steps if step.name in names)
        found = execution_results.outputs(clients, replace(made, steps=steps))
        empty = [output for output in found if not execution_results.is_there(clients, output)]
    except (ServiceError, UsageError):
        return []
    return [
        f"{output.step} will be reused, but there are no files at {output.uri}: if a step reads them, "
        "start with --no-cache"
        for output in empty
    ]


def _latest(clients: Clients, pipeline: str, limit: int) -> list[str]:
    from botocore.exceptions import ClientError

    try:
        found = clients.sagemaker.list_pipeline_executions(
            PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=limit
        )
    except ClientError as error:
        if is_absent(error):
            return []
        raise
    return [item["PipelineExecutionArn"] for item in found["PipelineExecutionSummaries"]][:limit]


def _steps(clients: Clients, arn: str) -> Steps:
    """The steps of an execution that succeeded, by name; none if the execution is no longer there."""
    from botocore.exceptions import ClientError

    pages = clients.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    try:
        items: Iterable[Any] = [item for page in pages for item in page["PipelineExecutionSteps"]]
    except ClientError as error:
        if is_absent(error):
            return {}
        raise
    return {item["StepName"]: item for item in items if item["StepStatus"] == "Succeeded"}


def _source(step: Mapping[str, Any]) -> str:
    """The execution that a reused step's result is from; empty for a step that ran."""
    return str(step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", ""))


def _past(clients: Clients, arn: str, steps: Mapping[str, Steps]) -> Past:
    ended: dict[str, datetime] = {}
    reused: dict[str, str] = {}
    for name, step in steps[arn].items():
        made = step if not _source(step) else steps[_source(step)].get(name)
        if made is not None and "EndTime" in made:
            ended[name] = made["EndTime"]
        if _source(step):
            reused[name] = execution_id(_source(step))
    return Past(definition_of(clients, arn), parameters_of(clients, arn), ended, execution_id(arn), reused)
