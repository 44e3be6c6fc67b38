"""The recipes of steps/README.md, followed in a copy of the project by a program that does only what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.docs import ROOT
from tests.support.waiting import PATIENCE

RECIPES = (ROOT / "steps" / "README.md").read_text(encoding="utf-8").partition("## Recipes")[2]


def blocks(language: str) -> list[tuple[str, str]]:
    """First line and rest of each block."""
    found = re.findall(rf"^```{language}\n(.*?)\n(.*?)^```$", RECIPES, re.MULTILINE | re.DOTALL)
    return [(first, rest) for first, rest in found]


def edit(text: str, hunk: str) -> str:
    """The text after one hunk of a diff, whose place must be the only one of its kind."""
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"found {text.count(before)} times: {before}"
    return text.replace(before, after)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after all recipes."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in ("pipeline", "steps", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pipeline.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for first, rest in blocks("diff"):
        path = folder / first.removeprefix("+++ ")
        path.write_text(edit(path.read_text(encoding="utf-8"), rest), encoding="utf-8")
    for first, rest in blocks("py"):
        path = folder / first.removeprefix("# ")
        assert not path.exists()
        path.write_text(rest, encoding="utf-8")
    with (folder / "pipeline.toml").open("a", encoding="utf-8") as file:
        file.writelines(f"\n{first}\n{rest}" for first, rest in blocks("toml"))
    return folder


def run(project: Path, *arguments: str) -> str:
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "PATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env=own,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def definition(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(project, "pipeline", "definition", "--env", "qa"))
    return found


def test_parameters_gate_and_environment_are_in_the_definition(definition: dict[str, Any]) -> None:
    defaults = {item["Name"]: item["DefaultValue"] for item in definition["Parameters"]}
    assert (defaults["MinF2"], defaults["Optimizer"], defaults["MinAccuracy"]) == (0.5, "auto", 0.97)
    steps = {step["Name"]: step for step in definition["Steps"]}
    assert steps["TrainModel"]["Arguments"]["HyperParameters"]["optimizer"] == {"Get": "Parameters.Optimizer"}
    gated = [item["LeftValue"]["Std:JsonGet"]["Path"] for item in steps["CheckMetrics"]["Arguments"]["Conditions"]]
    assert gated[-1] == "binary_classification_metrics.f2.value"


def test_the_step_is_in_the_definition_and_its_script_runs(
    project: Path, definition: dict[str, Any], tmp_path: Path
) -> None:
    step = next(step for step in definition["Steps"] if step["Name"] == "CountLabels")
    specification = step["Arguments"]["AppSpecification"]
    assert specification["ContainerEntrypoint"] == ["python3", "-m", "scripts.count_labels"]
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "labels.csv").write_text("0\n1\n1\n")
    given = {"labels": tmp_path / "labels", "output": tmp_path / "counts", "message": tmp_path / "message"}
    options = specification["ContainerArguments"][::2]
    run(project, "scripts.count_labels", *(word for name in options for word in (name, str(given[name[2:]]))))
    assert json.loads((tmp_path / "counts" / "counts.json").read_text()) == {"0": 1, "1": 2}


def test_what_the_recipes_leave_passes_the_linter(project: Path) -> None:
    run(project, "ruff", "format", "--check", "steps", "scripts", "pipeline/compose", "pipeline/config")
    run(project, "ruff", "check", "steps", "scripts", "pipeline/compose", "pipeline/config")
