"""Pipelines: create, update, describe, delete, list. What a pipeline does is in its versions (`pipeline_versions`)."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.idempotency import once
from pipeline.local.api.listing import Listing
from pipeline.local.api.pipelines import pipeline_versions
from pipeline.local.api.pipelines.find import find_pipeline
from pipeline.local.api.pipelines.pipeline_definitions import given_definition
from pipeline.local.api.tags import store_tags
from pipeline.local.api_errors import (
    ConflictException,
    ResourceLimitExceeded,
    ValidationException,
)
from pipeline.local.kinds import CACHE, CALLBACK, EXECUTION, PIPELINE, STEP, Body, public
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="pipelines",
        subject="names of pipelines that differ in case only",
        here="the same pipeline",
        aws="inferred to be the same: ARNs were lower-cased for years",
    ),
    Row(
        area="pipelines",
        subject="CreatedBy, LastModifiedBy",
        here="empty",
        aws="the user profile or IAM identity",
    ),
)

LIMIT: Final = 500
_SETTINGS: Final = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
_LISTING: Final = Listing(name="PipelineName")
_SUMMARY: Final = (
    "PipelineArn",
    "PipelineName",
    "PipelineDisplayName",
    "PipelineDescription",
    "RoleArn",
    "CreationTime",
    "LastModifiedTime",
)


@action("CreatePipeline")
def create(service: Service, request: Body) -> Body:
    """Store a pipeline and its first version."""
    # Checking takes its time; the store is not locked meanwhile.
    definition = given_definition(service, request)
    return once(service, "CreatePipeline", request, lambda: _create(service, request, definition), made="PipelineArn")[
        0
    ]


def _create(service: Service, request: Body, definition: str | None) -> Body:
    if definition is None:
        raise ValidationException("Either Pipeline Definition or Pipeline Definition S3 location should be provided")
    name = request["PipelineName"]
    others = service.store.list(PIPELINE)
    if any(other["PipelineName"].lower() == name.lower() for other in others):
        raise ValidationException(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists."
        )
    if len(others) >= LIMIT:
        raise ResourceLimitExceeded(f"The account-level service limit 'Number of pipelines' is {LIMIT} Pipelines.")
    now, arn = service.clock.now(), service.arns.of(PIPELINE, name)
    body = {
        "PipelineArn": arn,
        "PipelineName": name,
        "PipelineDisplayName": name,
        "PipelineStatus": "Active",
        "CreationTime": now,
        "LastModifiedTime": now,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "_version": 0,
    }
    body |= {member: request[member] for member in _SETTINGS if member in request}
    service.store.insert(PIPELINE, name, body, arn=arn)
    pipeline_versions.add(service, body, definition, request.get("PipelineVersionAliases") or [])
    store_tags(service, arn, request.get("Tags"))
    return {"PipelineArn": arn}


@action("UpdatePipeline")
def update(service: Service, request: Body) -> Body:
    """Change what is sent; a definition that differs makes a new version."""
    find_pipeline(service, request["PipelineName"])
    definition = given_definition(service, request)
    with service.store.transaction():
        body = find_pipeline(service, request["PipelineName"])
        aliases = request.get("PipelineVersionAliases") or []
        settings = {member: request[member] for member in _SETTINGS if member in request}
        body = service.store.merge(
            PIPELINE, body["PipelineName"], LastModifiedTime=service.clock.now(), LastModifiedBy={}, **settings
        )
        if definition is not None and not pipeline_versions.is_latest(service, body, definition):
            pipeline_versions.add(service, body, definition, aliases)
        elif aliases:
            raise ValidationException(
                "PipelineVersionAliases can be specified only when the update changes the pipeline definition."
            )
        latest = pipeline_versions.latest(service, body)
        return {"PipelineArn": body["PipelineArn"], "PipelineVersionId": latest["PipelineVersionId"]}


@action("DescribePipeline")
def describe(service: Service, request: Body) -> Body:
    """A pipeline with the definition of its latest version, or of the one that is asked for."""
    body = find_pipeline(service, request["PipelineName"])
    version = pipeline_versions.chosen(service, body, request)
    members = ("PipelineDefinition", *pipeline_versions.DESCRIPTIVE)
    return public(body) | {member: version[member] for member in members if version.get(member)}


@action("DeletePipeline")
def delete(service: Service, request: Body) -> Body:
    """Delete a pipeline with its versions and executions; refused while one of them runs."""
    return once(service, "DeletePipeline", request, lambda: _delete(service, request))[0]


def _delete(service: Service, request: Body) -> Body:
    body, store = find_pipeline(service, request["PipelineName"]), service.store
    name = body["PipelineName"]
    executions = store.list(EXECUTION, parent=name)
    running = [
        execution["PipelineExecutionArn"]
        for execution in executions
        if execution["PipelineExecutionStatus"] in ("Executing", "Stopping")
    ]
    if running:
        raise ConflictException(
            f"Pipeline '{body['PipelineArn']}' cannot be deleted while executions run: [{', '.join(running[:5])}]."
        )
    for execution in executions:
        arn = execution["PipelineExecutionArn"]
        for step in store.list(STEP, parent=arn):
            store.delete(STEP, f"{arn}/{step['StepName']}")
            store.delete(CALLBACK, str(step.get("_token")))
        store.delete(EXECUTION, arn)
    for cached in store.list(CACHE, parent=name):
        store.delete(CACHE, cached["_name"])
    pipeline_versions.remove_all(service, body)
    store.delete(PIPELINE, name)
    return {"PipelineArn": body["PipelineArn"]}


@action("ListPipelines")
def list_pipelines(service: Service, request: Body) -> Body:
    """Pipelines by prefix and time, newest first."""
    prefix = request.get("PipelineNamePrefix", "").lower()
    bodies = service.store.list(PIPELINE) if request.get("ManagedBy") != "AWS" else []
    wanted = [body for body in bodies if body["PipelineName"].lower().startswith(prefix)]
    page, token = _LISTING.page(wanted, request, _summary)
    return {"PipelineSummaries": page} | token


def _summary(body: Body) -> Body:
    last = {"LastExecutionTime": body["LastRunTime"]} if "LastRunTime" in body else {}
    return {member: body[member] for member in _SUMMARY if member in body} | last
