"""What `--help` shows on a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest

from pipeline.cli import execute
from pipeline.errors import UsageError
from pipeline.local.faults import InjectedFaults
from tests.support.docs import ROOT
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize("group", [[], ["local"], ["models"], ["endpoint"], ["schedule"]])
def test_no_command_is_described_in_half_a_sentence(
    group: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert execute([*group, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: pipeline ")
    assert "..." not in shown.replace("[ARGS]...", "")


def test_every_kind_of_fault_is_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert execute(["local", "start", "--help"]) == 0
    shown = re.sub(r"\s", "", capsys.readouterr().out)
    with pytest.raises(UsageError) as known:
        InjectedFaults.parse(["none"])
    kinds = re.findall(r"[a-z-]+(?::[A-Z]+)?=[A-Z]+", known.value.hint)
    assert len(kinds) == 8 and [kind for kind in kinds if kind not in shown] == []


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out == f"{project['version']}\n"


def test_a_shell_completes_commands_and_flags() -> None:
    command = [sys.executable, "-c", "import sys; from pipeline.__main__ import main; sys.argv = ['pipeline']; main()"]
    asked = {**os.environ, "_PIPELINE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "pipeline models "}
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert all(f'"{name}"' in done.stdout for name in ("approve", "compare", "list", "reject"))
