"""What an approval would do, and which version a rollback releases, against AWS as moto plays it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import event_rule_changes
from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.deploy.delivery import wanted_rules
from pipeline.errors import ServiceError, UsageError
from pipeline.operate import model_registry, release
from tests.support.clients import aws_alone
from tests.support.service import ROLE

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
SETTINGS = Settings(name="demo")


@pytest.fixture
def clients() -> Iterator[Clients]:
    with aws_alone() as found:
        found.sagemaker.create_model_package_group(ModelPackageGroupName="demo")
        yield found


def version(clients: Clients, status: Any) -> str:
    specification: Any = {
        "Containers": [{"Image": IMAGE}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    arn: str = clients.sagemaker.create_model_package(
        ModelPackageGroupName="demo", ModelApprovalStatus=status, InferenceSpecification=specification
    )["ModelPackageArn"]
    return arn


def endpoint(clients: Clients, **tags: str) -> None:
    clients.sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant: Any = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    clients.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    given: Any = [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]
    clients.sagemaker.create_endpoint(EndpointName="demo", EndpointConfigName="c", Tags=given)


def test_an_approval_starts_nothing_until_the_rule_is_there_on_and_of_the_group(clients: Clients) -> None:
    assert "there is no rule demo-release" in release.nothing_starts(clients, SETTINGS, "demo")
    for change in event_rule_changes.plan(wanted_rules(SETTINGS), ()):
        event_rule_changes.apply(clients, change)
    assert release.nothing_starts(clients, SETTINGS, "demo") == ""
    assert "for another group than other" in release.nothing_starts(clients, SETTINGS, "other")
    clients.other("events").disable_rule(Name="demo-release")
    assert release.nothing_starts(clients, SETTINGS, "demo") == "the rule demo-release is disabled"
    assert "release = false" in release.nothing_starts(clients, Settings(name="demo", release=False), "demo")


def test_what_will_happen_names_the_versions_before_and_after(clients: Clients) -> None:
    first, second = (version(clients, "Approved") for _ in range(2))
    chosen = model_registry.describe(clients, second, figures=False)
    assert "moves endpoint demo to version 2, " in release.foretold(clients, SETTINGS, chosen)
    endpoint(clients, released=first)
    assert "moves endpoint demo to version 2 (now version 1), " in release.foretold(clients, SETTINGS, chosen)


def test_a_rollback_goes_to_the_version_before_if_it_is_approved_still(clients: Clients) -> None:
    with pytest.raises(UsageError, match="endpoint demo has served no other version before"):
        release.version_before(clients, SETTINGS)
    first, second = (version(clients, "Approved") for _ in range(2))
    endpoint(clients, released=second, released_before=first)
    assert release.version_before(clients, SETTINGS).arn == first
    clients.sagemaker.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Rejected")
    with pytest.raises(UsageError, match="version 1, which served before, is Rejected"):
        release.version_before(clients, SETTINGS)


def test_a_release_that_does_not_start_is_told_after_the_wait(clients: Clients) -> None:
    pauses: list[float] = []
    clients.sagemaker.create_pipeline(
        PipelineName="demo-release", PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="x" * 32
    )
    with pytest.raises(ServiceError, match="no release of arn has started after 1 s"):
        release.execution_of(clients, SETTINGS, "arn", since=datetime.now(UTC), wait=1, sleep=pauses.append)
    assert sum(pauses) == 1
