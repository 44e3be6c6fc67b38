"""The command line in this process, against a service of the test: code, output and errors of one command."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.cli import execute
from tests.support.authorization import VARIABLE
from tests.support.clients import environment_of
from tests.support.evaluated import BUCKET
from tests.support.service import LocalService


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Commands:
    """Runs commands for the pipeline of one name; nothing but the environment says where the service is."""

    def __init__(
        self, local: LocalService, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for variable, value in environment_of(local).items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv(VARIABLE, "engineer")
        self._settings = ["--set", f"name={name}", "--set", f"bucket={BUCKET}"]
        self._capsys = capsys

    def __call__(self, *arguments: str, settings: bool = True) -> Said:
        """Run `pipeline ARGUMENTS`."""
        code = execute([*arguments, *(self._settings if settings else [])])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)
