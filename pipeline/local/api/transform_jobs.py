"""Transform jobs: create, describe, list, stop. The work is `containers.transform`'s; here are the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.local.api import action, models, public
from pipeline.local.api.endpoints import check_servable
from pipeline.local.api.listing import Listing
from pipeline.local.containers.associate import CSV, TYPES, Association
from pipeline.local.containers.filters import PathError
from pipeline.local.containers.jobs import state_change
from pipeline.local.containers.running import TERMINAL, TRANSFORM
from pipeline.local.errors import ResourceInUse, ValidationException
from pipeline.local.store import AlreadyExists

if TYPE_CHECKING:
    from pipeline.local.service import Service

Body = dict[str, Any]
KIND: Final = TRANSFORM.name
PAYLOAD_TIMES_CONCURRENT: Final = 100
_LISTING: Final = Listing("TransformJobName", status="TransformJobStatus")


@action("CreateTransformJob")
def create(service: Service, request: Body) -> Body:
    """Store a job and start it. Raises ValidationException, ResourceInUse, ResourceLimitExceeded."""
    name = request["TransformJobName"]
    arn = service.arns.of(KIND, name)
    model = models.find(service, request["ModelName"])
    for container in model.get("Containers") or [model.get("PrimaryContainer", {"Image": ""})]:
        check_servable(container)
    _check(request)
    service.jobs.admit()
    now = service.clock.now()
    body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""} | request["TransformOutput"],
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
        | request.get("DataProcessing", {}),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    try:
        with service.store.transaction():
            service.store.insert(KIND, name, body, arn=arn)
            service.store.tag(arn, {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])})
    except AlreadyExists:
        raise ResourceInUse(
            "Transform job names must be unique within an AWS account and region, and a transform job with this name "
            f"already exists ({arn})"
        ) from None
    state_change(service, TRANSFORM, body)
    service.jobs.start(KIND, name)
    return {"TransformJobArn": arn}


@action("DescribeTransformJob")
def describe(service: Service, request: Body) -> Body:
    """The stored job. Raises ValidationException where there is none."""
    body = public(_find(service, request["TransformJobName"], "Requested resource not found."))
    body.pop("LastModifiedTime")
    return body


@action("ListTransformJobs")
def list_jobs(service: Service, request: Body) -> Body:
    """A page of jobs."""
    page, more = _LISTING.page(service.store.list(KIND), request, _summary)
    return {"TransformJobSummaries": page} | more


@action("StopTransformJob")
def stop(service: Service, request: Body) -> Body:
    """Mark a job Stopping and end it. Raises ValidationException for a job that is over or unknown."""
    name = request["TransformJobName"]
    with service.store.transaction():
        body = _find(
            service,
            name,
            f"Could not find job to update with name '{name}' in region {service.configuration.region} for account "
            f"{service.configuration.account}.",
        )
        if body["TransformJobStatus"] in TERMINAL:
            raise ValidationException(
                f"The request was rejected because the transform job is in status {body['TransformJobStatus']}."
            )
        body = service.store.merge(KIND, name, TransformJobStatus="Stopping", LastModifiedTime=service.clock.now())
    state_change(service, TRANSFORM, body)
    service.jobs.stop(KIND, name)
    return {}


def _find(service: Service, name: str, message: str) -> Body:
    body = service.store.get(KIND, name)
    if body is None:
        raise ValidationException(message)
    return body


def _summary(body: Body) -> Body:
    members = (
        "TransformJobName",
        "TransformJobArn",
        "CreationTime",
        "TransformEndTime",
        "LastModifiedTime",
        "TransformJobStatus",
        "FailureReason",
    )
    return {key: body[key] for key in members if key in body}


def _check(request: Body) -> None:
    """What the API's model cannot say."""
    given, output = request["TransformInput"], request["TransformOutput"]
    concurrent, payload = request.get("MaxConcurrentTransforms", 0), request.get("MaxPayloadInMB", 0)
    if payload > PAYLOAD_TIMES_CONCURRENT or concurrent * payload > PAYLOAD_TIMES_CONCURRENT:
        raise ValidationException(
            f"MaxPayloadInMB, and MaxConcurrentTransforms * MaxPayloadInMB, must not exceed {PAYLOAD_TIMES_CONCURRENT} MB;"
            f" MaxConcurrentTransforms is {concurrent}, MaxPayloadInMB is {payload}."
        )
    if request.get("BatchStrategy") == "SingleRecord" and given.get("SplitType", "None") == "None":
        raise ValidationException("BatchStrategy SingleRecord needs a SplitType other than None.")
    try:
        association = Association.of(request)
    except PathError as error:
        raise ValidationException(f"DataProcessing: {error}") from error
    if association is not None:
        _check_association(association, given.get("SplitType", "None"), output.get("AssembleWith", "None"))


def _check_association(association: Association, split_type: str, assemble_with: str) -> None:
    for member, kind in (("ContentType", association.content_type), ("Accept", association.accept)):
        if kind not in TYPES:
            raise ValidationException(f"DataProcessing needs {member} to be one of {', '.join(TYPES)}, not {kind!r}.")
    if CSV in (association.content_type, association.accept):
        if (split_type, assemble_with) != ("Line", "Line"):
            raise ValidationException("DataProcessing of text/csv needs SplitType Line and AssembleWith Line.")
    elif (split_type, assemble_with) not in (("Line", "Line"), ("None", "None")):
        raise ValidationException("DataProcessing of JSON needs SplitType and AssembleWith both Line or both None.")
