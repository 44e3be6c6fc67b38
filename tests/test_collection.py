"""The workers of a run collect the tests each for itself, and stop if they differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]


def test_another_process_at_another_time_collects_the_same_ids(request: pytest.FixtureRequest) -> None:
    here = [item.nodeid for item in request.session.items]
    selection = [str(argument) for argument in request.config.args]
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-o", "addopts=--import-mode=importlib -q", *selection]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    there = set(done.stdout.splitlines())
    assert [node for node in here if node not in there] == []
