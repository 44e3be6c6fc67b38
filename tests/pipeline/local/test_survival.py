"""What is under way when threads or room run out is finished; what took the service down twice is not tried again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.engine import step_executors as engine_steps
from pipeline.local.engine.execution_records import Poisonous, Records
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.store import Store
from tests.support.executions import check, create, start, steps, wait, wait_step, work
from tests.support.service import LocalService, local_service

Threads = Callable[[Callable[[str], bool]], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Let the system refuse the first threads of these names, three times each."""

    def refuse(wanted: Callable[[str], bool]) -> None:
        begin, refused = threading.Thread.start, dict[str, int]()

        def begun(thread: threading.Thread) -> None:
            if wanted(thread.name) and refused.setdefault(thread.name, 0) < 3:
                refused[thread.name] += 1
                raise RuntimeError("can't start new thread")
            begin(thread)

        monkeypatch.setattr(threading.Thread, "start", begun)

    return refuse


def test_an_execution_its_steps_and_their_jobs_run_once_there_are_threads(tmp_path: Path, refuse: Threads) -> None:
    with local_service(tmp_path) as local:
        name = create(local, work("Work"))
        refuse(lambda thread: thread.endswith("/Work") or thread.startswith("job_") or len(thread) == 12)
        assert wait(local, start(local, name))["PipelineExecutionStatus"] == "Succeeded"


def test_the_children_of_a_loop_run_once_there_are_threads(tmp_path: Path, refuse: Threads) -> None:
    with local_service(tmp_path) as local:
        body = {"IterableItems": ["a", "b"], "MaxConcurrency": 2, "ForEachBody": [work("Body")]}
        name = create(local, {"Name": "Loop", "Type": "ForEach", "Arguments": body})
        refuse(lambda thread: thread.startswith("Loop_") or "/Loop/" in thread)
        arn = start(local, name)
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        assert {step["StepStatus"] for step in steps(local, arn).values()} == {"Succeeded"}


def endpoint(local: LocalService) -> None:
    """An endpoint that is Deleting and whose containers have ended."""
    body = {"EndpointName": "e", "EndpointStatus": "Deleting", "EndpointArn": "a", "CreationTime": 1.0}
    local.service.store.insert("endpoint", "e", body)


def gone(local: LocalService) -> bool:
    store = local.service.store
    return bool(store.wait(lambda: store.get("endpoint", "e") is None or None, 20, of=("endpoint", "e")))


def test_an_endpoint_is_deleted_once_there_are_threads(tmp_path: Path, refuse: Threads) -> None:
    with local_service(tmp_path) as local:
        endpoint(local)
        refuse(lambda thread: thread == "endpoint-e")
        local.service.hosting.delete("e")
        assert gone(local)


def test_an_endpoint_is_deleted_once_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with local_service(tmp_path) as local:
        endpoint(local)
        delete, tried = local.service.store.delete, []

        def full(kind: str, name: str) -> bool:
            tried.append(name)
            if len(tried) < 3:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return delete(kind, name)

        monkeypatch.setattr(local.service.store, "delete", full)
        local.service.hosting.delete("e")
        assert gone(local)


def test_a_rule_that_cannot_be_kept_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with local_service(tmp_path) as local:
        events = local.client("events")
        events.put_rule(Name="before", ScheduleExpression="rate(1 day)")

        def full(*_: Any) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(local.service.store, "put", full)
            with pytest.raises(ClientError, match="no space left on the disk"):
                events.put_rule(Name="demo", ScheduleExpression="rate(1 day)")
        events.put_rule(Name="demo", ScheduleExpression="rate(1 day)")


def held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a Condition step never end."""

    def never(run: StepRun) -> Ended:
        return run.wait(lambda: None, of=("nothing", ""))

    monkeypatch.setitem(engine_steps.RUNNERS, "Condition", never)


@pytest.mark.parametrize("what", ["step", "execution"])
def test_what_took_the_service_down_at_two_starts_fails_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    held_up(monkeypatch)
    with local_service(tmp_path) as local:
        arn = start(local, create(local, check("Poison", 1, 1, [])))
        wait_step(local, arn, "Poison", "Starting")
        state = local.service.state
    store = Store(state.database)  # as two services left it that went down here
    key = ("execution-step", f"{arn}/Poison") if what == "step" else ("pipeline-execution", arn)
    store.merge(*key, _taking_up=2)
    store.close()
    with local_service(tmp_path) as local:
        ended = wait(local, arn)
        reason = ended["FailureReason"] if what == "execution" else steps(local, arn)["Poison"]["FailureReason"]
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert reason.startswith("InternalServerError: SageMaker on localhost went down at 2 starts")


def test_starts_that_a_step_survives_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held_up(monkeypatch)
    with local_service(tmp_path) as local:
        arn = start(local, create(local, check("Waits", 1, 1, [])))
        wait_step(local, arn, "Waits", "Starting")
    for _ in range(3):
        with local_service(tmp_path) as local:
            row = Records(local.service, arn).step

            def settled(row: Callable[[str], dict[str, Any] | None] = row) -> bool | None:
                return "_taking_up" not in (row("Waits") or {}) or None

            assert local.service.store.wait(settled, 20)
            assert wait(local, arn, until=("Executing",))
    with local_service(tmp_path, hold=True) as local:
        records = Records(local.service, arn)
        for _ in range(2):
            records.take_up_step("Waits")
        with pytest.raises(Poisonous):
            records.take_up_step("Waits")


def test_a_service_that_holds_takes_nothing_up_and_can_stop_it(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        local.service.jobs.grace = 0.2
        arn = start(local, create(local, work("Long", "sleep 99.5")))
        wait_step(local, arn, "Long", "Executing")
    with local_service(tmp_path, hold=True) as local:
        assert local.service.engine.running == 0
        assert wait(local, arn, until=("Executing",))
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
        assert wait(local, arn)["PipelineExecutionStatus"] in ("Stopped", "Failed")
