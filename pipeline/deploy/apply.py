"""Reads what is deployed, and carries out a plan of an upsert on AWS or localhost.

Every instruction may be repeated: an upsert that was killed anywhere, or two of them at once, end with one whole
pipeline. The code lies in S3 before a definition names it; the checksum tag is written last, and again until it is that
of what is deployed, so that the last of several writers leaves it true.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline.clients import Clients
from pipeline.deploy import code_bundle, risks
from pipeline.deploy.code_bundle import Bundle
from pipeline.deploy.plan import (
    CHECKSUM_TAG,
    INLINE_LIMIT,
    CreatePipeline,
    Deployed,
    DeployPlan,
    Desired,
    Instruction,
    RecordChecksum,
    RemoveTags,
    SetTags,
    UpdatePipeline,
    UploadCode,
    checksum,
    generation,
    make,
    parsed,
    with_generation,
)
from pipeline.errors import ServiceError
from pipeline.service_errors import error_code, error_message, translated

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_CODE_URI: Final = re.compile(r's3://([^"/]+)/([^"]*?)/code/([0-9a-f]{64})')

# Another writer of the same pipeline is waited out: seconds between the attempts.
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)

Sleep = Callable[[float], None]


def plan(clients: Clients, desired: Desired) -> DeployPlan:
    """What `upsert` would do now; reads, never writes.

    Raises ServiceError, and DefinitionError for a definition that the service would refuse.
    """
    doubtful = risks.accepted(desired.definition)
    deployed = read(clients, desired.name)
    missing, no_bucket = _missing_code(clients, desired)
    found = risks.found(clients, deployed.definition, desired.definition) if deployed else ()
    return make(desired, deployed, missing=missing, warnings=(*no_bucket, *found, *doubtful))


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
            parallelism=found.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps"),
        )


def apply(
    clients: Clients, what: DeployPlan, *, progress: Callable[[Instruction], None], sleep: Sleep = time.sleep
) -> str:
    """Carry out the plan and return the pipeline's ARN; `progress` is told before each instruction.

    Raises ServiceError; running it again finishes the work.
    """
    arn = ""
    for instruction in what.instructions:
        progress(instruction)
        with translated():
            arn = _carry_out(clients, instruction, what.pipeline, arn, sleep) or arn
    return arn or arn_of(clients, what.pipeline)


def forget_cache(clients: Clients, name: str, *, sleep: Sleep = time.sleep) -> bool:
    """Make the next executions reuse nothing of the earlier ones, by a new default of `CacheGeneration`.

    False for a pipeline that is not there, or has no such parameter. Raises ServiceError.
    """
    deployed = read(clients, name)
    number = generation(parsed(deployed.definition)) if deployed else 0
    if deployed is None or not number:
        return False
    definition = with_generation(deployed.definition, number + 1)
    with translated():
        _patiently(
            lambda: clients.sagemaker.update_pipeline(
                PipelineName=name, RoleArn=deployed.role, PipelineDefinition=definition
            )["PipelineArn"],
            sleep,
        )
        _record(clients, name, checksum(definition))
    return True


def arn_of(clients: Clients, name: str) -> str:
    """The ARN of the deployed pipeline of that name. Raises ServiceError."""
    with translated():
        return clients.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]


def _carry_out(clients: Clients, instruction: Instruction, name: str, arn: str, sleep: Sleep) -> str:
    """Do one instruction; the pipeline's ARN if it is known now."""
    match instruction:
        case UploadCode(code, bucket, prefix, kms_key):
            code_bundle.upload(code, clients.s3, bucket, prefix, kms_key=kms_key)
        case CreatePipeline(desired):
            return _patiently(lambda: _create(clients, desired), sleep)
        case UpdatePipeline(desired):
            return _patiently(lambda: _update(clients, desired), sleep)
        case SetTags(tags):
            arn = arn or arn_of(clients, name)
            clients.sagemaker.add_tags(ResourceArn=arn, Tags=_tags(tags))
        case RemoveTags(keys):
            arn = arn or arn_of(clients, name)
            clients.sagemaker.delete_tags(ResourceArn=arn, TagKeys=list(keys))
        case RecordChecksum(checksum=wanted):
            arn = _record(clients, name, wanted)
    return arn


def _patiently(write: Callable[[], str], sleep: Sleep) -> str:
    """Write, and again if another writer was at the pipeline in the same moment. Raises ClientError."""
    from botocore.exceptions import ClientError

    for pause in _PAUSES:
        try:
            return write()
        except ClientError as error:
            if error_code(error) != "ConflictException":
                raise
        sleep(pause)
    return write()


