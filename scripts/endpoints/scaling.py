"""Autoscaling of an endpoint's instances, by Application Auto Scaling: a target of requests an instance takes a minute.

SageMaker refuses some updates of an endpoint that scales, and scales none while it is updated. So AWS asks to
deregister it first: `kept` does, and registers what is wished for afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

SERVICE: Final = "application-autoscaling"
VARIANT: Final = "AllTraffic"
POLICY: Final = "invocations-per-instance"
"""The policy's name, by which its maker knows it again."""

RETAINED: Final[Mapping[str, Any]] = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}
"""What UpdateEndpoint is told so that as many instances serve as before; all else is the new configuration's."""

_DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"
_METRIC: Final = "SageMakerVariantInvocationsPerInstance"
_ABSENT: Final = ("ObjectNotFoundException", "ValidationException")


@dataclass(frozen=True)
class Scaling:
    """At least and at most so many instances, each of which is to answer about so many requests a minute.

    `tags` are for an endpoint that is not registered yet: they are given once.
    """

    least: int
    most: int
    invocations: float
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)


def read(client: Any, endpoint: str) -> Scaling | None:
    """What there is of ours: a target without any policy is half of ours, one with others' policies is theirs."""
    of = _of(endpoint)
    found = client.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[of["ResourceId"]], ScalableDimension=_DIMENSION
    )["ScalableTargets"]
    if not found:
        return None
    policies = client.describe_scaling_policies(**of)["ScalingPolicies"]
    own = [policy for policy in policies if policy["PolicyName"] == POLICY]
    if policies and not own:
        return None
    tracked = own[0].get("TargetTrackingScalingPolicyConfiguration", {}) if own else {}
    return Scaling(found[0]["MinCapacity"], found[0]["MaxCapacity"], float(tracked.get("TargetValue", 0)))


def put(client: Any, endpoint: str, wished: Scaling) -> None:
    """Register the endpoint, or give it other bounds."""
    of = _of(endpoint)
    tagged = {"Tags": dict(wished.tags)} if wished.tags else {}
    client.register_scalable_target(**of, MinCapacity=wished.least, MaxCapacity=wished.most, **tagged)
    client.put_scaling_policy(
        **of,
        PolicyName=POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": wished.invocations,
            "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
        },
    )


def remove(client: Any, endpoint: str) -> None:
    """Delete the policy and deregister the endpoint, as far as they are there."""
    from botocore.exceptions import ClientError

    of = _of(endpoint)
    for call, more in (
        (client.delete_scaling_policy, {"PolicyName": POLICY}),
        (client.deregister_scalable_target, {}),
    ):
        try:
            call(**of, **more)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise


@contextmanager
def kept(client: Any, endpoint: str, wished: Scaling | None) -> Iterator[Mapping[str, Any]]:
    """No scaling within the block, `wished` after it; gives what UpdateEndpoint is to be told.

    Nothing is asked where nothing is wished.
    """
    from botocore.exceptions import ClientError

    if wished is None:
        yield {}
        return
    there = read(client, endpoint) is not None
    if there:
        remove(client, endpoint)
    try:
        yield RETAINED if there else {}
    except BaseException:
        # The reason why the block ended says more than one why nothing scales.
        with suppress(ClientError):
            put(client, endpoint, wished)
        raise
    put(client, endpoint, wished)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what is wished; none of them, and nothing scales."""
    parser.add_argument("--min-instances", type=int)
    parser.add_argument("--max-instances", type=int)
    parser.add_argument("--invocations-per-instance", type=float, help="a minute")
    parser.add_argument("--tag", action="append", default=[], help="KEY=VALUE of what is made")


def of_options(options: argparse.Namespace) -> Scaling | None:
    """What the options say."""
    if options.max_instances is None:
        return None
    tags = dict(text.split("=", 1) for text in options.tag)
    return Scaling(options.min_instances, options.max_instances, options.invocations_per_instance, tags)


def open_scaling(wished: Scaling | None) -> Any:
    """boto3's client, as the environment configures it; none where nothing scales."""
    if wished is None:
        return None
    import boto3

    return boto3.client(SERVICE)


def _of(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }
