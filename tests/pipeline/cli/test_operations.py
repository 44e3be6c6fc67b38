"""predict, policy and clean on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import run
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("operations")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def demo(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(local, "demo", monkeypatch, capsys)


@pytest.mark.long
def test_clean_lists_asks_and_removes(demo: Commands, local: LocalService) -> None:
    first = run(local, evaluated(local, "demo"))["PipelineExecutionArn"][-12:]
    demo("models", "approve", "1")
    second = run(local, "demo")["PipelineExecutionArn"][-12:]
    listed = [" ".join(line.split()) for line in demo("clean").out.splitlines()]
    assert listed[1:] == [
        "model package demo/1 0 min it is approved",
        "model package demo/2 0 min",
        f"execution files {first} 0 min the model package demo/1 needs it",
        f"execution files {second} 0 min the model package demo/2 needs it",
        "pipeline demo 0 min goes by name only",
        "model package group demo 0 min the model package demo/1 needs it",
        "remove by name, or by age: --older-than 30d",
    ]
    asked = demo("clean", "--older-than", "0d")
    assert asked.code == 1
    assert asked.err.splitlines()[1:] == [
        "error: nothing was removed: there is no terminal to ask on",
        "hint: give --yes",
    ]
    named = demo("clean", "demo/2")
    assert [" ".join(line.split()) for line in named.out.splitlines()] == ["- model package demo/2, 0 min"]
    removed = demo("clean", "demo/2", second, "--yes")
    assert (removed.code, removed.out.splitlines()[-1]) == (0, "removed 2")
    assert removed.err.splitlines()[1:] == ["removing model package demo/2", f"removing execution files {second}"]
    assert demo("clean", "--older-than", "0d", "--yes").out.splitlines()[-1] == "nothing to remove"


def test_clean_refuses_what_is_needed_or_not_there(demo: Commands, local: LocalService) -> None:
    wrong = demo("clean", "nowhere", "--yes")
    assert (wrong.code, wrong.err.splitlines()[1]) == (1, "error: 'nowhere' was not made by this pipeline")
    age = demo("clean", "--older-than", "soon")
    assert (age.code, age.err.splitlines()[0]) == (1, "error: 'soon' is not an age")


def test_predict_says_that_there_is_no_endpoint(demo: Commands, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    said = demo("predict", "rows.csv", "--endpoint", "nowhere")
    assert said.code == 1
    assert "nowhere" in said.err
    assert said.err.splitlines()[2].startswith("hint: `pipeline start --param Deploy=true --set name=demo")
    missing = demo("predict", "nowhere.csv")
    assert (missing.code, missing.err.splitlines()[1]) == (1, "error: there is no file nowhere.csv")


def test_trust_is_printed_as_iam_takes_it(demo: Commands) -> None:
    document = json.loads(demo("policy", "ci", "--trust", "--repository", "owner/name").out)
    assert document["Statement"][0]["Action"] == "sts:AssumeRoleWithWebIdentity"
    wrong = demo("policy", "everybody", "--trust")
    assert (wrong.code, wrong.err.splitlines()[0]) == (1, "error: there is no policy for everybody")