def _record(clients: Clients, name: str, wanted: str) -> str:
    """Tag the pipeline with the checksum of its definition, and return its ARN.

    The tag and the definition are two writes. So it looks afterwards: whoever writes the tag last has seen that it
    is true. Raises ServiceError if the definition is another's by now.
    """
    found = clients.sagemaker.describe_pipeline(PipelineName=name)
    for _ in _PAUSES:
        arn, tagged = found["PipelineArn"], checksum(found["PipelineDefinition"])
        clients.sagemaker.add_tags(ResourceArn=arn, Tags=_tags({CHECKSUM_TAG: tagged}))
        found = clients.sagemaker.describe_pipeline(PipelineName=name)
        if checksum(found["PipelineDefinition"]) == tagged:
            break
    if tagged != wanted:
        raise ServiceError(
            f"another upsert replaced the definition of {name} while this one was at work: the other's is deployed",
            hint="`pipeline plan` shows what differs; `pipeline upsert` deploys this one",
        )
    return arn


def _create(clients: Clients, desired: Desired) -> str:
    from botocore.exceptions import ClientError

    try:
        answer = clients.sagemaker.create_pipeline(
            **_request(clients, desired), Tags=_tags(desired.tags), ClientRequestToken=uuid.uuid4().hex
        )
    except ClientError as error:
        if "already exists" not in error_message(error):
            raise
        # Somebody was quicker, or this is a repetition whose first answer was lost.
        arn = _update(clients, desired)
        if desired.tags:
            clients.sagemaker.add_tags(ResourceArn=arn, Tags=_tags(desired.tags))
        return arn
    return answer["PipelineArn"]


def _update(clients: Clients, desired: Desired) -> str:
    return clients.sagemaker.update_pipeline(**_request(clients, desired))["PipelineArn"]


def _request(clients: Clients, desired: Desired) -> dict[str, Any]:
    request: dict[str, Any] = {"PipelineName": desired.name, "RoleArn": desired.role}
    request |= _definition_members(clients, desired)
    if desired.description:
        request["PipelineDescription"] = desired.description
    if desired.parallelism:
        request["ParallelismConfiguration"] = {"MaxParallelExecutionSteps": desired.parallelism}
    return request


def _definition_members(clients: Clients, desired: Desired) -> dict[str, Any]:
    body = desired.definition.encode()
    if len(body) < INLINE_LIMIT:
        return {"PipelineDefinition": desired.definition}
    key = f"{desired.prefix}/definitions/{checksum(desired.definition)}.json"
    clients.s3.put_object(
        Bucket=desired.bucket,
        Key=key,
        Body=body,
        ContentType="application/json",
        **code_bundle.encryption(desired.kms_key),
    )
    return {"PipelineDefinitionS3Location": {"Bucket": desired.bucket, "ObjectKey": key}}


def _missing_code(clients: Clients, desired: Desired) -> tuple[list[Bundle], tuple[str, ...]]:
    """The bundles that are not whole in S3, and a warning if there is not even the bucket."""
    with translated():
        try:
            return [
                one
                for one in desired.bundles
                if not code_bundle.is_whole(clients.s3, desired.bucket, desired.prefix, one.sha256)
            ], ()
        except code_bundle.NoBucketError:
            return list(desired.bundles), (f"there is no bucket {desired.bucket}: create it before the upsert",)


def _code_files(clients: Clients, definition: str) -> Mapping[str, str] | None:
    """The files of the bundles that a deployed definition names, with their hashes; None if one is not to be read.

    That may be in a bucket of before, which is gone, or which whoever plans may not read.
    """
    from botocore.exceptions import ClientError

    named = dict.fromkeys(_CODE_URI.findall(json.dumps(parsed(definition))))
    try:
        found = [code_bundle.deployed_manifest(clients.s3, *one) for one in named]
    except code_bundle.NoBucketError:
        return None
    except ClientError as error:
        if error_code(error) != "AccessDenied":
            raise
        return None
    manifests = [manifest for manifest in found if manifest is not None]
    if not manifests or len(manifests) < len(found):
        return None
    return {name: sha256 for manifest in manifests for name, sha256 in manifest.items()}


def _missing(error: ClientError) -> bool:
    """Whether the answer says that there is no such pipeline; not all services say it by the code alone."""
    message = error_message(error).lower()
    return error_code(error) == "ResourceNotFound" or "not exist" in message or "could not find" in message


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
