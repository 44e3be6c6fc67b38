"""What following shows: plain lines elsewhere, on a terminal a table with the end of the running job's log."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.cli.progress import show
from pipeline.clients import Clients
from pipeline.executions import execution_snapshot
from pipeline.executions.execution_snapshot import ExecutionSnapshot, StepView, note
from pipeline.executions.follow import follow
from pipeline.executions.job_logs import JobLogs, plain
from tests.support.calls import refusing
from tests.support.clients import aws_alone, clients_of
from tests.support.executions import create, start, work
from tests.support.service import LocalService, local_service

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo/execution/abcdefghijkl"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
JOB = {"Arn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job-1"}
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("follow")
    with local_service(folder) as running:
        yield running


def step(name: str, status: str, seconds: float = 1.0, **more: object) -> StepView:
    ended = NOON + timedelta(seconds=seconds) if status in execution_snapshot.TERMINAL else None
    return StepView(name, status, NOON, ended, **more)  # type: ignore[arg-type]


def snapshot(status: str, *steps: StepView) -> ExecutionSnapshot:
    return ExecutionSnapshot(ARN, status, steps)


def shown(
    *snapshots: ExecutionSnapshot,
    logs: JobLogs | None = None,
    terminal: bool = False,
    height: int = 30,
    after: float = 5,
) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, height=height, color_system=None, _environ={})
    show(
        iter(snapshots),
        console,
        steps=["ConvertData", "TrainModel"],
        logs=logs,
        now=lambda: NOON + timedelta(seconds=after),
    )
    return out.getvalue()


def test_elsewhere_each_step_has_a_line_when_it_starts_and_when_it_ends() -> None:
    text = shown(
        snapshot("Executing"),
        snapshot("Executing", step("ConvertData", "Executing")),
        snapshot("Executing", step("ConvertData", "Executing")),
        snapshot("Failed", step("ConvertData", "Succeeded", 61.5), step("TrainModel", "Failed", 2, reason="no\n rows")),
    )
    assert text == (
        "ConvertData        Executing\n"
        "ConvertData        Succeeded      61.5 s\n"
        "TrainModel         Failed          2.0 s  no rows\n"
    )


def test_a_retried_step_is_told_again() -> None:
    text = shown(
        snapshot("Executing", step("TrainModel", "Executing")),
        snapshot("Executing", step("TrainModel", "Executing", attempts=2)),
    )
    assert text.splitlines() == ["TrainModel         Executing", "TrainModel         Executing   attempt 2"]


def test_the_lines_of_a_real_job_stand_between_its_start_and_its_end(local: LocalService) -> None:
    name = create(local, work("Count", "echo one; sleep 0.3; echo two"))
    clients = clients_of(local)
    arn = start(local, name)
    out = io.StringIO()
    moments = follow(clients, arn, sleep=time.sleep, monotonic=time.monotonic, all_answers=True)
    end = show(moments, Console(file=out, width=200), steps=["Count"], logs=JobLogs(clients))
    lines = [line for line in out.getvalue().splitlines() if "Starting" not in line]
    assert end.status == "Succeeded"
    assert [lines[0].split(), lines[1:-1], lines[-1].split()[:2]] == [
        ["Count", "Executing"],
        ["Count | one", "Count | two"],
        ["Count", "Succeeded"],
    ]


def test_a_terminal_shows_every_step_and_the_end_of_the_running_jobs_log() -> None:
    with aws_alone() as aws:
        write(aws, [f"epoch {number}" for number in range(20)])
        running = snapshot("Executing", step("ConvertData", "Succeeded"), training())
        text = shown(running, logs=JobLogs(aws), terminal=True)
    assert "log of TrainModel" in text
    assert "epoch 19" in text and "epoch 12" in text and "epoch 11" not in text
    # What stays on the screen is the table alone.
    assert "epoch" not in text[text.rindex("ConvertData") :]


def test_a_job_of_a_moment_has_no_log_below_the_table() -> None:
    with aws_alone() as aws:
        write(aws, ["epoch 1"])
        assert "epoch" not in shown(snapshot("Executing", training()), logs=JobLogs(aws), terminal=True, after=1)


def test_the_table_is_as_wide_when_steps_end_as_when_they_run() -> None:
    first = shown(snapshot("Executing", training()), terminal=True, after=1).splitlines()[0]
    assert "step         status        time" in first


def test_a_low_terminal_keeps_the_table_and_shortens_the_log() -> None:
    with aws_alone() as aws:
        write(aws, [f"epoch {number}" for number in range(20)])
        text = shown(snapshot("Executing", training()), logs=JobLogs(aws), terminal=True, height=8)
    assert "epoch 19" in text and "epoch 18" in text and "epoch 17" not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_logs_that_may_not_be_read_are_told_and_following_goes_on(terminal: bool) -> None:
    with aws_alone() as aws, refusing(aws.logs, "DescribeLogStreams", "AccessDeniedException", "not authorized"):
        done = snapshot("Succeeded", step("TrainModel", "Succeeded", kind="TrainingJob", metadata=JOB))
        text = shown(snapshot("Executing", training()), done, logs=JobLogs(aws), terminal=terminal)
    assert "the logs cannot be read: DescribeLogStreams was refused (AccessDeniedException)" in text
    assert "Succeeded" in text


def test_notes_say_what_is_not_seen_from_the_status() -> None:
    assert note(StepView("A", "Succeeded", cached_from=ARN)) == "reused from abcdefghijkl"
    assert note(StepView("A", "Succeeded", kind="Condition", metadata={"Outcome": "True"})) == "true"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("10%\r20%\r\n", "20%"),
        ("a\tb", "a   b"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("bell\x07", "bell"),
    ],
)
def test_a_log_cannot_move_the_cursor(raw: str, text: str) -> None:
    assert plain(raw) == text


@given(st.text())
def test_whatever_a_log_says_is_one_printable_line(raw: str) -> None:
    assert plain(raw).isprintable()


def training() -> StepView:
    return step("TrainModel", "Executing", kind="TrainingJob", metadata=JOB)


def write(aws: Clients, texts: list[str]) -> None:
    first = int(time.time() * 1000) - 60_000
    aws.logs.create_log_group(logGroupName=GROUP)
    aws.logs.create_log_stream(logGroupName=GROUP, logStreamName="job-1/algo-1-1")
    events = [{"timestamp": first + at, "message": text} for at, text in enumerate(texts)]
    aws.logs.put_log_events(logGroupName=GROUP, logStreamName="job-1/algo-1-1", logEvents=events)  # type: ignore[arg-type]
