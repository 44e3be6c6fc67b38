"""What the policies are made of: ARNs in the settings' place, statements, and those that several roles need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.api_destinations import webhook_name
from pipeline.config.settings import Settings, partition

Statement = dict[str, Any]

LOOKS_AT_SCALING: Final = [f"application-autoscaling:Describe{what}" for what in ("ScalableTargets", "ScalingPolicies")]
_VERBS: Final = ("Create", "Delete", "Describe", "Update")


@dataclass(frozen=True)
class Names:
    """Makes ARNs in the settings' partition, region and account."""

    settings: Settings

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        where = self.settings.region if region is None else region
        who = self.settings.account if account is None else account
        return f"arn:{partition(self.settings.region)}:{service}:{where}:{who}:{resource}"

    def sagemaker(self, *resources: str) -> list[str]:
        # SageMaker has long shown names in ARNs in lower case and now keeps their case; IAM tells the two apart.
        both = dict.fromkeys(form for resource in resources for form in (resource, resource.lower()))
        return [self.arn("sagemaker", resource) for resource in both]

    def s3(self, path: str) -> str:
        return self.arn("s3", path, region="", account="")


def allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(set(resources))}


def sagemaker(actions: Iterable[str]) -> list[str]:
    return [f"sagemaker:{action}" for action in actions]


def scaling(settings: Settings, names: Names) -> Iterator[Statement]:
    """To have the endpoint scale, or no more.

    Application Auto Scaling acts by a role of its own, which it makes at the first time, but asks as well whether its
    caller might do as much: look at the endpoint, scale it, watch it by alarms.
    """
    actions = [f"application-autoscaling:{what}" for what in ("*ScalableTarget", "*ScalingPolicy")]
    targets = [names.arn("application-autoscaling", "scalable-target/*")]
    own = allow("Scaling", actions, targets)
    yield own | {"Condition": {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}}
    if settings.rollout is None or not settings.rollout.scaling:
        return
    # A request for tags says no namespace: under the condition it would be refused.
    yield allow("ScalingTags", ["application-autoscaling:TagResource"], targets)
    acted = sagemaker(("DescribeEndpoint", "DescribeEndpointConfig", "UpdateEndpointWeightsAndCapacities"))
    yield allow("Scaled", acted, names.sagemaker(f"endpoint/{settings.endpoint}", "endpoint-config/*"))
    watched = [f"cloudwatch:{verb}" for verb in ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms")]
    alarms = [names.arn("cloudwatch", f"alarm:TargetTracking-endpoint/{settings.endpoint}/*")]
    yield allow("ScalingAlarms", watched, alarms)
    service = "sagemaker.application-autoscaling.amazonaws.com"
    role = names.arn("iam", f"role/aws-service-role/{service}/*", region="")
    yield allow("ScalingRole", ["iam:CreateServiceLinkedRole"], [role])


def webhook(settings: Settings, names: Names) -> Iterator[Statement]:
    """The destination and its connection, whose key EventBridge keeps as a secret in the caller's name."""
    name, secret = webhook_name(settings.name), settings.notify.webhook
    own = [names.arn("events", f"{kind}/{name}*") for kind in ("api-destination", "connection")]
    # Every plan looks whether there is one that is wanted no more.
    actions = [f"events:{verb}{kind}" for verb in _VERBS for kind in ("ApiDestination", "Connection")]
    yield allow("Webhook", actions, own)
    if not secret:
        return
    kept = [f"secretsmanager:{verb}" for verb in ("CreateSecret", "DescribeSecret", "PutSecretValue", "DeleteSecret")]
    service = "apidestinations.events.amazonaws.com"
    role = f"role/aws-service-role/{service}/AWSServiceRoleForAmazonEventBridgeApiDestinations"
    first = allow("WebhookRole", ["iam:CreateServiceLinkedRole"], [names.arn("iam", role, region="")])
    yield first | {"Condition": {"StringEquals": {"iam:AWSServiceName": service}}}
    yield allow("WebhookKey", kept, [names.arn("secretsmanager", "secret:events!connection/*")])
    held = secret if secret.startswith("arn:") else names.arn("secretsmanager", f"secret:{secret}-??????")
    yield allow("WebhookAddress", ["secretsmanager:GetSecretValue"], [held])


def list_bucket(names: Names, bucket: str, prefix: str) -> Statement:
    """To list a bucket below a prefix."""
    statement = allow("List", ["s3:ListBucket"], [names.s3(bucket)])
    statement["Condition"] = {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
    return statement


def pass_role(role: str, service: str) -> Statement:
    """To let a service act by a role."""
    statement = allow("PassRole", ["iam:PassRole"], [role])
    statement["Condition"] = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    return statement


def use_of_key(actions: Sequence[str], key: str, names: Names) -> Statement:
    """The use of a key that the settings name by ARN, by id or by alias; IAM knows keys, and aliases as a condition."""
    _, is_alias, alias = key.rpartition("alias/")
    if is_alias:
        statement = allow("Key", actions, [names.arn("kms", "key/*")])
        return statement | {"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}}
    return allow("Key", actions, [key if key.startswith("arn:") else names.arn("kms", f"key/{key}")])
