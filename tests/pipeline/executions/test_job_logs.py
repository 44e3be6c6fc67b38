"""Reading the logs of jobs: all, the end, what is new; of a job that runs here, and of CloudWatch as moto plays it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions import job_logs
from pipeline.executions.execution_snapshot import StepView, snapshot, step_of
from tests.support.calls import refusing
from tests.support.clients import aws_alone, clients_of
from tests.support.executions import create, run, start, work
from tests.support.service import LocalService, local_service

GROUP = "/aws/sagemaker/TrainingJobs"
STEP = StepView(
    "TrainModel",
    "Executing",
    kind="TrainingJob",
    metadata={"Arn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job-1"},
)
START = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("logs")
    with local_service(folder) as running:
        yield running


@pytest.fixture
def aws() -> Iterator[Clients]:
    with aws_alone() as clients:
        yield clients


def write(aws: Clients, stream: str, texts: list[str], *, first: int = START, every: int = 1) -> None:
    if not aws.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        aws.logs.create_log_group(logGroupName=GROUP)
    if not aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)["logStreams"]:
        aws.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    events = [{"timestamp": first + at * every, "message": text} for at, text in enumerate(texts)]
    aws.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)  # type: ignore[arg-type]


def texts(lines: Iterator[job_logs.Line] | tuple[job_logs.Line, ...]) -> list[str]:
    return [line.text for line in lines]


def test_the_log_of_a_real_job_is_read_whole_and_from_its_end(local: LocalService) -> None:
    name = create(local, work("Count", "for i in $(seq 40); do echo line $i; done"))
    clients = clients_of(local)
    step = step_of(snapshot(clients, run(local, name)["PipelineExecutionArn"]), "Count")
    assert texts(job_logs.lines(clients, step)) == [f"line {number}" for number in range(1, 41)]
    assert texts(job_logs.last_lines(clients, step, 3)) == ["line 38", "line 39", "line 40"]


def test_following_a_real_job_gives_each_line_once_and_ends_with_it(local: LocalService) -> None:
    name = create(local, work("Slow", "for i in 1 2 3 4; do echo line $i; sleep 0.1; done"))
    clients = clients_of(local)
    arn = start(local, name)
    found = texts(
        job_logs.follow(clients, lambda: snapshot(clients, arn).step("Slow"), sleep=time.sleep, pause=0.02),
    )
    assert found == ["line 1", "line 2", "line 3", "line 4"]


def test_a_step_without_a_job_has_no_log(aws: Clients) -> None:
    assert texts(job_logs.lines(aws, StepView("CheckMetrics", "Succeeded", kind="Condition"))) == []
    assert job_logs.last_lines(aws, StepView("CheckMetrics", "Succeeded", kind="Condition"), 5) == ()


def test_a_job_that_has_not_written_yet_has_an_empty_log(aws: Clients) -> None:
    assert texts(job_logs.lines(aws, STEP)) == []
    assert job_logs.last_lines(aws, STEP, 5) == ()


def test_the_lines_of_all_instances_come_in_the_order_of_time(aws: Clients) -> None:
    write(aws, "job-1/algo-1-1", ["a1", "a2", "a3"], every=10)
    write(aws, "job-1/algo-2-1", ["b1", "b2"], first=START + 5, every=10)
    write(aws, "job-10/algo-1-1", ["another job's"])
    assert texts(job_logs.lines(aws, STEP)) == ["a1", "b1", "a2", "b2", "a3"]
    assert texts(job_logs.last_lines(aws, STEP, 2)) == ["b2", "a3"]


def test_logs_of_many_pages_are_read_whole(aws: Clients) -> None:
    wanted = [f"line {number}" for number in range(12_000)]
    for first in range(0, len(wanted), 4_000):
        write(aws, "job-1/algo-1-1", wanted[first : first + 4_000], first=START + first)
    assert texts(job_logs.lines(aws, STEP)) == wanted
    assert texts(job_logs.last_lines(aws, STEP, 8)) == wanted[-8:]


def test_only_what_is_new_is_given_again(aws: Clients) -> None:
    found = job_logs.JobLogs(aws)
    write(aws, "job-1/algo-1-1", ["one", "two"])
    assert texts(found.new(STEP)) == ["one", "two"]
    assert found.new(STEP) == ()
    write(aws, "job-1/algo-1-1", ["three"], first=START + 100)
    assert texts(found.new(STEP)) == ["three"]


def test_what_passes_by_itself_is_left_for_the_next_time(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    write(aws, "job-1/algo-1-1", ["one"])
    found = job_logs.JobLogs(aws)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # botocore's back-off before it gives up
    with refusing(aws.logs, "DescribeLogStreams", "ThrottlingException"):
        assert found.new(STEP) == ()
    assert found.trouble == ""
    assert texts(found.new(STEP)) == ["one"]


def test_logs_that_may_not_be_read_are_said_once_and_raise_nothing(aws: Clients) -> None:
    write(aws, "job-1/algo-1-1", ["one"])
    found = job_logs.JobLogs(aws)
    with refusing(aws.logs, "DescribeLogStreams", "AccessDeniedException", "not authorized"):
        assert found.last(STEP, 8) == ()
        assert "not authorized" in found.trouble
        with pytest.raises(ServiceError, match="not authorized"):
            job_logs.last_lines(aws, STEP, 8)
