"""Commands that only read, with --local, where no service runs: what a run has left can be looked at all the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pipeline.cli import execute
from pipeline.clients import connect_local
from pipeline.local.process import lifecycle
from tests.support.executions import definition, fail, token, work
from tests.support.service import ROLE
from tests.support.waiting import until


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is left of a service with one execution that ended and one that was under way."""
    folder = tmp_path_factory.mktemp("left") / "state"
    # What connects to localhost sets the environment, which the next test must not find so.
    with mock.patch.dict(os.environ), lifecycle.starting(folder) as service:
        running = service()
        client = connect_local(lifecycle.environment(running), os.environ).sagemaker
        begun = {}
        for name, step in (("ended", fail("Reject", "too little")), ("long", work("Work", "echo begun; sleep 600"))):
            client.create_pipeline(
                PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition(step), ClientRequestToken=token()
            )
            begun[name] = client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
        until(lambda: _status(client, begun["ended"]) == "Failed")
        until(lambda: client.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"])
    yield folder


def _status(client: Any, arn: str) -> str:
    return str(client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["steps"], "Reject  Rejected"),
        pytest.param(["executions"], "too little", marks=pytest.mark.long),
        pytest.param(["describe"], "too little", marks=pytest.mark.long),
        pytest.param(["report"], "too little", marks=pytest.mark.long),
        pytest.param(["graph", "--execution", "latest"], "<svg", marks=pytest.mark.long),
        pytest.param(["models", "list", "--json"], "[]", marks=pytest.mark.long),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_command_that_reads_needs_no_service(
    command: list[str], said: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([*command, "--local", "--state", str(state), "--set", "name=ended"]) == 0
    assert said in capsys.readouterr().out
    assert lifecycle.running(state) is None


def test_reading_takes_up_nothing_that_was_under_way(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert execute(["executions", "--json", "--local", "--state", str(state), "--set", "name=long"]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert found["status"] == "Executing"


def test_a_command_that_writes_still_asks_for_a_service(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["start", "--local", "--state", str(state), "--set", "name=ended"]) == 1
    assert capsys.readouterr().err.startswith("error: no service runs on the state folder ")
