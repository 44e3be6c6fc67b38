"""Schedules planned and applied, on localhost and against moto alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.operate import schedule
from pipeline.operate.schedule import PipelineSchedule, Put, Remove
from tests.support.clients import aws_alone, clients_of
from tests.support.service import local_service

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo"
NIGHTLY = PipelineSchedule(
    "demo-nightly", "cron(0 6 * * ? *)", "arn:aws:iam::123456789012:role/scheduler", {"Epochs": "3"}, "Europe/Berlin"
)


@pytest.fixture(params=["localhost", "moto"])
def clients(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clients]:
    with local_service(tmp_path) if request.param == "localhost" else aws_alone() as found:
        yield found if isinstance(found, Clients) else clients_of(found)


def put(clients: Clients, wanted: PipelineSchedule) -> Put | None:
    change = schedule.plan(wanted, schedule.read(clients, "demo"))
    if change is not None:
        schedule.apply(clients, PIPELINE, change)
    return change


def test_a_schedule_is_created_once_and_read_back_whole(clients: Clients) -> None:
    first = put(clients, NIGHTLY)
    assert first is not None and first.new
    assert schedule.read(clients, "demo") == (NIGHTLY,)
    assert put(clients, NIGHTLY) is None


def test_a_change_is_planned_member_by_member(clients: Clients) -> None:
    put(clients, NIGHTLY)
    change = put(clients, dataclasses.replace(NIGHTLY, expression="rate(2 days)", enabled=False, parameters={}))
    assert change is not None
    assert schedule.describe(change).splitlines() == [
        "~ schedule demo-nightly",
        "  ~ expression: cron(0 6 * * ? *) -> rate(2 days)",
        '  ~ parameters: {"Epochs": "3"} -> {}',
        "  ~ enabled: true -> false",
    ]
    assert schedule.read(clients, "demo")[0].enabled is False


def test_a_schedule_is_removed_and_again_does_no_harm(clients: Clients) -> None:
    put(clients, NIGHTLY)
    for _ in range(2):
        schedule.apply(clients, "", Remove("demo-nightly"))
    assert schedule.read(clients, "demo") == ()


def test_another_pipelines_schedules_are_not_seen(clients: Clients) -> None:
    put(clients, NIGHTLY)
    other = dataclasses.replace(NIGHTLY, name="demonstration")
    schedule.apply(clients, PIPELINE, Put(other, (), new=True))
    assert [item.name for item in schedule.read(clients, "demo")] == ["demo-nightly"]


@pytest.mark.parametrize(
    "expression",
    ["rate(1 days)", "rate(2 day)", "rate(0 days)", "cron(0 6 * * ?)", "every day", "at(2027-01-31)", ""],
)
def test_what_the_scheduler_would_refuse_is_refused_before(expression: str) -> None:
    with pytest.raises(UsageError, match="is not a schedule expression"):
        schedule.plan(dataclasses.replace(NIGHTLY, expression=expression), ())


def test_a_name_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="not the name of a schedule"):
        schedule.plan(dataclasses.replace(NIGHTLY, name="demo nightly"), ())


def test_names_begin_with_the_pipelines() -> None:
    assert schedule.full_name("demo", "nightly") == schedule.full_name("demo", "demo-nightly") == "demo-nightly"
