"""Logs: what is written is read back, shown by CloudWatch Logs, there again after a restart, and bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local import log_files as module
from pipeline.local.log_files import Logs
from tests.support.service import LocalService, local_service

GROUP = "/aws/sagemaker/ProcessingJobs"


def made_in(root: Path) -> Logs:
    return Logs(root, "123456789012", "us-east-1")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = made_in(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    # In an account of its own, since the logs of all services of one process are together in moto.
    with local_service(tmp_path_factory.mktemp("logs"), account="111122223333") as running:
        yield running


@given(st.lists(st.tuples(st.integers(0, 4_000_000_000_000), st.text(st.characters(exclude_categories=["Cs"])))))
def test_events_are_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, str]]
) -> None:
    made = made_in(tmp_path_factory.mktemp("logs"))
    try:
        made.write(GROUP, "job/algo-1", events)
        assert made.read(GROUP, "job/algo-1") == events
    finally:
        made.close()


def test_a_line_of_the_file_is_time_and_text(logs: Logs) -> None:
    logs.write(GROUP, "job/algo-1-1", [(1_700_000_000_123, "one\ntwo"), (1_700_000_000_124, "three")])
    assert logs.path(GROUP, "job/algo-1-1").read_text() == (
        "2023-11-14T22:13:20.123Z one\n\ttwo\n2023-11-14T22:13:20.124Z three\n"
    )


def test_names_cannot_leave_the_folder(logs: Logs, tmp_path: Path) -> None:
    for group, stream in (("/aws/sagemaker/../../x", "../../y"), ("/etc", "/passwd"), ("a\0b", "c"), ("", ".")):
        logs.write(group, stream, [(1, "text")])
        assert logs.path(group, stream).resolve().is_relative_to(tmp_path / "logs")
        assert logs.read(group, stream) == [(1, "text")]


def test_a_stream_may_lie_below_another(logs: Logs) -> None:
    logs.write("/aws/sagemaker/TransformJobs", "job/i-1", [(1, "a")])
    logs.write("/aws/sagemaker/TransformJobs", "job/i-1/data-log", [(2, "b")])
    assert logs.read("/aws/sagemaker/TransformJobs", "job/i-1") == [(1, "a")]
    assert logs.read("/aws/sagemaker/TransformJobs", "job/i-1/data-log") == [(2, "b")]


def test_many_streams_need_few_open_files(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OPEN_FILES", 3)
    for turn in range(2):
        for index in range(10):
            logs.write(GROUP, f"job-{index}", [(turn, str(turn))])
    assert all(logs.read(GROUP, f"job-{index}") == [(0, "0"), (1, "1")] for index in range(10))


def test_what_is_beyond_the_limit_is_told_once(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1000)
    for _ in range(100):
        logs.write(GROUP, "job", [(1, "x" * 50)])
    texts = [text for _, text in logs.read(GROUP, "job")]
    assert [text for text in texts if "is not kept" in text] == texts[-1:]
    assert logs.path(GROUP, "job").stat().st_size < 1300


def messages(local: LocalService, stream: str, group: str = GROUP) -> list[str]:
    events = local.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_cloudwatch_shows_what_was_written_since(local: LocalService) -> None:
    now = int(time.time() * 1000)
    write = local.service.logs.write
    write(GROUP, "live/algo-1-1", [(now, "one")])
    assert messages(local, "live/algo-1-1") == ["one"]
    write(GROUP, "live/algo-1-1", [(now + 1, "two\nthree")])
    assert messages(local, "live/algo-1-1") == ["one", "two\nthree"]
    page = local.logs.get_log_events(logGroupName=GROUP, logStreamName="live/algo-1-1", startFromHead=True)
    again = local.logs.get_log_events(
        logGroupName=GROUP, logStreamName="live/algo-1-1", startFromHead=True, nextToken=page["nextForwardToken"]
    )
    assert again["events"] == [] and again["nextForwardToken"] == page["nextForwardToken"]


def test_cloudwatch_lists_groups_and_streams_and_filters(local: LocalService) -> None:
    now = int(time.time() * 1000)
    for job in ("left", "right"):
        local.service.logs.write("/aws/sagemaker/TrainingJobs", f"{job}/algo-1-7", [(now, f"{job} ERROR"), (now, "ok")])
    local.service.logs.write("/aws/sagemaker/Endpoints/mine", "AllTraffic/i-1", [(now, "served")])
    groups = [group["logGroupName"] for group in local.logs.describe_log_groups()["logGroups"]]
    assert {"/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints/mine"} <= set(groups)
    streams = local.logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="left/")[
        "logStreams"
    ]
    assert [stream["logStreamName"] for stream in streams] == ["left/algo-1-7"]
    found = local.logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", filterPattern="ERROR")["events"]
    assert [event["message"] for event in found] == ["left ERROR", "right ERROR"]
    assert messages(local, "AllTraffic/i-1", "/aws/sagemaker/Endpoints/mine") == ["served"]


def test_unknown_streams_are_errors_of_cloudwatch(local: LocalService) -> None:
    for group, stream in ((GROUP, "nobody"), ("/aws/sagemaker/Nothing", "x"), (GROUP, "x" * 500)):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            messages(local, stream, group)


def test_the_logs_are_there_after_a_restart(tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    with local_service(tmp_path) as local:
        local.service.logs.write(GROUP, "kept/algo-1-1", [(now, "before")])
        assert messages(local, "kept/algo-1-1") == ["before"]
    with local_service(tmp_path) as local:
        assert messages(local, "kept/algo-1-1") == ["before"]
        local.service.logs.write(GROUP, "kept/algo-1-1", [(now, "after")])
        assert messages(local, "kept/algo-1-1") == ["before", "after"]
