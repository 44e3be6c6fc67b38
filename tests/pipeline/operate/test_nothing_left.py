"""All that the project makes, made once by its own code, then removed by its commands: what AWS lists is empty.

Against moto alone, but for the registry's versions and group, which moto cannot delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import api_destinations, event_rule_changes
from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.deploy.delivery import wanted_rules
from pipeline.operate import clean, endpoint_state, schedule
from pipeline.operate.promotion import PromotionPlace, promote
from pipeline.operate.resource_inventory import inventory
from scripts.endpoints import scaling
from scripts.rollout_endpoint import Wishes, alarms_of
from tests.pipeline.operate.test_clean import deployed
from tests.pipeline.operate.test_promotion import DEV, PROD, bucket, contents, registered, versions
from tests.support.clients import aws_alone, clients_of
from tests.support.evaluated import BUCKET
from tests.support.service import local_service

TOPIC = "arn:aws:sns:us-east-1:123456789012:people"
SETTINGS = Settings(
    name="demo",
    bucket=BUCKET,
    rollout={
        "kind": "canary",
        "capture_percent": 100,
        "min_instances": 2,
        "max_instances": 6,
        "invocations_per_instance": 700,
    },
    parameters={"EndpointInstanceCount": 2},
    watch={"retrain": True},
    notify={"topics": [TOPIC], "webhook": "hook"},
)
WISHES = Wishes("canary", 50, 60, 3600, max_error_percent=1, max_latency_ms=500, alarms=())


def made(clients: Clients) -> None:
    """What upsert, schedule and a rollout make."""
    clients.other("secretsmanager").create_secret(Name="hook", SecretString="https://hooks.example.com/x")
    hook = api_destinations.plan(
        api_destinations.wanted(clients, "demo", "hook"), api_destinations.read(clients, "demo")
    )
    assert hook is not None
    api_destinations.apply(clients, hook)
    for rule in event_rule_changes.plan(wanted_rules(SETTINGS), event_rule_changes.read(clients, "demo")):
        event_rule_changes.apply(clients, rule)
    nightly = schedule.plan(schedule.PipelineSchedule("demo-nightly", "rate(1 day)", SETTINGS.role), ())
    assert nightly is not None
    schedule.apply(clients, "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo", nightly)
    clients.sagemaker.create_pipeline(
        PipelineName="demo", PipelineDefinition="{}", ClientRequestToken="x" * 32, RoleArn=SETTINGS.role
    )
    clients.s3.put_object(Bucket=BUCKET, Key="demo/code/abc/scripts/convert.py", Body=b"x")
    deployed(clients, "one", endpoint="demo")
    for alarm in alarms_of(WISHES, "demo"):
        clients.other("cloudwatch").put_metric_alarm(**alarm)
    scaling.put(clients.other(scaling.SERVICE), "demo", scaling.Scaling(2, 6, 700))


def listed(clients: Clients, settings: Settings) -> Iterator[tuple[str, int]]:
    """How many of each kind AWS lists."""
    events, scales = clients.other("events"), clients.other(scaling.SERVICE)
    of: dict[str, Any] = {"ServiceNamespace": "sagemaker"}
    answers: dict[str, Any] = {
        "Rules": events.list_rules(),
        "ApiDestinations": events.list_api_destinations(),
        "Connections": events.list_connections(),
        "Schedules": clients.other("scheduler").list_schedules(),
        "MetricAlarms": clients.other("cloudwatch").describe_alarms(),
        "ScalableTargets": scales.describe_scalable_targets(**of),
        "ScalingPolicies": scales.describe_scaling_policies(**of),
        "Endpoints": clients.sagemaker.list_endpoints(),
        "EndpointConfigs": clients.sagemaker.list_endpoint_configs(),
        "Models": clients.sagemaker.list_models(),
        "PipelineSummaries": clients.sagemaker.list_pipelines(),
        "ModelPackageGroupSummaryList": clients.sagemaker.list_model_package_groups(),
        "Contents": clients.s3.list_objects_v2(Bucket=settings.bucket),
    }
    for kind, answer in answers.items():
        yield kind, len(answer.get(kind, []))


def cleaned(clients: Clients, settings: Settings) -> None:
    """`pipeline clean` with everything that it lists named."""
    items = inventory(clients, settings)
    names = [f"{item.kind.title}:{item.name}" for item in items]
    chosen = clean.plan(items, names=names, older_than=None, now=max(item.changed for item in items))
    clean.apply(clients, chosen, progress=lambda _: None)
    assert inventory(clients, settings) == ()


def test_after_the_endpoint_is_deleted_and_the_rest_cleaned_nothing_is_listed() -> None:
    with aws_alone() as clients:
        clients.s3.create_bucket(Bucket=BUCKET)
        made(clients)
        there = dict(listed(clients, SETTINGS))
        assert {kind for kind, count in there.items() if not count} == {"ModelPackageGroupSummaryList"}
        endpoint_state.delete(clients, "demo")
        gone = {kind for kind, count in listed(clients, SETTINGS) if not count}
        assert {"Endpoints", "MetricAlarms", "ScalableTargets", "ScalingPolicies"} <= gone
        cleaned(clients, SETTINGS)
        assert not any(dict(listed(clients, SETTINGS)).values())


@pytest.mark.long
def test_what_a_promotion_wrote_goes_by_the_clean_of_its_environment(tmp_path: Path) -> None:
    account = {"account": PROD.account, "region": PROD.region}
    with aws_alone() as clients, local_service(tmp_path, **account) as local:
        source, target = PromotionPlace(DEV, clients), PromotionPlace(PROD, clients_of(local))
        bucket(source)
        bucket(target)
        promote(source, target, registered(clients), progress=lambda _: None)
        assert (len(versions(target)), len(contents(target))) == (1, 4)
        cleaned(target.clients, PROD)
        assert contents(target) == {}
        assert not any(dict(listed(target.clients, PROD)).values())
