"""Starting, stopping and retrying: what cannot be is said with what can be done instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.executions import control
from tests.support.clients import clients_of
from tests.support.executions import create, fail, run, start, wait, wait_step, work
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("control")
    with local_service(folder) as running:
        yield running


@pytest.fixture
def clients(local: LocalService) -> Clients:
    return clients_of(local)


def test_a_token_for_the_same_text_is_the_same_and_as_long_as_the_api_wants() -> None:
    token = control.request_token("ci-run-17")
    assert token == control.request_token("ci-run-17") != control.request_token("ci-run-18")
    assert 32 <= len(token) <= 128


@pytest.mark.parametrize("name", ["with space", "-a", "a-", "a" * 83, "a.b"])
def test_a_name_that_the_service_would_refuse_is_refused_at_once(clients: Clients, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of an execution"):
        control.start(clients, "nowhere", {}, name=name)


def test_an_execution_that_is_over_is_neither_stopped_nor_retried(local: LocalService, clients: Clients) -> None:
    arn = run(local, create(local, work("Work")))["PipelineExecutionArn"]
    with pytest.raises(UsageError, match=f"^execution {arn[-12:]} is over: Succeeded$"):
        control.stop(clients, arn)
    with pytest.raises(UsageError, match="has Succeeded: there is nothing to retry"):
        control.retry(clients, arn)


def test_what_a_gate_ended_is_not_retried(local: LocalService, clients: Clients) -> None:
    arn = run(local, create(local, fail("RejectModel", "accuracy 0.9")))["PipelineExecutionArn"]
    with pytest.raises(UsageError, match="was ended by RejectModel") as raised:
        control.retry(clients, arn)
    assert raised.value.hint.startswith("`pipeline start`")


def test_what_still_runs_is_stopped_and_then_retried(local: LocalService, clients: Clients) -> None:
    arn = start(local, create(local, work("Work", "sleep 300")))
    wait_step(local, arn, "Work", "Executing")
    with pytest.raises(UsageError, match="is still Executing") as raised:
        control.retry(clients, arn)
    assert raised.value.hint == f"`pipeline follow {arn[-12:]}` follows it to its end"
    control.stop(clients, arn)
    wait(local, arn, until=("Stopped",))
    control.retry(clients, arn)
    wait_step(local, arn, "Work", "Executing")
    control.stop(clients, arn)
    wait(local, arn, until=("Stopped",))
