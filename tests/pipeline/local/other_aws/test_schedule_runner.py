"""Schedules become due by the service's clock, which the tests turn: Scheduler's, and those of EventBridge rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.clock import Clock
from pipeline.local.other_aws import schedule_runner
from tests.pipeline.local.other_aws.test_events import FAILING
from tests.support.service import ROLE, LocalService, local_service
from tests.support.waiting import until

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:due"
TOPIC = "arn:aws:sns:us-east-1:123456789012:due"


class Turned(Clock):
    """A clock that stands still until it is turned."""

    time = datetime(2027, 1, 31, 12, 0, 30, tzinfo=UTC)

    def now(self) -> float:
        return self.time.timestamp()


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def local(tmp_path: Path, clock: Turned, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    monkeypatch.setattr(schedule_runner, "_PAUSE", 0.01)
    with local_service(tmp_path, clock=clock) as running:
        running.sagemaker.create_pipeline(
            PipelineName="demo", PipelineDefinition=FAILING, RoleArn=ROLE, ClientRequestToken="x" * 32
        )
        yield running
        # Moto's state is one for all services of a process.
        for item in running.client("scheduler").list_schedules()["Schedules"]:
            running.client("scheduler").delete_schedule(Name=item["Name"])


def executions(local: LocalService) -> list[Any]:
    found: list[Any] = local.sagemaker.list_pipeline_executions(PipelineName="demo")["PipelineExecutionSummaries"]
    return found


def schedule(local: LocalService, name: str, expression: str, target: dict[str, Any], **more: Any) -> None:
    local.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"RoleArn": ROLE, **target},
        **more,
    )
    seen(local, f":schedule/default/{name}")


def seen(local: LocalService, end: str) -> None:
    """Wait until the service knows of it: it counts from then."""
    until(lambda: any(key.endswith(end) for key in local.service.due._next))


def test_a_pipeline_starts_with_its_parameters_when_its_cron_expression_says(
    local: LocalService, clock: Turned
) -> None:
    given = {"SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Why", "Value": "it is six"}]}}
    berlin = {"ScheduleExpressionTimezone": "Europe/Berlin"}
    schedule(local, "nightly", "cron(0 6 * * ? *)", {"Arn": PIPELINE, **given}, **berlin)
    clock.time += timedelta(hours=16, minutes=59)
    assert executions(local) == []
    clock.time += timedelta(minutes=1)
    (first,) = until(lambda: executions(local))
    parameters = local.sagemaker.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=first["PipelineExecutionArn"]
    )["PipelineParameters"]
    assert parameters == [{"Name": "Why", "Value": "it is six"}]
    clock.time += timedelta(days=3)
    until(lambda: len(executions(local)) == 2)


def test_a_topic_and_a_queue_get_the_input_and_what_is_due_once_goes_when_it_is_to(
    local: LocalService, clock: Turned
) -> None:
    queue = local.client("sqs").create_queue(QueueName="due")["QueueUrl"]
    local.client("sns").create_topic(Name="due")
    local.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    once = {"ActionAfterCompletion": "DELETE"}
    schedule(local, "once", "at(2027-01-31T13:00:00)", {"Arn": QUEUE, "Input": "queue"}, **once)
    schedule(
        local, "told", "cron(0 13 * * ? *)", {"Arn": TOPIC, "Input": "topic"}, EndDate=clock.time + timedelta(days=1)
    )
    clock.time += timedelta(hours=1)
    found: set[str] = set()

    def heard() -> set[str]:
        messages = local.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = (message["Body"] for message in messages)
        found.update(json.loads(body)["Message"] if body.startswith("{") else body for body in bodies)
        return found

    assert until(heard, lambda words: words == {"queue", "topic"})
    assert {item["Name"] for item in local.client("scheduler").list_schedules()["Schedules"]} == {"told"}


@pytest.mark.parametrize("wrong", ["rate(0 minutes)", "rate(99999999999999 days)", "cron(0 13 X * ? *)"])
def test_an_expression_that_says_nothing_keeps_no_other_schedule_from_its_time(
    local: LocalService, clock: Turned, wrong: str
) -> None:
    schedule(local, "a-wrong", wrong, {"Arn": PIPELINE})
    schedule(local, "right", "cron(0 13 * * ? *)", {"Arn": PIPELINE})
    clock.time += timedelta(hours=1)
    until(lambda: len(executions(local)) == 1)


def test_a_rule_with_a_schedule_starts_its_pipeline_when_due_and_by_no_event(
    local: LocalService, clock: Turned
) -> None:
    local.client("events").put_rule(Name="watch", ScheduleExpression="rate(1 hour)")
    local.client("events").put_targets(Rule="watch", Targets=[{"Id": "1", "Arn": PIPELINE, "RoleArn": ROLE}])
    seen(local, ":rule/watch")
    queue = local.client("sqs").create_queue(QueueName="due")["QueueUrl"]
    local.client("events").put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    local.client("events").put_targets(Rule="all", Targets=[{"Id": "1", "Arn": QUEUE}])
    local.service.events.emit("SageMaker Something", ["arn:one"], {})
    until(lambda: local.client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    assert executions(local) == []
    clock.time += timedelta(hours=1)
    until(lambda: len(executions(local)) == 1)
    local.client("events").disable_rule(Name="watch")
    until(lambda: not any(key.endswith(":rule/watch") for key in local.service.due._next))
    for name in ("watch", "all"):
        local.client("events").remove_targets(Rule=name, Ids=["1"])
        local.client("events").delete_rule(Name=name)
