"""Rollouts: the plan that a DeploymentConfig makes, and traffic that really moves, and moves back, through boto3."""

from __future__ import annotations

import datetime
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.containers.hosting.rollout import RolledBack, Stage, follow, plan_of
from tests.support.service import LocalService, local_service
from tests.support.serving import FOREIGN_IMAGE, Deployer, register_foreign
from tests.support.waiting import until

FACTOR = 0.01


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def routed(kind: str, wait: int, *, alarms: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **more}
    found: dict[str, Any] = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    if alarms:
        found["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return found


def test_without_a_deployment_config_all_traffic_moves_at_once_and_nobody_waits() -> None:
    assert plan_of(None, 1, 1.0).stages == (Stage(1.0, 0.0),)


def test_a_canary_bakes_before_the_rest_and_after_it() -> None:
    plan = plan_of(routed("CANARY", 300, CanarySize=percent(10)), 4, 0.1)
    assert plan.stages == (Stage(0.1, 30.0), Stage(1.0, 30.0))


def test_a_canary_by_instances_is_their_part_of_the_fleet() -> None:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    assert plan_of(routed("CANARY", 0, CanarySize=size), 4, 1.0).stages[0].share == 0.25


def test_a_linear_rollout_ends_with_all_traffic_whatever_its_step() -> None:
    plan = plan_of(routed("LINEAR", 10, LinearStepSize=percent(30)), 10, 1.0)
    assert [stage.share for stage in plan.stages] == pytest.approx([0.3, 0.6, 0.9, 1.0])


def test_a_rolling_update_moves_batch_by_batch() -> None:
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 5}}
    assert plan_of(rolling, 2, 1.0).stages == (Stage(0.5, 5.0), Stage(1.0, 5.0))


def test_a_problem_while_a_stage_bakes_ends_the_rollout_before_the_next_stage() -> None:
    shifted: list[float] = []
    plan = plan_of(routed("LINEAR", 3600, LinearStepSize=percent(50)), 2, 1.0)
    with pytest.raises(RolledBack, match="an alarm"):
        follow(plan, shift=lambda stage: shifted.append(stage.share), problem=lambda: "an alarm", wait=lambda _: False)
    assert shifted == [0.5]


def test_a_rollout_longer_than_its_limit_is_rolled_back() -> None:
    given = routed("ALL_AT_ONCE", 3600)
    given["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    with pytest.raises(RolledBack, match="MaximumExecutionTimeoutInSeconds"):
        follow(plan_of(given, 1, 1e-5), shift=lambda _: None, problem=lambda: "", wait=threading.Event().wait)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("rollout")
    register_foreign(folder)
    with local_service(folder, wait_factor=FACTOR) as running:
        yield running


class Endpoint:
    """An endpoint of the foreign program, whose models say who they are, under requests all the time."""

    def __init__(self, local: LocalService, name: str) -> None:
        self.name, self.deployer, self.local = name, Deployer(local), local
        self.answers: list[tuple[str, str]] = []
        self._ended = threading.Event()
        self.configure("blue")
        self.deployer.endpoint(name, f"{name}-blue")

    def configure(self, colour: str, **behaviour: Any) -> str:
        model = f"{self.name}-{colour}"
        files = {"model.json": json.dumps({"colour": colour, **behaviour}).encode()}
        self.deployer.model(model, FOREIGN_IMAGE, files)
        variants = [
            {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 4}
        ]
        self.deployer.client.create_endpoint_config(EndpointConfigName=model, ProductionVariants=variants)
        return model

    def update(self, config: str, deployment: dict[str, Any]) -> None:
        self.local.sagemaker.update_endpoint(
            EndpointName=self.name, EndpointConfigName=config, DeploymentConfig=deployment
        )

    def settled(self) -> Any:
        return self.local.when(
            lambda: self.local.sagemaker.describe_endpoint(EndpointName=self.name),
            lambda found: found["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"),
        )

    def alarm(self, name: str, metric: str, **more: Any) -> str:
        dimensions = {"EndpointName": self.name, "VariantName": "AllTraffic"}
        given = {
            "Statistic": "Sum",
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.0,
            "Period": 60,
            "EvaluationPeriods": 1,
        }
        self.local.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            **(given | more),
        )
        return name

    @contextmanager
    def asked(self, body: str = "x") -> Iterator[None]:
        """Requests one after another within the block; (colour, status) of each is kept."""

        def ask() -> None:
            while not self._ended.wait(0.01):
                try:
                    told = json.loads(self.deployer.invoke(self.name, body)["Body"])
                    self.answers.append((told["model"]["colour"], "200"))
                except ClientError as error:
                    self.answers.append(("?", str(error.response["OriginalStatusCode"])))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._ended.clear()


