"""How an execution's end becomes a verdict with an exit code of its own, and how following bears with trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.clients import Clients, Target
from pipeline.errors import FollowTimeout, ServiceError, UsageError
from pipeline.executions import execution_list, execution_snapshot, follow_notes
from pipeline.executions.control import start, stop
from pipeline.executions.execution_snapshot import ExecutionSnapshot, StepView
from pipeline.executions.follow import follow
from pipeline.executions.outcome import verdict
from pipeline.local.faults import InjectedFaults
from tests.support.calls import recording
from tests.support.clients import aws_alone, clients_of
from tests.support.executions import create, definition, fail, token, work
from tests.support.service import ROLE, local_service

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo/execution/abcdefghijkl"


def ended(status: str, *steps: StepView) -> ExecutionSnapshot:
    return ExecutionSnapshot(
        ARN, status, steps, "Step failure: One or multiple steps failed." if status == "Failed" else ""
    )


def test_success_is_no_error() -> None:
    assert verdict(ended("Succeeded")) is None


@pytest.mark.parametrize(
    ("end", "code", "text"),
    [
        (
            ended("Failed", StepView("RejectModel", "Failed", kind="Fail", reason="accuracy 0.9 (at least 0.97)")),
            3,
            "accuracy 0.9 (at least 0.97)",
        ),
        (
            ended("Failed", StepView("TrainModel", "Failed", kind="TrainingJob", reason="ClientError: no rows")),
            4,
            "step TrainModel failed: ClientError: no rows",
        ),
        (ended("CompletedWithFailures", StepView("A", "Failed", kind="ProcessingJob")), 4, "step A failed"),
        (ended("Stopped"), 5, "was stopped"),
        (ended("Failed"), 4, "Step failure: One or multiple steps failed."),
    ],
    ids=["gate", "step", "completed with failures", "stopped", "failed without a step"],
)
def test_each_end_has_its_code_and_says_why(end: ExecutionSnapshot, code: int, text: str) -> None:
    error = verdict(end)
    assert error is not None
    assert (error.exit_code, text in error.message) == (code, True)


class Service:
    """Answers describe and list as told; an exception among the answers is raised."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers: Iterator[str | Exception] = iter(answers)
        self.target = Target("us-east-1", "123456789012")

    @property
    def sagemaker(self) -> Service:
        return self

    def describe_pipeline_execution(self, **_: Any) -> dict[str, Any]:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return {"PipelineExecutionStatus": answer}

    def get_paginator(self, _: str) -> Service:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"PipelineExecutionSteps": []}]


class Time:
    """Passes only when slept."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def monotonic(self) -> float:
        return self.now


def followed(service: Service, **arguments: Any) -> list[str]:
    time = Time()
    moments = follow(
        service,  # type: ignore[arg-type]
        ARN,
        sleep=time.sleep,
        monotonic=time.monotonic,
        **arguments,
    )
    return [moment.status for moment in moments]


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "Describe")


def test_following_shows_each_change_once_and_ends() -> None:
    assert followed(Service("Executing", "Executing", "Succeeded")) == ["Executing", "Succeeded"]


def test_on_this_machine_it_asks_less_often_while_nothing_changes() -> None:
    """Each question takes CPU from the jobs that it asks about."""
    service, time = Service(*["Executing"] * 8, "Stopping", "Stopped"), Time()
    service.target = Target("us-east-1", "123456789012", "http://127.0.0.1:1")
    list(follow(service, ARN, sleep=time.sleep, monotonic=time.monotonic))  # type: ignore[arg-type]
    assert time.slept[:2] == [0.1, pytest.approx(0.15)]
    assert time.slept[5:] == [0.5, 0.5, 0.5, 0.1]


def test_following_ends_at_stopped_and_completed_with_failures_too() -> None:
    assert followed(Service("Executing", "Stopping", "Stopped"))[-1] == "Stopped"
    assert followed(Service("CompletedWithFailures")) == ["CompletedWithFailures"]


def test_throttling_is_waited_out() -> None:
    assert followed(Service("Executing", *[throttled()] * 5, "Succeeded")) == ["Executing", "Succeeded"]


def test_throttling_without_end_is_an_error() -> None:
    with pytest.raises(ServiceError, match="ThrottlingException"):
        followed(Service("Executing", *[throttled()] * 50))


def test_what_will_not_pass_is_an_error_at_once() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Describe")
    with pytest.raises(ServiceError, match="AccessDenied"):
        followed(Service(denied, "Succeeded"))


def test_a_timeout_says_what_is_running_and_how_to_go_on() -> None:
    with pytest.raises(FollowTimeout) as raised:
        followed(Service(*["Executing"] * 9), timeout=20)
    assert raised.value.exit_code == 6
    assert "pipeline follow" in raised.value.hint


def test_a_step_that_waits_for_instances_says_so_while_it_waits(tmp_path: Path) -> None:
    again = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 3600, "MaxAttempts": 2}
    with local_service(tmp_path, faults=InjectedFaults.parse(["capacity:Work=1"])) as local:
        create(local, work("Work", "true", RetryPolicies=[again]), name="demo")
        clients = clients_of(local)
        arn = start(clients, "demo", {})
        said: list[str] = []
        moments = follow(clients, arn, sleep=time.sleep, monotonic=time.monotonic, all_answers=True)
        told = follow_notes.telling_retries(clients, moments, said.append, monotonic=time.monotonic, interval=0.01)
        assert any(said or snapshot.done for snapshot in told)
        assert said == [
            "Work waits for its next attempt: CapacityError: Unable to provision requested ML compute capacity. "
            "Please retry using a different ML instance type."
        ]
        stop(clients, arn)


@pytest.fixture(params=["localhost", "moto"])
def clients(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clients]:
    with local_service(tmp_path) if request.param == "localhost" else aws_alone() as found:
        chosen = found if isinstance(found, Clients) else clients_of(found)
        text = definition(fail("Stop"), parameters=[{"Name": "Reason", "Type": "String", "DefaultValue": "x"}])
        chosen.sagemaker.create_pipeline(
            PipelineName="demo", PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken=token()
        )
        yield chosen


def test_an_execution_is_found_by_its_arn_its_id_or_the_beginning_of_it(clients: Clients) -> None:
    arn = start(clients, "demo", {"Reason": "y"}, name="by-hand")
    identity = execution_snapshot.execution_id(arn)
    for which in (arn, identity, identity[:6], ""):
        assert execution_snapshot.find(clients, "demo", which) == arn
    # Moto lists no steps.
    lacking = recording(clients.sagemaker, "ListPipelineExecutionSteps", {"PipelineExecutionSteps": []})
    with nullcontext() if clients.target.local else lacking:
        (found,) = execution_list.latest(clients, "demo", 5)
    assert (found.arn, found.name) == (arn, "by-hand")
    assert execution_snapshot.definition_of(clients, arn)["Steps"][0]["Name"] == "Stop"


def test_a_pipeline_that_never_ran_has_no_execution(clients: Clients) -> None:
    assert execution_list.latest(clients, "demo", 5) == ()
    with pytest.raises(UsageError, match="demo has no execution"):
        execution_snapshot.find(clients, "demo")


def test_a_beginning_that_fits_several_is_refused(clients: Clients) -> None:
    arns = [start(clients, "demo", {}) for _ in range(40)]
    beginning = next(letter for letter in {arn[-12] for arn in arns} if sum(arn[-12] == letter for arn in arns) > 1)
    with pytest.raises(UsageError, match="fits"):
        execution_snapshot.find(clients, "demo", beginning)
