"""The workflows run nothing but make's targets and the command's own commands, with flags that there are."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import command_lines
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMMAND = ".venv/bin/pipeline"


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in document(path)["jobs"].values():
        yield from job["steps"]


def lines(path: Path) -> list[str]:
    return [line for step in steps(path) for line in step.get("run", "").splitlines() if line.strip()]


RUN_LINES = [pytest.param(line, id=f"{path.stem}: {line[:60]}") for path in WORKFLOWS for line in lines(path)]


def named(name: str) -> Path:
    return ROOT / ".github" / "workflows" / f"{name}.yml"


def test_there_are_workflows_for_checks_for_pull_requests_for_main_and_by_hand() -> None:
    assert [path.name for path in WORKFLOWS] == ["checks.yml", "deploy.yml", "pull-request.yml", "start.yml"]
    # YAML 1.1 takes the key `on` for a truth value.
    triggers = {path.name: document(path)[True] for path in WORKFLOWS}  # type: ignore[index]
    assert "pull_request" in triggers["pull-request.yml"]
    assert triggers["checks.yml"] == {"pull_request": None, "push": {"branches": ["main"]}}
    assert triggers["deploy.yml"] == {"push": {"branches": ["main"]}}
    assert "workflow_dispatch" in triggers["start.yml"]


@pytest.mark.parametrize("line", RUN_LINES)
def test_each_line_is_a_target_or_a_command_that_there_is(line: str) -> None:
    assert command_lines.unknown(line) == set()


def test_pull_requests_need_no_secret_and_no_account() -> None:
    for name in ("checks", "pull-request"):
        text = named(name).read_text(encoding="utf-8")
        assert "secrets." not in text and "vars." not in text and "id-token" not in text
    assert document(named("checks"))["permissions"] == {"contents": "read"}
    assert document(named("pull-request"))["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_every_supported_python_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = document(named("checks"))["jobs"]["checks"]["strategy"]["matrix"]["python"]
    assert pythons[0] == (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert project["requires-python"].startswith(f">={pythons[0]}.")
    assert [f"Programming Language :: Python :: {python}" for python in pythons] == [
        line for line in project["classifiers"] if "Python :: 3." in line
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used and [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_the_forms_for_issues_are_well_formed() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [path.stem for path in forms] == ["bug", "idea"]
    for form in map(document, forms):
        assert {"name", "description", "body"} <= set(form)
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len(set(ids))


def test_hooks_before_a_commit_fetch_nothing_and_call_what_there_is() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in hooks[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].split()[0].replace(".venv/bin", "$(BIN)") in makefile
    validated = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    subprocess.run(validated, check=True, timeout=PATIENCE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_others_write_is_never_part_of_a_script(path: Path) -> None:
    scripts = [step.get("run", "") + str(step.get("with", {}).get("script", "")) for step in steps(path)]
    assert not any("${{" in script for script in scripts)


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"PARAMETERS": "", "FROM": "", "NAME": ""}, []),
        ({"PARAMETERS": "Epochs=3 MinAuc=0.9"}, ["--param", "Epochs=3", "--param", "MinAuc=0.9"]),
        ({"FROM": "TrainModel", "NAME": "by hand"}, ["--from", "TrainModel", "--name", "by hand"]),
        ({"PARAMETERS": "A=$(touch x);touch x"}, ["--param", "A=$(touch", "--param", "x);touch", "--param", "x"]),
        ({"PARAMETERS": "A=*"}, ["--param", "A=*"]),
    ],
    ids=["nothing", "parameters", "step and name", "no code", "no files"],
)
def test_what_is_typed_in_reaches_start_as_flags(
    tmp_path: Path, variables: dict[str, str], arguments: list[str]
) -> None:
    stub = tmp_path / COMMAND
    stub.parent.mkdir(parents=True)
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    stub.chmod(0o755)
    (tmp_path / "A=file").touch()
    step = next(step for step in steps(named("start")) if " start " in step.get("run", ""))
    (tmp_path / "line").write_text(step["run"], encoding="utf-8")
    shell = step["shell"].format("line").split()
    done = subprocess.run(shell, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["start", "--follow", "--logs", "--timeout", "3300", *arguments]
    assert not (tmp_path / "x").exists()
