"""`pipeline endpoint`: what serves, a rollout as it goes, and the end, against the service on localhost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.service import LocalService, local_service
from tests.support.serving import FOREIGN_IMAGE, Deployer, register_foreign, variant

NAME = "demo-endpoint"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalService]:
    register_foreign(tmp_path)
    with local_service(tmp_path, wait_factor=0.005) as running:
        yield running


@pytest.fixture
def command(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(local, "demo", monkeypatch, capsys)


def deployed(local: LocalService) -> Deployer:
    deployer = Deployer(local)
    for colour in ("blue", "green"):
        deployer.model(colour, FOREIGN_IMAGE, {"model.json": b"{}"})
        variants = [variant(colour, VariantName="AllTraffic", InitialInstanceCount=2)]
        deployer.client.create_endpoint_config(EndpointConfigName=colour, ProductionVariants=variants)
    deployer.endpoint(NAME, "blue")
    return deployer


def test_an_endpoint_that_is_not_there_is_said(command: Commands) -> None:
    for arguments in (("status",), ("delete", "--yes")):
        said = command("endpoint", *arguments, "--endpoint", NAME)
        assert (said.code, said.err.splitlines()[1]) == (1, f"error: there is no endpoint {NAME}")


@pytest.mark.long
def test_a_rollout_is_followed_and_the_endpoint_and_its_alarms_are_deleted(
    local: LocalService, command: Commands
) -> None:
    deployer = deployed(local)
    shown = command("endpoint", "status", "--endpoint", NAME).out.splitlines()
    assert "is InService with blue" in shown[0]
    assert shown[2].split() == ["blue", "AllTraffic", "1", "2", "of", "2", "serves"]

    routing = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    }
    deployer.client.update_endpoint(
        EndpointName=NAME,
        EndpointConfigName="green",
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
    )
    refused = command("endpoint", "delete", "--endpoint", NAME, "--yes")
    assert (refused.code, refused.err.splitlines()[1]) == (1, f"error: the endpoint {NAME} is Updating")
    states = [
        json.loads(line)
        for line in command("endpoint", "status", "--endpoint", NAME, "--follow", "--json").out.splitlines()
    ]
    assert (states[-1]["status"], states[-1]["config"], states[-1]["coming"]) == ("InService", "green", "")
    assert {state["coming"] for state in states} == {"green", ""}
    assert all(variant["stage"] for state in states for variant in state["new"])

    cloudwatch = local.client("cloudwatch")
    for name in (f"{NAME}-errors", "of-others"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1.0,
            MetricName="x", Namespace="y", Period=60, Statistic="Sum",
        )  # fmt: skip
    gone = command("endpoint", "delete", "--endpoint", NAME, "--yes")
    assert (gone.code, gone.err.splitlines()[1:]) == (0, [f"deleted {NAME}"])
    assert local.sagemaker.list_endpoints()["Endpoints"] == []
    # Moto's state is one for all tests of a process.
    left = {alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert "of-others" in left and f"{NAME}-errors" not in left
