"""Reads what is deployed, and carries out a plan: the only module that writes pipelines to AWS or localhost.

Every instruction may be repeated: an upsert that was killed anywhere, or two of them at once, end with one whole
pipeline. The code lies in S3 before a definition names it, and the checksum tag is written last.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline import bundle
from pipeline.clients import Clients, error_code, error_message, translated
from pipeline.plan import (
    INLINE_LIMIT,
    CreatePipeline,
    Deployed,
    Desired,
    Instruction,
    Plan,
    RemoveTags,
    SetTags,
    UpdatePipeline,
    UploadCode,
    checksum,
    make,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_CODE_URI: Final = re.compile(r's3://([^"/]+)/([^"]*?)/code/([0-9a-f]{64})')


def plan(clients: Clients, desired: Desired) -> Plan:
    """What `upsert` would do now; reads, never writes. Raises ServiceError."""
    deployed = read(clients, desired.name)
    with translated():
        there = bundle.deployed_manifest(clients.s3, desired.bucket, desired.prefix, desired.bundle.sha256)
    return make(desired, deployed, code_uploaded=there is not None)


def read(clients: Clients, name: str) -> Deployed | None:
    """The pipeline of that name as the service has it, or None. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            found = clients.sagemaker.describe_pipeline(PipelineName=name)
        except ClientError as error:
            if _missing(error):
                return None
            raise
        pages = clients.sagemaker.get_paginator("list_tags").paginate(ResourceArn=found["PipelineArn"])
        tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        return Deployed(
            arn=found["PipelineArn"],
            definition=found["PipelineDefinition"],
            role=found.get("RoleArn", ""),
            tags=tags,
            code_files=_code_files(clients, found["PipelineDefinition"]),
            description=found.get("PipelineDescription", ""),
            display_name=found.get("PipelineDisplayName", ""),
            parallelism=found.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps"),
        )


def apply(clients: Clients, what: Plan, *, progress: Callable[[Instruction], None]) -> str:
    """Carry out the plan and return the pipeline's ARN; `progress` is told before each instruction.

    Raises ServiceError; running it again finishes the work.
    """
    arn = ""
    for instruction in what.instructions:
        progress(instruction)
        with translated():
            match instruction:
                case UploadCode(code, bucket, prefix):
                    bundle.upload(code, clients.s3, bucket, prefix)
                case CreatePipeline(desired):
                    arn = _create(clients, desired)
                case UpdatePipeline(desired):
                    arn = _update(clients, desired)
                case SetTags(tags):
                    arn = arn or _arn(clients, what.pipeline)
                    clients.sagemaker.add_tags(ResourceArn=arn, Tags=_tags(tags))
                case RemoveTags(keys):
                    arn = arn or _arn(clients, what.pipeline)
                    clients.sagemaker.delete_tags(ResourceArn=arn, TagKeys=list(keys))
    return arn or _arn(clients, what.pipeline)


def _create(clients: Clients, desired: Desired) -> str:
    from botocore.exceptions import ClientError

    try:
        answer = clients.sagemaker.create_pipeline(
            **_request(clients, desired), Tags=_tags(desired.tags), ClientRequestToken=uuid.uuid4().hex
        )
    except ClientError as error:
        if "already exists" not in error_message(error):
            raise
        return _update(clients, desired)
    return answer["PipelineArn"]


def _update(clients: Clients, desired: Desired) -> str:
    return clients.sagemaker.update_pipeline(**_request(clients, desired))["PipelineArn"]


def _request(clients: Clients, desired: Desired) -> dict[str, Any]:
    request: dict[str, Any] = {"PipelineName": desired.name, "RoleArn": desired.role}
    request |= _definition_members(clients, desired)
    if desired.description:
        request["PipelineDescription"] = desired.description
    if desired.display_name:
        request["PipelineDisplayName"] = desired.display_name
    if desired.parallelism:
        request["ParallelismConfiguration"] = {"MaxParallelExecutionSteps": desired.parallelism}
    return request


def _definition_members(clients: Clients, desired: Desired) -> dict[str, Any]:
    body = desired.definition.encode()
    if len(body) < INLINE_LIMIT:
        return {"PipelineDefinition": desired.definition}
    key = f"{desired.prefix}/definitions/{checksum(desired.definition)}.json"
    clients.s3.put_object(Bucket=desired.bucket, Key=key, Body=body, ContentType="application/json")
    return {"PipelineDefinitionS3Location": {"Bucket": desired.bucket, "ObjectKey": key}}


def _code_files(clients: Clients, definition: str) -> Mapping[str, str] | None:
    """The files of the bundle that a deployed definition names, with their hashes; None if there is none to read."""
    found = _CODE_URI.search(json.dumps(json.loads(definition)))
    return None if found is None else bundle.deployed_manifest(clients.s3, *found.groups())


def _missing(error: ClientError) -> bool:
    return error_code(error) == "ResourceNotFound" or "not exist" in error_message(error)


def _arn(clients: Clients, name: str) -> str:
    return clients.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
