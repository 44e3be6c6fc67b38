"""The README tells the truth: its tables are those of the code, and what it tells a reader to type works as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import docs
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
TEXT = docs.README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


MAKE, *SHELL = blocks("sh")


@pytest.mark.parametrize("name", sorted(docs.parts()))
def test_a_table_is_that_of_the_code(name: str) -> None:
    assert f"<!-- {name} -->\n{docs.parts()[name]}\n<!-- /{name} -->" in TEXT, "run `make docs`"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", TEXT)) <= targets


def test_every_command_that_is_named_exists() -> None:
    known = {line.split("`")[1] for line in docs.commands().splitlines() if "`" in line}
    named = re.findall(r"(?:^|`|\.venv/bin/)(pipeline (?:local |models |schedule )?[a-z]+)", TEXT, re.MULTILINE)
    assert set(named) - {"pipeline local"} <= known


def test_the_first_block_is_the_two_commands() -> None:
    assert re.findall(r"^make (\w+)", MAKE, re.MULTILINE) == ["run", "test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("readme")
    shutil.copy(ROOT / "pipeline.toml", made)
    yield made
    subprocess.run([sys.executable, "-m", "pipeline", "local", "stop"], cwd=made, check=True, capture_output=True)


def test_what_a_reader_types_works_as_written(folder: Path) -> None:
    """All shell and Python blocks after the first, in one shell, in their order; it stops at the first failure."""
    script = ["set -euo pipefail", *SHELL]
    for number, block in enumerate(blocks("python")):
        path = folder / f"block{number}.py"
        path.write_text(block, encoding="utf-8")
        script.append(f"python {path.name}")
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**own, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '{"predictions": [{"score":' in done.stdout
    assert "pipeline/by-the-sdk/execution/" in done.stdout
