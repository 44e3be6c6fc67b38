"""The warnings of a plan: lowered thresholds of an approved model, endpoints left running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.clients import Clients
from pipeline.deploy import risks
from tests.support.calls import Refusal, Refusing
from tests.support.service import KEY, ROLE

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


def condition(kind: str, parameter: str) -> dict[str, Any]:
    figure = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.E.PropertyFiles.P"}, "Path": "metrics.x.value"}}
    return {"Type": kind, "LeftValue": figure, "RightValue": {"Get": f"Parameters.{parameter}"}}


def text(*, endpoint: str = "demo", **thresholds: float) -> str:
    """A gate on these thresholds, Min at least and Max at most, a registration and an endpoint."""
    conditions = [
        condition("GreaterThanOrEqualTo" if name.startswith("Min") else "LessThanOrEqualTo", name)
        for name in thresholds
    ]
    parameters: list[dict[str, Any]] = [
        {"Name": "EndpointName", "Type": "String", "DefaultValue": endpoint},
        {"Name": "Group", "Type": "String", "DefaultValue": "demo-group"},
        {"Name": "MiniBatchSize", "Type": "Integer", "DefaultValue": int(100 * sum(thresholds.values()))},
        *({"Name": name, "Type": "Float", "DefaultValue": value} for name, value in thresholds.items()),
    ]
    steps = [
        {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": conditions, "IfSteps": [], "ElseSteps": []}},
        {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": {"Get": "Parameters.Group"}}},
        {"Name": "E", "Type": "Endpoint", "Arguments": {"EndpointName": {"Get": "Parameters.EndpointName"}}},
    ]
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with mock_aws():
        yield Clients(boto3.Session(KEY.access_key_id, KEY.secret_access_key, region_name="us-east-1"))


@pytest.fixture(scope="module")
def approved(clients: Clients) -> None:
    clients.sagemaker.create_model_package_group(ModelPackageGroupName="demo-group")
    for status in ("Approved", "Approved", "Rejected"):
        clients.sagemaker.create_model_package(
            ModelPackageGroupName="demo-group",
            ModelApprovalStatus=status,  # type: ignore[arg-type]
            InferenceSpecification={
                "Containers": [{"Image": IMAGE}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"MinAuc": 0.9}, {"MinAuc": 0.8}, ["MinAuc goes from at least 0.9 to at least 0.8"]),
        ({"MinAuc": 0.9}, {"MinAuc": 0.95}, []),
        ({"MaxRmse": 3.0}, {"MaxRmse": 4.5}, ["MaxRmse goes from at most 3 to at most 4.5"]),
        ({"MaxRmse": 3.0}, {"MaxRmse": 2.0}, []),
        ({"MinAuc": 0.9, "MinF1": 0.8}, {"MinAuc": 0.9}, ["MinF1 (at least 0.8) is gone"]),
        ({"MinAuc": 0.9}, {"MinAuc": 0.9, "MinF1": 0.1}, []),
        ({"MaxRegression": 0}, {"MaxRegression": 0.1}, ["MaxRegression goes from at most 0 to at most 0.1"]),
        ({"MaxRegression": 0}, {}, ["MaxRegression (at most 0) is gone"]),
    ],
    ids=["lower", "higher", "more error", "less error", "gone", "another gate", "more regression", "off"],
)
def test_a_gate_that_lets_more_through_is_told_whatever_else_begins_with_min(
    old: dict[str, float], new: dict[str, float], expected: list[str]
) -> None:
    assert list(risks.loosened(json.loads(text(**old)), json.loads(text(**new)))) == expected


def test_lowered_thresholds_are_a_warning_only_once_a_model_is_approved(clients: Clients) -> None:
    assert risks.found(clients, text(MinAuc=0.9), text(MinAuc=0.8)) == ()


@pytest.mark.usefixtures("approved")
def test_the_warning_names_the_newest_approved_model_and_every_threshold(clients: Clients) -> None:
    assert risks.found(clients, text(MinAuc=0.9, MaxRmse=1.0), text(MinAuc=0.8, MaxRmse=2.0)) == (
        "the gate lets more through than when demo-group/2, which is approved, passed it: "
        "MinAuc goes from at least 0.9 to at least 0.8; MaxRmse goes from at most 1 to at most 2",
    )
    assert risks.found(clients, text(MinAuc=0.8), text(MinAuc=0.9)) == ()


def test_an_endpoint_that_the_new_definition_no_longer_deploys_to_is_told_while_it_runs(clients: Clients) -> None:
    old, new = text(endpoint="old"), text(endpoint="new")
    assert risks.found(clients, old, new) == ()
    clients.sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant: Any = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    clients.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    clients.sagemaker.create_endpoint(EndpointName="old", EndpointConfigName="c")
    assert risks.found(clients, old, new) == (
        "endpoint old is InService and is left running: remove it with `pipeline clean` if nobody uses it",
    )
    assert risks.found(clients, old, old) == ()


def test_who_may_not_ask_is_told_so_and_still_gets_a_plan(clients: Clients) -> None:
    refusing = Refusing(
        *(Refusal(name, "AccessDeniedException", "no") for name in ("ListModelPackages", "DescribeEndpoint"))
    )
    own = Clients(clients.session)
    refusing.listen(own.sagemaker)
    assert risks.found(own, text(endpoint="old", MinAuc=0.9), text(endpoint="new", MinAuc=0.8)) == (
        "the gate lets more through: MinAuc goes from at least 0.9 to at least 0.8; "
        "no permission to see whether demo-group has an approved model",
        "endpoint old is no longer deployed to; no permission to see whether it runs",
    )


def test_a_deployed_text_that_is_no_definition_is_no_obstacle(clients: Clients) -> None:
    assert risks.found(clients, "{'Version': 1}", text(MinAuc=0.9)) == ()


def test_an_endpoint_that_each_execution_must_name_is_not_known_beforehand() -> None:
    step = {"Name": "E", "Type": "Endpoint", "Arguments": {"EndpointName": {"Get": "Parameters.Name"}}}
    made: dict[str, Any] = {"Parameters": [{"Name": "Name", "Type": "String"}], "Steps": [step]}
    assert risks.endpoints(made) == set()
