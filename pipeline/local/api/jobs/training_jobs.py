"""Training jobs: create, describe, list, stop, delete."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local import images
from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import JobActions, check_input, check_s3, unique
from pipeline.local.api_errors import ValidationException
from pipeline.local.containers.jobs.running_job import TRAINING
from pipeline.local.containers.jobs.training import command, transitions
from pipeline.local.containers.jobs.training_results import artifacts_uri
from pipeline.local.containers.sandbox.opt_ml import OPT_ML, below
from pipeline.local.kinds import Body
from pipeline.local.service import Service

DEFAULT_RUNTIME: Final = 86_400
CHECKPOINTS: Final = "/opt/ml/checkpoints"
_NOT_KEPT: Final = ("Tags", "TrainingJobName", "SessionChainingConfig")

PARITY: Final = (
    Row(
        area="training",
        subject="FileSystemDataSource, DatasetSource, AugmentedManifestFile, AlgorithmName, InstanceGroups, serverless"
        " jobs",
        here="Refused when the job is created.",
        aws="Done.",
    ),
    Row(
        area="training",
        subject="CheckpointConfig.LocalPath",
        here="Must lie below /opt/ml.",
        aws="Any path.",
    ),
)


def _asked_for(body: Body, request: Body) -> bool:
    """Whether a job passes the filters that only training jobs have; localhost keeps no warm pools."""
    plan = body.get("ResourceConfig", {}).get("TrainingPlanArn")
    return "WarmPoolStatusEquals" not in request and request.get("TrainingPlanArnEquals", plan) == plan


def _stopping_members(body: Body, now: float) -> Body:
    before = body["SecondaryStatusTransitions"]
    return {"SecondaryStatus": "Stopping", "SecondaryStatusTransitions": transitions(before, "Stopping", now)}


JOBS: Final = JobActions(
    TRAINING,
    exists="Training job names must be unique within an AWS account and region, and a training job with this name"
    " already exists ({arn})",
    unknown="Requested resource not found.",
    unknown_to_stop="Requested resource not found.",
    word="training job",
    shown=("SecondaryStatus",),
    kept=_asked_for,
    stopping=_stopping_members,
)
JOBS.offer("Describe", "List", "Stop", "Delete")


@action("CreateTrainingJob")
def create(service: Service, request: Body) -> Body:
    """Check, store, start."""
    name = request["TrainingJobName"]
    body = prepared(service, request)
    now = service.clock.now()
    body |= {
        "CreationTime": now,
        "LastModifiedTime": now,
        "ModelArtifacts": {"S3ModelArtifacts": artifacts_uri(name, body["OutputDataConfig"])},
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": transitions([], "Starting", now),
    }
    return JOBS.create(service, name, body, request, arn=service.arns.of("training-job", name))


def prepared(service: Service, request: Body) -> Body:
    """The body of a training job with all defaults, checked. Raises ValidationException."""
    body = {member: value for member, value in request.items() if member not in _NOT_KEPT}
    if "ServerlessJobConfig" in body:
        raise ValidationException("ServerlessJobConfig: localhost has no serverless training jobs.")
    body["AlgorithmSpecification"] = _algorithm(request)
    if "InputDataConfig" in request:
        body["InputDataConfig"] = [
            _channel(service, channel, request["RoleArn"]) for channel in request["InputDataConfig"]
        ]
        unique([channel["ChannelName"] for channel in body["InputDataConfig"]], "ChannelName")
    body["OutputDataConfig"] = {"KmsKeyId": "", "CompressionType": "GZIP"} | request["OutputDataConfig"]
    check_s3(body["OutputDataConfig"]["S3OutputPath"], "OutputDataConfig.S3OutputPath")
    body["ResourceConfig"] = _resources(request)
    body["StoppingCondition"] = _stopping(request)
    if "CheckpointConfig" in request:
        body["CheckpointConfig"] = _checkpoints(request["CheckpointConfig"])
    defaults = {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "ProfilingStatus": "Disabled",
    }
    return defaults | body


def _algorithm(request: Body) -> Body:
    given: Body | None = request.get("AlgorithmSpecification")
    if given is None:
        raise ValidationException("AlgorithmSpecification is required.")
    if "TrainingImage" not in given:
        raise ValidationException(
            "AlgorithmSpecification must have a TrainingImage; localhost has no algorithms by AlgorithmName."
        )
    image = images.resolve(given["TrainingImage"])
    command(given, image)
    given = {"EnableSageMakerMetricsTimeSeries": image.builtin} | given
    if image.metrics is None:
        return given
    if given.get("MetricDefinitions"):
        raise ValidationException(
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request"
            " without specifying metric definitions."
        )
    return given | {"MetricDefinitions": image.metrics()}


def _channel(service: Service, given: Body, role: str) -> Body:
    where = f"Channel {given['ChannelName']!r}"
    source = given["DataSource"].get("S3DataSource")
    if source is None:
        raise ValidationException(f"{where} must have an S3DataSource; localhost has no file systems and data sets.")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise ValidationException(f"{where}: localhost has no S3DataType {source['S3DataType']}.")
    if given["ChannelName"] in (".", ".."):
        raise ValidationException(f"{where} has a name that is no file name.")
    if given.get("InputMode") == "FastFile" and source["S3DataType"] != "S3Prefix":
        raise ValidationException(f"{where}: InputMode FastFile needs S3DataType S3Prefix, not {source['S3DataType']}.")
    check_input(service, source["S3Uri"], role, where)
    source = {"S3DataDistributionType": "FullyReplicated"} | source
    return {"CompressionType": "None", "RecordWrapperType": "None"} | given | {"DataSource": {"S3DataSource": source}}


def _resources(request: Body) -> Body:
    given = request.get("ResourceConfig")
    if given is None:
        raise ValidationException("ResourceConfig is required.")
    if "InstanceGroups" in given:
        raise ValidationException(
            "ResourceConfig: localhost has no InstanceGroups; give InstanceType and InstanceCount."
        )
    preferred = (given.get("InstancePreferences") or [{}])[0]
    members = {member: preferred[member] for member in ("InstanceType", "InstanceCount") if member in preferred}
    resources: Body = {"VolumeSizeInGB": 30} | members | given
    for member in ("InstanceType", "InstanceCount"):
        if not resources.get(member):
            raise ValidationException(f"ResourceConfig must have {member}.")
    if resources["InstanceCount"] > 100:
        raise ValidationException("ResourceConfig: localhost runs at most 100 instances of a job side by side.")
    return resources


def _stopping(request: Body) -> Body:
    given: Body = request.get("StoppingCondition", {})
    return {"MaxRuntimeInSeconds": DEFAULT_RUNTIME} | given


def _checkpoints(given: Body) -> Body:
    checkpoints: Body = {"LocalPath": CHECKPOINTS} | given
    check_s3(checkpoints["S3Uri"], "CheckpointConfig.S3Uri")
    if not below(checkpoints["LocalPath"], OPT_ML):
        raise ValidationException(f"CheckpointConfig.LocalPath must be below {OPT_ML} on localhost.")
    return checkpoints
