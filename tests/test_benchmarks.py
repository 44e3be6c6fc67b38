"""Every benchmark still runs to its end on what it measures; what it says is for people, and asserted nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "tests" / "benchmarks").glob("bench_*.py"))
BRIEF = {
    "bench_convert": ["--rows", "5000", "--mixed", "5000", "--sparse", "5000"],
    "bench_recordio": ["--rows", "5000"],
    "bench_tables": ["--only", "cancer", "--splits", "1"],
    "bench_training": ["--brief"],
}


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_ends_and_says_its_figures(name: str) -> None:
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *BRIEF.get(name, [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert any(character.isdigit() for character in done.stdout)
