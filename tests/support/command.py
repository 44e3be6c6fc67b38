"""The command `pipeline` as a process, as a user runs it: nothing of the test's own environment leaks in.

`Here` runs it in the process of the test instead, for what a process of its own would not prove better: without the
imports, which are most of what a short command does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from pipeline.cli import execute
from tests.support.waiting import PATIENCE

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def pipeline(
    *arguments: str, folder: Path, environ: Mapping[str, str] | None = None, timeout: float = PATIENCE
) -> Ended:
    """Run `pipeline ARGUMENTS` in a folder."""
    done = subprocess.run(
        _command(arguments),
        cwd=folder,
        env={**_environ(), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class Here:
    """Runs `pipeline ARGUMENTS` in a folder and in this process; what it starts are processes all the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("COLUMNS", "120")
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, folder: Path) -> Ended:
        """Run one command."""
        self._monkeypatch.chdir(folder)
        self._capsys.readouterr()
        code = execute(list(arguments))
        said = self._capsys.readouterr()
        return Ended(code, said.out, said.err)


def started(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Start `pipeline ARGUMENTS` in a folder; its output can be read while it runs."""
    return subprocess.Popen(
        _command(arguments),
        cwd=folder,
        env=_environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pipeline", *arguments]


def _environ() -> dict[str, str]:
    return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, "COLUMNS": "120"}
