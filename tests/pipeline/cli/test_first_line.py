"""What takes seconds says at once what it does: its first line comes before the libraries that take them are loaded.

Typer itself loads pydantic to read flags, so that one is loaded by then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

SLOW = ("boto3", "botocore", "matplotlib", "numpy", "pandas", "rich", "sagemaker", "sklearn")

# The command line itself, on streams that note what was loaded when the first line was written.
WATCHED = """
import json, sys
from pipeline.cli import execute

class Watched:
    def __init__(self, name): self.name = name
    def write(self, text):
        loaded = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
        print(json.dumps([self.name, text, loaded]), file=sys.__stdout__, flush=True)
        raise SystemExit
    def flush(self): pass
    def isatty(self): return False

sys.stdout, sys.stderr = Watched("out"), Watched("err")
execute(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("command", "stream", "said"),
    [
        (["run"], "out", "composing the pipeline and preparing SageMaker on this machine"),
        (["plan", "--json"], "err", "composing the pipeline to compare it with what is deployed"),
        pytest.param(
            ["upsert"], "err", "composing the pipeline to compare it with what is deployed", marks=pytest.mark.long
        ),
        pytest.param(
            ["upsert", "saved.json"], "err", "comparing saved.json with what is deployed", marks=pytest.mark.long
        ),
        pytest.param(["definition"], "err", "composing the pipeline", marks=pytest.mark.long),
        pytest.param(["graph"], "err", "composing the pipeline", marks=pytest.mark.long),
        (["inspect", "--data", "rows.csv"], "err", "reading rows.csv"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_slow_command_says_what_it_does_before_it_loads_what_is_slow(
    command: list[str], stream: str, said: str, tmp_path: Path
) -> None:
    code = [sys.executable, "-c", WATCHED, json.dumps(SLOW), *command]
    done = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE)
    name, text, loaded = json.loads(done.stdout.splitlines()[0])
    assert (name, text.rstrip("\n"), loaded) == (stream, said, [])
