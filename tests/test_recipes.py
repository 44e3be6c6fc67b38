"""The recipes of steps/README.md, followed in copies of the project by a program that does only what they say.

Those that go together are followed together: one copy runs to a validated endpoint, the other composes and its scripts
train and serve.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.settings import load
from pipeline.definition.check import check, steps
from scripts.recordio import encode_dense
from tests.support.docs import ROOT
from tests.support.waiting import PATIENCE

_PAGE = (ROOT / "steps" / "README.md").read_text(encoding="utf-8").partition("## Recipes")[2]


_TESTS = ("tests/steps/test_algorithm.py", "tests/pipeline/config/test_rollout.py", "tests/support/definitions.py")
"""What of the tests a recipe edits."""


@dataclass(frozen=True)
class Recipe:
    """One section of the page."""

    title: str
    text: str

    def blocks(self, language: str) -> list[tuple[str, str]]:
        """First line and rest of each block."""
        found = re.findall(rf"^```{language}\n(.*?)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        return [(first, rest) for first, rest in found]

    def follow(self, project: Path) -> None:
        """Do what the recipe says, in its order: edits, new files, what is appended to the settings, deletions."""
        for first, rest in self.blocks("diff"):
            path = project / first.removeprefix("+++ ")
            path.write_text(edited(path.read_text(encoding="utf-8"), rest), encoding="utf-8")
        for first, rest in self.blocks("py"):
            (project / first.removeprefix("# ")).write_text(rest, encoding="utf-8")
        with (project / "pipeline.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"\n{first}\n{rest}" for first, rest in self.blocks("toml"))
        for name in re.findall(r"^Delete `(\S+)`", self.text, re.MULTILINE):
            (project / name).unlink()


def edited(text: str, hunk: str) -> str:
    """The text after one hunk of a diff, whose place must be the only one of its kind."""
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, f"found {text.count(before)} times: {before}"
    return text.replace(before, after)


RECIPES = {title: Recipe(title, text) for title, text in re.findall(r"^### (.*)\n((?:(?!^### ).*\n)*)", _PAGE, re.M)}
DATA, ALGORITHM, SERVERLESS = "Another data set", "Another algorithm", "A serverless endpoint"
COMPOSED = [ALGORITHM, SERVERLESS]
"""Those that edit what others edit too: linear-learner's hyperparameters, the instances of the endpoint."""
RUN = [title for title in RECIPES if title not in COMPOSED]


def followed(project: Path, titles: list[str]) -> Path:
    """A copy of the project after these recipes."""
    for name in ("pipeline", "steps", "scripts"):
        # With the compiled files, which stay valid as the times are copied too.
        shutil.copytree(ROOT / name, project / name)
    for name in ("pipeline.toml", "pyproject.toml", *_TESTS):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    for title in titles:
        RECIPES[title].follow(project)
    return project


def shell(project: Path, script: str) -> str:
    """What a script writes that is run in the project, by the programs of this environment and the project's code."""
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project,
        env={
            **own,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(project),
        },
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lint(project: Path) -> None:
    shell(project, "ruff format --check steps scripts pipeline/compose pipeline/config")
    shell(project, "ruff check steps scripts pipeline/compose pipeline/config")


def run_of(titles: list[str]) -> str:
    """The lines of the recipe with data, where that was followed; else a first run."""
    if DATA not in titles:
        return "pipeline run"
    return "\n".join("\n".join(block) for block in RECIPES[DATA].blocks("sh"))


def made(project: Path, name: str) -> Path:
    (found,) = project.glob(f".sagemaker/executions/*/{name}")
    return found


def steps_of(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: step.arguments for name, step in steps(definition).items()}


def test_there_is_a_recipe_for_each_thing_that_an_adopter_changes() -> None:
    assert set(RECIPES) >= {
        "An environment",
        DATA,
        "A gate metric",
        "A parameter",
        "A step, with a script of your own",
        "Your own script in place of ours",
        ALGORITHM,
        SERVERLESS,
        "Two variants",
    }


