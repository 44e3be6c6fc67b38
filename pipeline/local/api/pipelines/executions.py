"""Executions of pipelines: start, describe, list, update, stop, retry. The engine runs what these actions store."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

from pipeline.limits import Row
from pipeline.local import resource_names
from pipeline.local.api import action
from pipeline.local.api.idempotency import once
from pipeline.local.api.listing import Listing
from pipeline.local.api.pipelines import pipeline_versions
from pipeline.local.api.pipelines.find import find_pipeline
from pipeline.local.api_errors import (
    ConflictException,
    ResourceLimitExceeded,
    ResourceNotFound,
    ValidationException,
)
from pipeline.local.engine import execution_parameters
from pipeline.local.engine.execution_records import ENDED, Records
from pipeline.local.engine.pipeline_experiment import resolve_config
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.engine.selective import select
from pipeline.local.engine.step_executors import RUNNERS
from pipeline.local.kinds import EXECUTION, PIPELINE, PIPELINE_VERSION, STEP, Body, ExecutionRecord, public
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="pipelines",
        subject="retry of an execution that Succeeded, runs or ended in a Fail step; stop of one that is Stopping",
        here="ConflictException; the second stop answers as the first did",
        aws="refused; codes and texts not established",
    ),
    Row(
        area="pipelines",
        subject="retried steps",
        here="steps that failed or were stopped start anew with AttemptCount 1, those that succeeded stay",
        aws="succeeded steps are not run again; the count is not established",
    ),
)

RUNNING_LIMIT: Final = 20
"""Executions at once in an account."""

_SETTINGS: Final = ("PipelineExecutionDescription", "PipelineExecutionDisplayName", "ParallelismConfiguration")
_LISTING: Final = Listing(name="PipelineExecutionArn")


def find_execution(service: Service, arn: str) -> ExecutionRecord:
    """The execution of that ARN, whose case does not matter: reasons of failures have it in lower case.

    Raises ResourceNotFound.
    """
    body = service.store.get(EXECUTION, arn)
    if body is None:
        pipeline, _, identifier = arn.partition("/execution/")
        with suppress(ResourceNotFound):
            known = find_pipeline(service, pipeline)["PipelineArn"]
            body = service.store.get(EXECUTION, f"{known}/execution/{identifier}")
    if body is None:
        raise ResourceNotFound(f"Pipeline execution '{arn}' does not exist.")
    return body


@action("StartPipelineExecution")
def start(service: Service, request: Body) -> Body:
    """Store an execution of a version of a pipeline, and run it."""
    with service.engine.admission:
        answer, new = once(
            service,
            "StartPipelineExecution",
            request,
            lambda: _start(service, request),
            made="PipelineExecutionArn",
        )
        if new:
            arn = answer["PipelineExecutionArn"]
            Records(service, arn).announce(find_execution(service, arn), None)
            service.engine.start(arn)
    return answer


def _start(service: Service, request: Body) -> Body:
    pipeline = find_pipeline(service, request["PipelineName"])
    if "RoleArn" in request:
        raise ValidationException("RoleArn can be specified only for pipelines that Amazon Web Services manages.")
    version = pipeline_versions.chosen(service, pipeline, request)
    definition = json.loads(version["PipelineDefinition"])
    supplied = request.get("PipelineParameters") or []
    values = execution_parameters.resolve(definition, supplied)
    graph, name = ExecutionGraph.of(definition), pipeline["PipelineName"]
    config = request.get("SelectiveExecutionConfig")
    selected, reused = select(service, name, graph, config) if config else (None, [])
    _runnable(graph, selected)
    _within_limit(service)
    now, identifier = service.clock.now(), resource_names.execution_id()
    arn = service.arns.execution(name, identifier)
    body: ExecutionRecord = {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": f"execution-{int(now * 1000)}",
        "PipelineExecutionStatus": "Executing",
        "CreationTime": now,
        "LastModifiedTime": now,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "PipelineVersionId": version["PipelineVersionId"],
        "_pipeline": name,
        "_id": identifier,
        "_parameters": supplied,
        "_values": values,
        "_role": pipeline["RoleArn"],
    }
    more: Body = {
        "ParallelismConfiguration": pipeline.get("ParallelismConfiguration"),
        "SelectiveExecutionConfig": config,
        "_selected": selected,
        **{member: request[member] for member in _SETTINGS if member in request},
        **resolve_config(service, definition, body, request.get("MlflowExperimentName")),
    }
    service.store.insert(EXECUTION, arn, body, arn=arn, parent=name)
    service.store.merge(EXECUTION, arn, **more)
    for row in reused:
        service.store.insert(STEP, f"{arn}/{row['StepName']}", row, parent=arn)
    service.store.merge(PIPELINE, name, LastRunTime=now)
    service.store.merge(
        PIPELINE_VERSION, f"{name}/{version['PipelineVersionId']}", LastExecutionPipelineExecutionArn=arn
    )
    return {"PipelineExecutionArn": arn}


def _runnable(graph: ExecutionGraph, selected: list[str] | None) -> None:
    """Raises ValidationException for a step that would run and whose type has no engine here."""
    for node in graph.nodes.values():
        body = (node.step.get("Arguments") or {}).get("ForEachBody") if node.type == "ForEach" else None
        for step in (node.step, *(body or [])):
            if step.get("Type") not in RUNNERS and (selected is None or node.name in selected):
                raise ValidationException(
                    f"Step {step.get('Name')} is of type {step.get('Type')}, which SageMaker on localhost cannot run."
                    f" It runs: {', '.join(sorted(RUNNERS))}."
                )


def _within_limit(service: Service) -> None:
    running = service.engine.running
    if running >= RUNNING_LIMIT:
        raise ResourceLimitExceeded(
            "The account-level service limit 'Number of concurrent pipeline executions' is"
            f" {RUNNING_LIMIT}, with current utilization of {running}."
        )


@action("DescribePipelineExecution")
def describe(service: Service, request: Body) -> Body:
    """An execution, with the aliases that its version has now."""
    body = find_execution(service, request["PipelineExecutionArn"])
    version = service.store.get(PIPELINE_VERSION, f"{body['_pipeline']}/{body['PipelineVersionId']}")
    aliases = (version or {}).get("PipelineVersionAliases")
    return public(body) | ({"PipelineVersionAliases": aliases} if aliases else {})


@action("ListPipelineExecutions")
def list_executions(service: Service, request: Body) -> Body:
    """The executions of a pipeline, or of the version that has an alias, newest first."""
    pipeline = find_pipeline(service, request["PipelineName"])
    bodies = service.store.list(EXECUTION, parent=pipeline["PipelineName"])
    if (alias := request.get("PipelineVersionAlias")) is not None:
        wanted = pipeline_versions.with_alias(service, pipeline, alias)["PipelineVersionId"]
        bodies = [body for body in bodies if body["PipelineVersionId"] == wanted]
    page, token = _LISTING.page(bodies, request, _summary)
    return {"PipelineExecutionSummaries": page} | token


def _summary(body: ExecutionRecord) -> Body:
    summary = {
        "PipelineExecutionArn": body["PipelineExecutionArn"],
        "StartTime": body["CreationTime"],
        "PipelineExecutionStatus": body["PipelineExecutionStatus"],
        "PipelineExecutionDescription": body.get("PipelineExecutionDescription"),
        "PipelineExecutionDisplayName": body["PipelineExecutionDisplayName"],
        "PipelineExecutionFailureReason": body.get("FailureReason"),
    }
    return {key: value for key, value in summary.items() if value is not None}


@action("UpdatePipelineExecution")
def update(service: Service, request: Body) -> Body:
    """Change display name, description or parallelism, also while the execution runs."""
    with service.store.transaction():
        arn = find_execution(service, request["PipelineExecutionArn"])["PipelineExecutionArn"]
        members = {member: request[member] for member in _SETTINGS if member in request}
        service.store.merge(EXECUTION, arn, LastModifiedTime=service.clock.now(), LastModifiedBy={}, **members)
    service.engine.update(arn)
    return {"PipelineExecutionArn": arn}


@action("StopPipelineExecution")
def stop(service: Service, request: Body) -> Body:
    """Stop an execution: its jobs are told to stop, nothing new starts, it ends Stopped."""
    answer, new = once(service, "StopPipelineExecution", request, lambda: _stop(service, request))
    if new:
        service.engine.stop(answer["PipelineExecutionArn"])
    return answer


def _stop(service: Service, request: Body) -> Body:
    body = find_execution(service, request["PipelineExecutionArn"])
    arn, status = body["PipelineExecutionArn"], body["PipelineExecutionStatus"]
    if status in ENDED:
        raise ValidationException("Only pipelines with 'Executing' status can be stopped.")
    if status == "Executing":
        Records(service, arn).change("Stopping")
    return {"PipelineExecutionArn": arn}


@action("RetryPipelineExecution")
def retry(service: Service, request: Body) -> Body:
    """Go on with an execution that Failed or was Stopped: what did not succeed runs again."""
    with service.engine.admission:
        answer, new = once(service, "RetryPipelineExecution", request, lambda: _retry(service, request))
        if new:
            service.engine.start(answer["PipelineExecutionArn"])
    return answer


def _retry(service: Service, request: Body) -> Body:
    body = find_execution(service, request["PipelineExecutionArn"])
    arn, status = body["PipelineExecutionArn"], body["PipelineExecutionStatus"]
    if status not in ("Failed", "Stopped", "CompletedWithFailures"):
        raise ConflictException(
            f"Pipeline execution '{arn}' is {status} and cannot be retried; only executions that are Failed or"
            " Stopped can."
        )
    records = Records(service, arn)
    rows = records.steps()
    if any(row["_type"] == "Fail" for row in rows.values()):
        raise ConflictException(f"Pipeline execution '{arn}' ended in a Fail step and cannot be retried.")
    _within_limit(service)
    records.forget([name for name, row in rows.items() if row["StepStatus"] != "Succeeded"])
    service.store.merge(EXECUTION, arn, _end=None)
    if "ParallelismConfiguration" in request:
        service.store.merge(EXECUTION, arn, ParallelismConfiguration=request["ParallelismConfiguration"])
    records.change("Executing")
    return {"PipelineExecutionArn": arn}
