"""Processing jobs: create, describe, list, stop, delete."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local import images
from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import JobActions, check_input, check_s3
from pipeline.local.api_errors import ValidationException
from pipeline.local.containers.jobs.running_job import PROCESSING
from pipeline.local.containers.sandbox.opt_ml import below
from pipeline.local.kinds import Body
from pipeline.local.service import Service

DEFAULT_RUNTIME: Final = 86_400
LOCAL: Final = "/opt/ml/processing"
_KEPT: Final = (
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
    "ProcessingResources",
)

PARITY: Final = (
    Row(
        area="processing",
        subject="DatasetDefinition (Athena, Redshift), FeatureStoreOutput",
        here="Refused when the job is created.",
        aws="Done.",
    ),
)

JOBS: Final = JobActions(
    PROCESSING,
    exists="Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    unknown="Could not find requested job with name: {name}",
    unknown_to_stop="Could not find job to update with name: {name}",
    word="processing job",
    shown=("FailureReason", "ExitMessage"),
)
JOBS.offer("Describe", "List", "Stop", "Delete")


@action("CreateProcessingJob")
def create(service: Service, request: Body) -> Body:
    """Check, store, start."""
    name = request["ProcessingJobName"]
    application = request["AppSpecification"]
    image = images.resolve(application["ImageUri"])
    if not application.get("ContainerEntrypoint"):
        image.program("process")
    inputs = [_input(service, given, request["RoleArn"]) for given in request.get("ProcessingInputs", [])]
    outputs = [_output(given) for given in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    body: Body = {member: request[member] for member in _KEPT if member in request}
    body["ProcessingResources"] = {"ClusterConfig": _cluster(request["ProcessingResources"]["ClusterConfig"])}
    body["StoppingCondition"] = request.get("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_RUNTIME})
    if inputs:
        body["ProcessingInputs"] = inputs
    if "ProcessingOutputConfig" in request:
        body["ProcessingOutputConfig"] = {**request["ProcessingOutputConfig"], "Outputs": outputs}
    return JOBS.create(service, name, body, request, arn=service.arns.of("processing-job", name))


def _input(service: Service, given: Body, role: str) -> Body:
    name = given["InputName"]
    if "DatasetDefinition" in given:
        raise ValidationException(f"ProcessingInput {name!r}: localhost has no Athena and no Redshift.")
    if "S3Input" not in given:
        raise ValidationException(f"ProcessingInput {name!r} must have an S3Input or a DatasetDefinition.")
    source = {
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
        "S3InputMode": "File",
    } | given["S3Input"]
    _check_local(source, given, f"ProcessingInput {name!r}")
    if source["S3CompressionType"] == "Gzip" and source["S3InputMode"] != "Pipe":
        raise ValidationException(
            f"ProcessingInput {name!r}: S3CompressionType Gzip can only be used if S3InputMode is Pipe."
        )
    check_input(service, source["S3Uri"], role, f"ProcessingInput {name!r}")
    return {"AppManaged": False} | given | {"S3Input": source}


def _output(given: Body) -> Body:
    name = given["OutputName"]
    if "FeatureStoreOutput" in given:
        raise ValidationException(f"ProcessingOutput {name!r}: localhost has no Feature Store.")
    if "S3Output" not in given:
        raise ValidationException(f"ProcessingOutput {name!r} must have an S3Output or a FeatureStoreOutput.")
    _check_local(given["S3Output"], given, f"ProcessingOutput {name!r}")
    check_s3(given["S3Output"]["S3Uri"], f"ProcessingOutput {name!r}")
    return {"AppManaged": False} | given


def _check_local(place: Body, given: Body, where: str) -> None:
    if given.get("AppManaged"):
        return
    path = place.get("LocalPath", "")
    if not path:
        raise ValidationException(f"{where} must have a LocalPath unless it is AppManaged.")
    if not below(path, LOCAL) or "\0" in path:
        raise ValidationException(f"{where}: LocalPath {path!r} must be an absolute path that begins with {LOCAL}/.")


def _cluster(given: Body) -> Body:
    preferred = (given.get("InstancePreferences") or [{}])[0]
    members = {member: preferred[member] for member in ("InstanceType", "InstanceCount") if member in preferred}
    cluster: Body = members | given
    for member in ("InstanceCount", "InstanceType"):
        if member not in cluster:
            raise ValidationException(f"ProcessingResources.ClusterConfig must have {member}.")
    return cluster
