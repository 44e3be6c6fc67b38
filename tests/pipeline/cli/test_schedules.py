"""`pipeline schedule`: whole outputs against the service on localhost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.executions import create, work
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("schedules")
    with local_service(folder) as running:
        create(running, work("Work"), name="demo")
        yield running


@pytest.fixture
def schedules(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(local, "demo", monkeypatch, capsys)


def test_a_schedule_is_planned_set_listed_and_removed(schedules: Commands) -> None:
    arguments = ("schedule", "set", "nightly", "cron(0 6 * * ? *)", "--param", "Epochs=3")
    created = "+ schedule demo-nightly: cron(0 6 * * ? *) UTC, Epochs=3\n"
    assert schedules(*arguments, "--plan").out == created
    said = schedules(*arguments)
    assert said.out == created
    assert said.err.splitlines()[1:] == ["on localhost it becomes due while the service runs, and is gone with it"]
    assert schedules(*arguments).out == "nothing to do: the schedule is already as asked\n"
    listed = schedules("schedule", "list").out.splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["demo-nightly", "cron(0", "6", "*", "*", "?", "*)", "UTC", "on", "Epochs=3"]
    ]
    assert schedules("schedule", "remove", "nightly").out == "- schedule demo-nightly\n"
    none = schedules("schedule", "list")
    assert (none.out, none.err.splitlines()[1].startswith("no schedules: `pipeline schedule set ")) == ("", True)


def test_what_cannot_be_is_said_and_nothing_made(schedules: Commands) -> None:
    wrong = schedules("schedule", "set", "nightly", "every day")
    assert (wrong.code, wrong.err.splitlines()[1]) == (1, "error: 'every day' is not a schedule expression")
    unknown = schedules("schedule", "set", "nightly", "rate(1 day)", "--param", "Epoch=3")
    assert (unknown.code, "Epochs" in unknown.err) == (1, True)
    missing = schedules("schedule", "remove", "nightly")
    assert missing.err.splitlines()[1:] == ["error: there is no schedule demo-nightly", "hint: there are: none"]
    zone = schedules("schedule", "set", "nightly", "cron(0 6 * * ? *)", "--timezone", "Europe/Berlinn")
    assert zone.err.splitlines()[1:] == [
        "error: 'Europe/Berlinn' is not a time zone",
        "hint: did you mean Europe/Berlin?",
    ]
    assert schedules("schedule", "list").out == ""


def test_a_pipeline_that_is_not_there_gets_no_schedule_and_none_is_announced(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Commands(local, "nowhere", monkeypatch, capsys)("schedule", "set", "nightly", "rate(1 day)")
    assert (said.code, said.out) == (1, "")
    assert "`pipeline upsert --set name=nowhere" in said.err
