"""Files of others, changed at random, end in a result or an error of the reader: no crash, no hang, nothing outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile import READERS
from tests.support.torture import length

ROOT = Path(__file__).parents[2]
BRIEF = {"pickle", "recordio", "tar"}


@pytest.mark.torture
@pytest.mark.parametrize(
    "reader", [pytest.param(name, marks=() if name in BRIEF else pytest.mark.long) for name in READERS]
)
def test_a_reader_bears_any_file(reader: str, tmp_path: Path) -> None:
    for seed in range(length(1, 8)):
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "tests.support.hostile",
            reader,
            str(seed),
            str(length(150, 5000)),
        ]
        environment = {**os.environ, "TMPDIR": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"seed {seed}: exit code {done.returncode}\n{done.stdout}{done.stderr[-2000:]}"