def test_own_data_gate_parameter_step_script_and_two_variants_run_to_a_validated_endpoint(tmp_path: Path) -> None:
    project = followed(tmp_path / "project", RUN)
    lint(project)
    said = shell(project, run_of(RUN))
    assert "569" in said and "ValidateEndpoint   Succeeded" in said
    (text,) = (project / ".sagemaker" / "definitions").iterdir()
    definition = json.loads(text.read_bytes().partition(b"\n")[2])
    defaults = {item["Name"]: item["DefaultValue"] for item in definition["Parameters"]}
    assert (defaults["MinF2"], defaults["Optimizer"], defaults["LabelColumn"]) == (0.5, "auto", "target")
    arguments = steps_of(definition)
    assert arguments["TrainModel"]["HyperParameters"]["optimizer"] == {"Get": "Parameters.Optimizer"}
    assert arguments["ConvertData"]["AppSpecification"]["ContainerEntrypoint"][-1] == "scripts.convert_categories"
    variants = arguments["ConfigureEndpoint"]["ProductionVariants"]
    assert {item["VariantName"]: item["InitialVariantWeight"] for item in variants} == {
        "AllTraffic": 0.9,
        "Canary": 0.1,
    }
    # A tenth of the 569 rows is the test set; its labels are counted by the step of the recipe.
    assert sum(json.loads(made(project, "counts/counts.json").read_text()).values()) == 57
    assert len(json.loads(made(project, "inspection/inspection.json").read_text())["features"]["names"]) == 30
    assert "f2" in made(project, "evaluation/gates.json").read_text()


def test_the_environment_of_the_recipe_is_one_of_the_settings(tmp_path: Path) -> None:
    project = followed(tmp_path / "project", ["An environment"])
    found = load(environment="qa", variables={}, file=project / "pipeline.toml")
    assert (found.region, found.default("MinAccuracy")) == ("eu-west-1", "0.97")


def test_another_algorithm_and_a_serverless_endpoint_compose_and_its_scripts_train_and_serve(tmp_path: Path) -> None:
    project = followed(tmp_path / "project", COMPOSED)
    lint(project)
    definition = json.loads(shell(project, "python -m pipeline definition"))
    assert check(definition) == []
    arguments = steps_of(definition)
    assert arguments["ConfigureEndpoint"]["ProductionVariants"][0]["ServerlessConfig"] == {
        "MemorySizeInMB": {"Get": "Parameters.EndpointMemory"},
        "MaxConcurrency": {"Get": "Parameters.EndpointConcurrency"},
    }
    channels = [channel["ChannelName"] for channel in arguments["TrainModel"]["InputDataConfig"]]
    assert channels == ["train", "validation", "test", "scripts"]
    variables = arguments["CreateModel"]["PrimaryContainer"]["Environment"]
    (project / "train").mkdir()
    rows = np.random.default_rng(0).random((200, 3), np.float32)
    labels = (rows[:, 1] > 0.5).astype(np.float32)
    (project / "train" / "part").write_bytes(encode_dense(rows, labels))
    trained = "SM_CHANNEL_TRAIN=train SM_MODEL_DIR=. python -m scripts.train_forest --task binary_classifier --trees 10"
    served = (
        f"import sys; sys.path.insert(0, 'code'); import {variables['SAGEMAKER_PROGRAM'].removesuffix('.py')} as serve;"
        "print(*serve.transform_fn(serve.model_fn('.'), '0,0.9,0\\n0,0.1,0\\n', 'text/csv', 'any'), sep='\\n')"
    )
    first, second, kind = shell(project, f'{trained} && python -c "{served}"').splitlines()
    assert (json.loads(first)["predicted_label"], json.loads(second)["predicted_label"]) == (1, 0)
    assert json.loads(first)["score"] > 0.5 > json.loads(second)["score"]
    assert kind == "application/jsonlines"
