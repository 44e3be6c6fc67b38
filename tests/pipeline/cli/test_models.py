"""`pipeline models`: whole outputs against the service on localhost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.evaluated import BUCKET, evaluated
from tests.support.executions import run
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("models")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        name = evaluated(running, "demo")
        for accuracy in ("0.9", "0.95"):
            run(running, name, given={"Accuracy": accuracy})
        yield running


@pytest.fixture
def models(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(local, "demo", monkeypatch, capsys)


def lines(text: str) -> list[str]:
    return [" ".join(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line).split()) for line in text.splitlines()]


def test_the_versions_are_listed_compared_and_decided_on(models: Commands) -> None:
    assert lines(models("models", "list").out) == [
        "version status registered accuracy recall",
        "2 PendingManualApproval TIME 0.9500 0.7500",
        "1 PendingManualApproval TIME 0.9000 0.7500",
    ]
    assert lines(models("models", "compare", "1", "2").out) == [
        "figure version 1 version 2 difference",
        "accuracy 0.9000 0.9500 +0.0500",
        "recall 0.7500 0.7500 +0.0000",
        "",
        "parameter version 1 version 2",
        "Accuracy 0.9 0.95",
    ]
    approved = models("models", "approve", "2", "--remark", "good")
    assert approved.out == (
        "nothing will be released: there is no rule demo-release; `pipeline upsert` makes it\n"
        "approved arn:aws:sagemaker:us-east-1:123456789012:model-package/demo/2\n"
    )
    rejected = models("models", "reject", "1", "--reason", "worse")
    assert rejected.out == "rejected arn:aws:sagemaker:us-east-1:123456789012:model-package/demo/1\n"
    assert lines(models("models", "list").out)[1:] == [
        "2 Approved TIME 0.9500 0.7500 good",
        "1 Rejected TIME 0.9000 0.7500 worse",
    ]


def test_a_version_that_is_not_there_is_said(models: Commands) -> None:
    said = models("models", "approve", "9")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[1:] == [
        "error: the group demo has no version 9: its versions go to 2",
        f"hint: `pipeline models list --set name=demo --set bucket={BUCKET}` shows them",
    ]


def test_the_newest_version_is_the_latest(models: Commands) -> None:
    said = models("models", "approve", "latest")
    assert (said.code, said.out.splitlines()[-1].endswith("model-package/demo/2")) == (0, True)
    wrong = models("models", "approve", "newest")
    assert (wrong.code, wrong.err.splitlines()[1:]) == (
        1,
        ["error: 'newest' is no version", "hint: give its number, or `latest`"],
    )


def test_a_group_without_versions_says_so(models: Commands) -> None:
    said = models("models", "list", "--group", "nobody")
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[1].startswith("no versions in the group nobody")


def test_a_rejection_needs_a_reason(models: Commands) -> None:
    said = models("models", "reject", "1")
    assert said.code == 1
    assert "--reason" in said.err
