"""What the pipeline's role needs, derived from the definition and the settings.

The pipeline creates resources under names that begin with `pipelines-`, reads and writes below its own prefix, and
nothing else, so that is what the policy allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline.config.settings import Settings
from pipeline.definition.known_values import texts
from pipeline.definition.step_types import Placed, walk
from pipeline.operate.policy_statements import (
    LOOKS_AT_SCALING,
    Names,
    Statement,
    allow,
    list_bucket,
    pass_role,
    sagemaker,
    scaling,
    use_of_key,
)
from steps.step_names import COMPARE_APPROVED

# Step type -> the actions that the service calls in its name, and what they are called on.
_STEP_ACTIONS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "Processing": (("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"), "processing-job/pipelines-*"),
    "Training": (("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"), "training-job/pipelines-*"),
    "Transform": (("CreateTransformJob", "DescribeTransformJob", "StopTransformJob"), "transform-job/pipelines-*"),
    "Model": (("CreateModel", "DescribeModel"), "model/pipelines-*"),
    "EndpointConfig": (("CreateEndpointConfig", "DescribeEndpointConfig"), "endpoint-config/*"),
}
_IMAGE: Final = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@]+)")
_EXPERIMENTS: Final = (
    "CreateExperiment",
    "DescribeExperiment",
    "CreateTrial",
    "DescribeTrial",
    "CreateTrialComponent",
    "DescribeTrialComponent",
    "UpdateTrialComponent",
    "AssociateTrialComponent",
)


def pipeline_role(settings: Settings, definition: Mapping[str, Any]) -> Iterator[Statement]:
    """The statements of its policy."""
    names = Names(settings)
    steps = list(walk(definition))
    types = {step.type for step in steps}
    tagged: list[str] = []
    for kind, (actions, resource) in _STEP_ACTIONS.items():
        if kind in types:
            tagged += names.sagemaker(resource)
            yield allow(f"{kind}Steps", sagemaker(actions), names.sagemaker(resource))
    if "RegisterModel" in types:
        group = settings.model_group
        resources = names.sagemaker(f"model-package-group/{group}", f"model-package/{group}/*")
        tagged += resources
        actions = ("CreateModelPackage", "CreateModelPackageGroup", "DescribeModelPackage")
        yield allow("RegisterModelSteps", sagemaker(actions), resources)
        if any(step.name == COMPARE_APPROVED for step in steps):
            yield allow("CompareApproved", ["sagemaker:ListModelPackages"], ["*"])
    if "Endpoint" in types:
        endpoint = names.sagemaker(f"endpoint/{settings.endpoint}")
        tagged += endpoint
        actions = ("CreateEndpoint", "UpdateEndpoint", "DescribeEndpoint", "InvokeEndpoint", "ListTags")
        yield allow("EndpointSteps", sagemaker(actions), endpoint + names.sagemaker("endpoint-config/*"))
    if settings.rollout is not None:
        endpoint = names.sagemaker(f"endpoint/{settings.endpoint}")
        configurations = names.sagemaker("endpoint-config/pipelines-*")
        tagged += endpoint + configurations
        actions = ("CreateEndpoint", "UpdateEndpoint", "DescribeEndpoint", "InvokeEndpoint", "ListTags")
        yield allow("Rollout", sagemaker(actions), endpoint + names.sagemaker("endpoint-config/*"))
        made = ("CreateEndpointConfig", "DescribeEndpointConfig")
        yield allow("RolloutConfigurations", sagemaker(made), configurations)
        alarms = [
            names.arn("cloudwatch", f"alarm:{name}") for name in (f"{settings.endpoint}-*", *settings.rollout.alarms)
        ]
        watched = ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:TagResource"]
        yield allow("RolloutAlarms", watched, alarms)
        if settings.rollout.scaling:
            yield from scaling(settings, names)
            yield allow("LookAtScaling", LOOKS_AT_SCALING, ["*"])
    if settings.watch is not None:
        yield from _watch(settings, names)
    if definition.get("PipelineExperimentConfig"):
        yield allow("Experiments", sagemaker(_EXPERIMENTS), names.sagemaker("experiment*/*"))
    yield allow("Tags", ["sagemaker:AddTags"], tagged)
    yield pass_role(settings.role, "sagemaker")
    yield from _storage(settings, names)
    yield from _images(steps, names)
    yield from _observability(names)
    yield from _network_and_keys(settings, names)


def _watch(settings: Settings, names: Names) -> Iterator[Statement]:
    assert settings.watch is not None
    endpoint = names.sagemaker(f"endpoint/{settings.endpoint}")
    yield allow("WatchedEndpoint", sagemaker(("DescribeEndpoint", "ListTags")), endpoint)
    yield allow("WatchedVersions", ["sagemaker:ListModelPackages"], ["*"])
    bucket, _, key = settings.watch.labels.removeprefix("s3://").partition("/")
    if key:
        yield allow("ReadLabels", ["s3:GetObject"], [names.s3(f"{bucket}/{key}*")])
        yield {**list_bucket(names, bucket, key), "Sid": "ListLabels"}


def _storage(settings: Settings, names: Names) -> Iterator[Statement]:
    own = names.s3(f"{settings.bucket}/{settings.prefix}/*")
    yield allow("ReadAndWrite", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], [own])
    yield list_bucket(names, settings.bucket, settings.prefix)
    bucket, _, key = settings.default("InputDataUrl").removeprefix("s3://").partition("/")
    if bucket != settings.bucket:
        yield allow("ReadData", ["s3:GetObject"], [names.s3(f"{bucket}/{key}*")])
        yield {**list_bucket(names, bucket, key), "Sid": "ListData"}


def _images(steps: Sequence[Placed], names: Names) -> Iterator[Statement]:
    images = (_IMAGE.match(text) for step in steps for text in texts(step.arguments))
    repositories = [
        names.arn("ecr", f"repository/{image[3]}", region=image[2], account=image[1]) for image in images if image
    ]
    if repositories:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        yield allow("PullImages", pull, repositories)
        yield allow("PullToken", ["ecr:GetAuthorizationToken"], ["*"])


def _observability(names: Names) -> Iterator[Statement]:
    write = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    yield allow("WriteLogs", write, [names.arn("logs", "log-group:/aws/sagemaker/*")])
    metrics = allow("WriteMetrics", ["cloudwatch:PutMetricData"], ["*"])
    metrics["Condition"] = {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}}
    yield metrics


def _network_and_keys(settings: Settings, names: Names) -> Iterator[Statement]:
    if settings.kms_key:
        actions = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
        yield use_of_key(actions, settings.kms_key, names)
    if settings.subnets:
        describe = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
        interface = ("CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface")
        actions = [f"ec2:{name}" for name in (*interface, "DeleteNetworkInterfacePermission")]
        yield allow("Network", actions + [f"ec2:Describe{name}" for name in describe], ["*"])
