"""Autoscaling: put by a rollout or an upsert, kept through an update, and gone with the endpoint; by moto alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import endpoint_scaling
from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.errors import ServiceError
from pipeline.operate import policy
from pipeline.operate.clean import remove_endpoint
from scripts.endpoints.endpoint import Deployment
from scripts.endpoints.scaling import POLICY, RETAINED, SERVICE, Scaling, kept, put, read, remove
from tests.support.authorization import allows
from tests.support.calls import Calls, Refusal, recording, refused
from tests.support.clients import aws_alone

ROLLOUT = {"min_instances": 2, "max_instances": 6, "invocations_per_instance": 700}
WISHED = Scaling(2, 6, 700)
ID = "endpoint/demo/variant/AllTraffic"


@pytest.fixture
def aws() -> Iterator[Clients]:
    with aws_alone() as clients:
        yield clients


def settings(**rollout: Any) -> Settings:
    parameters = {"EndpointInstanceCount": 2} if rollout else {}
    return Settings(name="demo", rollout=rollout or None, parameters=parameters, tags={"team": "vision"})


def deployed(aws: Clients, *configs: str) -> None:
    """Configurations, and an endpoint with the first."""
    aws.sagemaker.create_model(
        ModelName="model", ExecutionRoleArn="arn:aws:iam::123456789012:role/pipeline", PrimaryContainer={"Image": "i"}
    )
    for config in configs:
        variant: Any = {
            "VariantName": "AllTraffic",
            "ModelName": "model",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
        }
        aws.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    aws.sagemaker.create_endpoint(EndpointName="demo", EndpointConfigName=configs[0])


def registered(aws: Clients) -> tuple[list[Any], list[Any]]:
    client = aws.other(SERVICE)
    targets = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return targets, client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]


def test_an_endpoint_in_service_is_registered_given_other_bounds_and_let_go(aws: Clients) -> None:
    deployed(aws, "one")
    plans = [settings(**ROLLOUT), settings(**ROLLOUT), settings(**{**ROLLOUT, "max_instances": 4}), settings()]
    told = []
    for wished in plans:
        change = endpoint_scaling.plan(aws, wished)
        told.append(endpoint_scaling.describe(change) if change else "")
        if change:
            endpoint_scaling.apply(aws, change)
    assert told == [
        "+ autoscaling of endpoint demo: 2 to 6 instances, each for 700 requests a minute",
        "",
        "~ autoscaling of endpoint demo\n  ~ max_instances: 6 -> 4",
        "- autoscaling of endpoint demo",
    ]
    assert registered(aws) == ([], [])


def test_what_is_registered_is_what_aws_asks_for(aws: Clients) -> None:
    put(aws.other(SERVICE), "demo", WISHED)
    (target,), (policy,) = registered(aws)
    assert target["ResourceId"] == policy["ResourceId"] == ID
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert (target["MinCapacity"], target["MaxCapacity"], policy["PolicyType"]) == (2, 6, "TargetTrackingScaling")
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 700.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }


def test_an_endpoint_that_is_not_there_is_left_to_its_rollout(aws: Clients) -> None:
    assert endpoint_scaling.plan(aws, settings(**ROLLOUT)) is None
    assert endpoint_scaling.plan(aws, settings()) is None


def test_scaling_by_other_hands_is_never_touched(aws: Clients) -> None:
    client = aws.other(SERVICE)
    put(client, "demo", WISHED)
    client.put_scaling_policy(
        PolicyName="theirs",
        ServiceNamespace="sagemaker",
        ResourceId=ID,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity"},
    )
    client.delete_scaling_policy(
        PolicyName=POLICY,
        ServiceNamespace="sagemaker",
        ResourceId=ID,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    assert endpoint_scaling.plan(aws, settings()) is None


def test_who_may_not_look_at_scaling_can_do_all_else_unless_the_settings_ask_for_it() -> None:
    with refused(Refusal("DescribeScalableTargets", "AccessDeniedException", "not authorized")), aws_alone() as aws:
        assert endpoint_scaling.plan(aws, settings()) is None
        with pytest.raises(ServiceError, match="DescribeScalableTargets was refused"):
            endpoint_scaling.plan(aws, settings(**ROLLOUT))


def test_an_update_finds_no_scaling_and_leaves_what_is_wished(aws: Clients) -> None:
    client = aws.other(SERVICE)
    with kept(client, "demo", WISHED) as more:
        assert (read(client, "demo"), more) == (None, {})
    with kept(client, "demo", Scaling(2, 8, 500)) as more:
        assert read(client, "demo") is None
        assert more["RetainAllVariantProperties"], "as many instances serve as before"
    assert read(client, "demo") == Scaling(2, 8, 500)
    with pytest.raises(ZeroDivisionError), kept(client, "demo", WISHED):
        raise ZeroDivisionError
    assert read(client, "demo") == WISHED
    with kept(None, "demo", None) as more:
        assert not more


def test_an_endpoint_that_is_put_back_scales_as_before(aws: Clients) -> None:
    deployed(aws, "good", "bad")
    client = aws.other(SERVICE)
    put(client, "demo", WISHED)
    deployment = Deployment("demo", aws.sagemaker, aws.runtime, sleep=lambda _: None, scaling=(client, WISHED))
    deployment.mark_validated("good")
    with recording(aws.sagemaker, "UpdateEndpoint", {"EndpointArn": "arn"}) as updates:
        assert deployment.put_back("bad") == "the endpoint was put back to good"
    assert updates == [{"EndpointName": "demo", "EndpointConfigName": "good", **RETAINED}]
    assert read(client, "demo") == WISHED


def test_an_endpoint_that_is_deleted_scales_no_more(aws: Clients) -> None:
    deployed(aws, "one")
    put(aws.other(SERVICE), "demo", WISHED)
    remove_endpoint(aws, "demo")
    assert registered(aws) == ([], [])
    remove(aws.other(SERVICE), "demo")


def test_the_policies_allow_each_call_that_scaling_makes(aws: Clients) -> None:
    deployed(aws, "one")
    calls, client = Calls(), aws.other(SERVICE)
    calls.listen(client)
    put(client, "demo", WISHED)
    with kept(client, "demo", WISHED):
        pass
    made = {f"{SERVICE}:{operation}" for operation in calls.names}
    assert len(made) == 6
    target = f"arn:aws:{SERVICE}:us-east-1:123456789012:scalable-target/0123"
    for role in ("pipeline", "ci", "engineer"):
        document = policy.policy(role, settings(**ROLLOUT), {"Steps": []})
        allowed = {call for call in made if allows(document, call, target)}
        assert allowed == made, role
