"""Transform jobs: create, describe, list, stop. The checks are here; `containers.jobs.transform` does the work."""

from __future__ import annotations

from typing import Final

from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import JobActions, check_s3
from pipeline.local.api.serving.endpoints import check_servable
from pipeline.local.api.serving.models import MODELS
from pipeline.local.api_errors import ValidationException
from pipeline.local.containers.hosting.model_data import containers_of
from pipeline.local.containers.jobs.associate import CSV, TYPES, Association
from pipeline.local.containers.jobs.filters import FilterError
from pipeline.local.containers.jobs.running_job import TRANSFORM
from pipeline.local.kinds import Body
from pipeline.local.service import Service

PAYLOAD_TIMES_CONCURRENT: Final = 100
_ACTIONS: Final = JobActions(
    TRANSFORM,
    exists="Transform job names must be unique within an AWS account and region, and a transform job with this name"
    " already exists ({arn})",
    unknown="Could not find requested job with name: {name}",
    unknown_to_stop="Could not find job to update with name '{name}'.",
    word="transform job",
    sort_order="Descending",
    shown=("FailureReason",),
)
_ACTIONS.offer("List", "Stop")


@action("CreateTransformJob")
def create(service: Service, request: Body) -> Body:
    """Store a job and start it. Raises ValidationException, ResourceInUse, ResourceLimitExceeded."""
    name = request["TransformJobName"]
    model = MODELS.find(service, request["ModelName"])
    for container in containers_of(model):
        check_servable(container)
    _check(request)
    body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""} | request["TransformOutput"],
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
        | request.get("DataProcessing", {}),
    }
    return _ACTIONS.create(service, name, body, request, arn=service.arns.of(TRANSFORM.name, name))


@action("DescribeTransformJob")
def describe(service: Service, request: Body) -> Body:
    """The stored job. Raises ValidationException where there is none."""
    body = _ACTIONS.describe(service, request)
    del body["LastModifiedTime"]  # the one kind of job whose Describe response has none
    return body


def _check(request: Body) -> None:
    """What the API's model cannot say."""
    given, output = request["TransformInput"], request["TransformOutput"]
    check_s3(given["DataSource"]["S3DataSource"]["S3Uri"], "TransformInput")
    check_s3(output["S3OutputPath"], "TransformOutput")
    if "DataCaptureConfig" in request:
        check_s3(request["DataCaptureConfig"]["DestinationS3Uri"], "DataCaptureConfig")
    concurrent, payload = request.get("MaxConcurrentTransforms", 0), request.get("MaxPayloadInMB", 0)
    if payload > PAYLOAD_TIMES_CONCURRENT or concurrent * payload > PAYLOAD_TIMES_CONCURRENT:
        raise ValidationException(
            f"MaxPayloadInMB, and MaxConcurrentTransforms * MaxPayloadInMB, must not exceed {PAYLOAD_TIMES_CONCURRENT}"
            f" MB; MaxConcurrentTransforms is {concurrent}, MaxPayloadInMB is {payload}."
        )
    if request.get("BatchStrategy") == "SingleRecord" and given.get("SplitType", "None") == "None":
        raise ValidationException("BatchStrategy SingleRecord needs a SplitType other than None.")
    try:
        association = Association.of(request)
    except FilterError as error:
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
