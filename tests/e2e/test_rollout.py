"""The script of RolloutEndpoint against the real service: creates, moves by canary, is turned back, goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import rollout_endpoint
from tests.support.service import KEY, LocalService, local_service
from tests.support.serving import BUCKET, FOREIGN_IMAGE, Deployer, register_foreign

pytestmark = pytest.mark.long

NAME = "digits"
SCALES = ("--min-instances", "2", "--max-instances", "4", "--invocations-per-instance", "700")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    register_foreign(tmp_path)
    with local_service(tmp_path, wait_factor=0.001) as running:
        for name, value in (
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_ENDPOINT_URL", running.url),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", KEY.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", KEY.secret_access_key),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # another test's keys
        yield running


def roll_out(folder: Path, model: str, config: str, *more: str) -> tuple[int, str, dict[str, Any]]:
    options = {
        "endpoint-name": NAME,
        "config-name": config,
        "model-name": model,
        "instance-type": "ml.m5.large",
        "instance-count": "2",
        "kind": "canary",
        "percent": "50",
        "wait-seconds": "300",
        "limit-seconds": "3600",
        "capture-percent": "100",
        "capture-uri": f"s3://{BUCKET}/captured",
        "output": str(folder / config),
        "message": str(folder / "message"),
        "tag": "team=vision",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    code = rollout_endpoint.main([*words, *more])
    result = json.loads((folder / config / "rollout.json").read_text())
    return code, (folder / "message").read_text(), result


def test_an_endpoint_is_created_moved_turned_back_and_moved_again(local: LocalService, tmp_path: Path) -> None:
    deployer = Deployer(local)
    for colour, behaviour in (("blue", {}), ("bad", {"ping": 500}), ("green", {})):
        deployer.model(colour, FOREIGN_IMAGE, {"model.json": json.dumps({"colour": colour, **behaviour}).encode()})

    code, message, result = roll_out(tmp_path, "blue", "config-1")
    assert (code, result["from"], result["serves"]) == (0, "", "config-1")
    assert "endpoint digits serves config-1" in message
    described = local.sagemaker.describe_endpoint_config(EndpointConfigName="config-1")
    assert described["DataCaptureConfig"]["InitialSamplingPercentage"] == 100

    code, message, result = roll_out(tmp_path, "green", "config-2", "--max-error-percent", "1", *SCALES)
    assert message.endswith("and scales from 2 to 4 instances")
    scaled(local)
    assert (code, result["from"], result["serves"]) == (0, "config-1", "config-2")
    assert [result["stages"][0]["stage"][:8], result["stages"][-1]["stage"]] == ["Updating", "InService"]
    alarm = local.client("cloudwatch").describe_alarms(AlarmNames=["digits-errors"])["MetricAlarms"][0]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("Invocation5XXErrors", 0.01)

    local.client("cloudwatch").put_metric_alarm(
        AlarmName="of-others", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1.0,
        MetricName="x", Namespace="y", Period=60, Statistic="Sum",
    )  # fmt: skip
    local.client("cloudwatch").set_alarm_state(AlarmName="of-others", StateValue="ALARM", StateReason="queue is long")
    code, message, result = roll_out(tmp_path, "blue", "config-3", "--alarm", "of-others", *SCALES)
    scaled(local)
    assert (code, result["serves"]) == (1, "config-2")
    assert "put back to config-2" in message and "queue is long" in message

    local.client("cloudwatch").set_alarm_state(AlarmName="of-others", StateValue="OK", StateReason="gone")
    code, message, result = roll_out(tmp_path, "blue", "config-3", "--alarm", "of-others")
    assert (code, result["serves"]) == (0, "config-3"), "a second attempt goes on with the configuration that is there"


def scaled(local: LocalService) -> None:
    """Whatever became of a rollout, the endpoint scales as wished."""
    found = local.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    (target,) = found["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (
        "endpoint/digits/variant/AllTraffic",
        2,
        4,
    )