def test_a_canary_answers_its_share_then_all_and_no_request_fails(local: LocalService) -> None:
    endpoint = Endpoint(local, "canary")
    green = endpoint.configure("green")
    with endpoint.asked():
        endpoint.update(green, routed("CANARY", 150, CanarySize=percent(50)))
        baking = local.when(
            lambda: local.sagemaker.describe_endpoint(EndpointName="canary"),
            lambda found: (
                found.get("PendingDeploymentSummary", {})
                .get("ProductionVariants", [{}])[0]
                .get("VariantStatus", [{}])[0]["Status"]
                == "Baking"
            ),
        )
        settled = endpoint.settled()
    pending = baking["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert (baking["EndpointConfigName"], pending["DesiredInstanceCount"]) == ("canary-blue", 4)
    assert pending["CurrentInstanceCount"] in (2, 4)
    assert (settled["EndpointStatus"], settled["EndpointConfigName"]) == ("InService", green)
    assert "PendingDeploymentSummary" not in settled
    assert {status for _, status in endpoint.answers} == {"200"}
    colours = Counter(colour for colour, _ in endpoint.answers)
    assert colours["blue"] > 0 and colours["green"] > 0
    first = next(index for index, (colour, _) in enumerate(endpoint.answers) if colour == "green")
    assert "blue" in [colour for colour, _ in endpoint.answers[first:]], "the canary took everything at once"


def test_an_alarm_on_errors_rolls_back_early_and_the_reason_has_the_figures(local: LocalService) -> None:
    endpoint = Endpoint(local, "errors")
    green = endpoint.configure("green", fails=True)
    alarm = endpoint.alarm("errors-5xx", "Invocation5XXErrors")
    with endpoint.asked():
        endpoint.update(green, routed("CANARY", 3600, alarms=(alarm,), CanarySize=percent(10)))
        settled = endpoint.settled()
    assert (settled["EndpointStatus"], settled["EndpointConfigName"]) == ("InService", "errors-blue")
    assert "errors-5xx is in ALARM state: Sum of Invocation5XXErrors" in settled["FailureReason"]
    shown = local.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]
    assert shown["StateValue"] == "ALARM"
    failed = sum(status == "500" for _, status in endpoint.answers)
    assert 0 < failed < len(endpoint.answers) / 2, "more failed than the canary's share"


@pytest.mark.long
def test_an_alarm_on_latency_rolls_back_a_slow_model(local: LocalService) -> None:
    endpoint = Endpoint(local, "slow")
    green = endpoint.configure("green", delay=1.0)
    alarm = endpoint.alarm("slow-p90", "ModelLatency", Statistic="Maximum", Threshold=900_000.0)
    with endpoint.asked():
        endpoint.update(green, routed("ALL_AT_ONCE", 3600, alarms=(alarm,)))
        settled = endpoint.settled()
    assert settled["EndpointConfigName"] == "slow-blue"
    assert "Maximum of ModelLatency" in settled["FailureReason"]


@pytest.mark.long
def test_an_alarm_set_by_hand_or_that_is_not_there_rolls_back(local: LocalService) -> None:
    endpoint = Endpoint(local, "byhand")
    cloudwatch = local.client("cloudwatch")
    alarm = endpoint.alarm("byhand-4xx", "Invocation4XXErrors")
    endpoint.update(endpoint.configure("green"), routed("ALL_AT_ONCE", 3600, alarms=(alarm,)))
    until(
        lambda: cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0],
        lambda found: found["StateValue"] == "INSUFFICIENT_DATA",
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="tried by hand")
    assert "tried by hand" in endpoint.settled()["FailureReason"]
    endpoint.update("byhand-green", routed("ALL_AT_ONCE", 3600, alarms=("nowhere",)))
    assert "there is no CloudWatch alarm nowhere" in endpoint.settled()["FailureReason"]


def test_requests_reach_cloudwatch_as_metrics_of_the_endpoint(local: LocalService) -> None:
    endpoint = Endpoint(local, "measured")
    for body in ("x", "x", "bad"):
        try:
            endpoint.deployer.invoke("measured", body)
        except ClientError as error:
            assert "bad record" in str(error)
    now = datetime.datetime.now(datetime.UTC)

    def sums(metric: str) -> float:
        found = local.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[
                {"Name": "EndpointName", "Value": "measured"},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(hours=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    assert sums("Invocations") == 3.0, "none is missing, whenever somebody asks"
    assert sums("Invocation4XXErrors") == 1.0
    assert sums("ModelLatency") > 0


@pytest.mark.long
def test_a_rollout_that_a_restart_interrupts_is_begun_again(tmp_path: Any) -> None:
    register_foreign(tmp_path)
    with local_service(tmp_path) as local:
        endpoint = Endpoint(local, "again")
        green = endpoint.configure("green")
        endpoint.update(green, routed("CANARY", 3600, CanarySize=percent(10)))
        local.when(
            lambda: local.sagemaker.describe_endpoint(EndpointName="again"),
            lambda found: "Baking" in str(found.get("PendingDeploymentSummary")),
        )
    with local_service(tmp_path, wait_factor=1e-5) as local:
        settled = local.when(
            lambda: local.sagemaker.describe_endpoint(EndpointName="again"),
            lambda found: found["EndpointStatus"] == "InService",
        )
        assert settled["EndpointConfigName"] == green
