"""Events to EventBridge rules: into a queue, and as the start of a pipeline."""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.other_aws.events import matches_wildcards
from tests.support.service import ROLE, LocalService, local_service
from tests.support.waiting import PATIENCE

FAILING = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Why", "Type": "String", "DefaultValue": "none"}],
        "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Why"}}}],
    }
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalService]:
    with local_service(tmp_path) as service:
        yield service


def received(local: LocalService, queue: str) -> dict[str, Any]:
    """The next event in the queue."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        messages = local.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        if messages:
            event: dict[str, Any] = json.loads(messages[0]["Body"])
            return event
        time.sleep(0.02)
    raise AssertionError("no event came")


def rule(local: LocalService, name: str, detail_type: str, target: dict[str, Any]) -> None:
    pattern = {"source": ["aws.sagemaker"], "detail-type": [detail_type]}
    local.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    local.client("events").put_targets(Rule=name, Targets=[target])


def test_a_rule_gets_the_event_into_its_queue(local: LocalService) -> None:
    queue = local.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:events"
    rule(local, "to-queue", "SageMaker Model Package State Change", {"Id": "1", "Arn": arn})
    local.service.events.emit("SageMaker Something Else", ["arn:other"], {"a": 0})
    local.service.events.emit("SageMaker Model Package State Change", ["arn:one"], {"ModelApprovalStatus": "Approved"})
    event = received(local, queue)
    assert event["detail"] == {"ModelApprovalStatus": "Approved"}
    assert event["resources"] == ["arn:one"]
    assert (event["source"], event["region"], event["account"]) == ("aws.sagemaker", "us-east-1", "123456789012")


def test_a_rule_with_a_pipeline_as_target_starts_it_with_its_parameters(local: LocalService) -> None:
    arn = local.sagemaker.create_pipeline(
        PipelineName="digits", PipelineDefinition=FAILING, RoleArn=ROLE, ClientRequestToken="x" * 32
    )["PipelineArn"]
    parameters = {"PipelineParameterList": [{"Name": "Why", "Value": "$.detail.cause.what"}]}
    target = {"Id": "1", "Arn": arn, "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    rule(local, "to-pipeline", "SageMaker Endpoint State Change", target)
    local.service.events.emit("SageMaker Endpoint State Change", [], {"cause": {"what": "an event"}})
    end = time.monotonic() + PATIENCE
    executions: list[Any] = []
    while not executions and time.monotonic() < end:
        executions = local.sagemaker.list_pipeline_executions(PipelineName="digits")["PipelineExecutionSummaries"]
        time.sleep(0.02)
    execution = executions[0]["PipelineExecutionArn"]
    found = local.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)
    assert found["PipelineParameters"] == [{"Name": "Why", "Value": "an event"}]
    while (
        local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"]
        == "Executing"
        and time.monotonic() < end
    ):
        time.sleep(0.02)
    steps = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    assert steps[0]["FailureReason"] == "an event"


def test_events_of_a_client_start_pipelines_too_and_an_unknown_pipeline_is_no_error(local: LocalService) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/absent"
    rule(local, "to-absent", "mine", {"Id": "1", "Arn": arn, "RoleArn": ROLE})
    entry = {"Source": "aws.sagemaker", "DetailType": "mine", "Detail": "{}"}
    assert local.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_target_that_is_not_here_keeps_no_event_from_others_and_a_disabled_rule_sends_none(
    local: LocalService,
) -> None:
    queue = local.client("sqs").create_queue(QueueName="others")["QueueUrl"]
    kind, arn = "SageMaker Others State Change", "arn:aws:sqs:us-east-1:123456789012:others"
    function = {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    rule(local, "a-function", kind, function)
    rule(local, "b-disabled", kind, {"Id": "2", "Arn": arn})
    local.client("events").disable_rule(Name="b-disabled")
    rule(local, "c-queue", kind, function)
    local.client("events").put_targets(Rule="c-queue", Targets=[{"Id": "3", "Arn": arn}])
    for number in (1, 2):
        local.service.events.emit(kind, [], {"number": number})
    assert [received(local, queue)["detail"]["number"] for _ in range(2)] == [1, 2]
    assert "Messages" not in local.client("sqs").receive_message(QueueUrl=queue)


@given(st.text("ab", max_size=8), st.lists(st.sampled_from(["*", "a", "b", "ab"]), max_size=6))
def test_wildcards_match_what_a_shell_matches(text: str, pieces: list[str]) -> None:
    pattern = "".join(pieces)
    assert matches_wildcards(text, pattern) is fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [("a*b", r"a\*b", True), ("axb", r"a\*b", False), ("a\\b", r"a\\b", True), ("a[b]", "a[*]", True), (7, "*", False)],
)
def test_wildcards_can_be_escaped_and_nothing_else_is_special(text: Any, pattern: str, expected: bool) -> None:
    assert matches_wildcards(text, pattern) is expected


def test_a_pattern_of_many_wildcards_holds_nobody_up(local: LocalService) -> None:
    pattern = {"detail": {"x": [{"wildcard": "*a" * 30 + "b"}]}}
    local.client("events").put_rule(Name="slow", EventPattern=json.dumps(pattern), State="ENABLED")
    event = {"Source": "s", "DetailType": "d", "Detail": json.dumps({"x": "a" * 5000})}
    assert local.client("events").put_events(Entries=[event])["FailedEntryCount"] == 0
