"""The workers of a run collect the tests each for itself, and stop if they differ."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]


def test_what_holds_a_time_or_is_no_short_text_is_called_by_the_name_of_its_parameter(
    request: pytest.FixtureRequest,
) -> None:
    """The workers of a run compare what they collect, but at the same moment."""
    config = request.config
    ids = {
        value: config.hook.pytest_make_parametrize_id(config=config, val=value, argname="body")
        for value in (gzip.compress(b"1,2"), "long " * 20)
    }
    assert set(ids.values()) == {"body"}
    assert config.hook.pytest_make_parametrize_id(config=config, val="short", argname="body") is None


@pytest.mark.long
def test_another_process_at_another_time_collects_the_same_ids(request: pytest.FixtureRequest) -> None:
    here = [item.nodeid for item in request.session.items]
    selection = [str(argument) for argument in request.config.args]
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-o", "addopts=--import-mode=importlib -q", *selection]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    there = set(done.stdout.splitlines())
    assert [node for node in here if node not in there] == []
