"""The recipes of steps/README.md, followed in clones of the project by a program that does only what they say.

Those that go together are followed together, in two clones. The stories also run the checks, the goldens, the
pipeline's own tests and the pipeline to a validated endpoint in each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings_sources import load
from pipeline.definition.check import check
from pipeline.definition.step_types import steps
from tests.support.clone import clone, shell, touched
from tests.support.docs import ROOT

_PAGE = (ROOT / "steps" / "README.md").read_text(encoding="utf-8").partition("## Recipes")[2]


@dataclass(frozen=True)
class Recipe:
    """One section of the page."""

    title: str
    text: str

    def blocks(self, language: str) -> list[tuple[str, str]]:
        """First line and rest of each block."""
        found = re.findall(rf"^```{language}\n(.*?)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        return [(first, rest) for first, rest in found]

    @property
    def deleted(self) -> list[str]:
        """The files that it says to delete."""
        return re.findall(r"^Delete `(\S+)`", self.text, re.MULTILINE)

    @property
    def named(self) -> set[str]:
        """The files that it says to edit, write or delete."""
        edits = {first.removeprefix("+++ ") for first, _ in self.blocks("diff")}
        new = {first.removeprefix("# ") for first, _ in self.blocks("py")}
        return edits | new | set(self.deleted) | ({"pipeline.toml"} if self.blocks("toml") else set())

    def follow(self, project: Path) -> None:
        """Do what the recipe says, in its order: edits, new files, what is appended to the settings, deletions."""
        for first, rest in self.blocks("diff"):
            path = project / first.removeprefix("+++ ")
            path.write_text(edited(path.read_text(encoding="utf-8"), rest), encoding="utf-8")
        for first, rest in self.blocks("py"):
            (project / first.removeprefix("# ")).write_text(rest, encoding="utf-8")
        with (project / "pipeline.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"\n{first}\n{rest}" for first, rest in self.blocks("toml"))
        for name in self.deleted:
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
FOREST = [ALGORITHM, SERVERLESS]
"""Those that go with no other: linear-learner's hyperparameters are edited, and two variants have instances."""
SPIKY = "--env spiky"
LINEAR = [title for title in RECIPES if title not in FOREST]


def followed(project: Path, titles: Iterable[str]) -> Path:
    """A clone after these recipes, which touched what they name and nothing else."""
    clone(project)
    for title in titles:
        RECIPES[title].follow(project)
    assert touched(project) == set().union(*(RECIPES[title].named for title in titles))
    return project


def verified(project: Path, titles: Iterable[str]) -> str:
    """What comes after the recipes: goldens, checks, the pipeline's tests and a run, which touch goldens alone."""
    before = touched(project)
    shell(project, "make goldens")
    assert {name for name in touched(project) - before if not name.startswith("tests/golden/")} == set()
    shell(project, 'make check && make test-pipeline ARGS="-n 2"')
    said = shell(project, run_of(titles))
    assert "ValidateEndpoint   Succeeded" in said
    return said


def run_of(titles: Iterable[str]) -> str:
    """The lines of the recipe with data, where that was followed; else a first run."""
    if DATA not in titles:
        return f"pipeline run {SPIKY}"
    return "\n".join("\n".join(block) for block in RECIPES[DATA].blocks("sh"))


def composed(project: Path, flags: str = "") -> dict[str, Any]:
    """The definition that a clone composes, once its code lints."""
    shell(project, "ruff format --check steps scripts pipeline && ruff check steps scripts pipeline")
    definition: dict[str, Any] = json.loads(shell(project, f"python -m pipeline definition {flags}"))
    assert check(definition) == []
    return definition


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


def test_the_environment_of_the_recipe_is_one_of_the_settings(tmp_path: Path) -> None:
    toml = tmp_path / "pipeline.toml"
    toml.write_text("".join("\n".join(block) for block in RECIPES["An environment"].blocks("toml")), encoding="utf-8")
    found = load(environment="qa", variables={}, file=toml)
    assert (found.region, found.default("MinAccuracy")) == ("eu-west-1", "0.97")


@pytest.mark.parametrize("titles", [LINEAR, FOREST], ids=["linear", "forest"])
def test_recipes_fit_the_files_that_they_name(titles: list[str], tmp_path: Path) -> None:
    followed(tmp_path / "project", titles)


@pytest.mark.long
def test_own_data_gate_parameter_step_script_and_two_variants_run_to_an_endpoint(tmp_path: Path) -> None:
    project = followed(tmp_path / "project", LINEAR)
    assert "569" in verified(project, LINEAR)
    (text,) = (project / ".sagemaker" / "definitions").iterdir()
    definition = json.loads(text.read_bytes().partition(b"\n")[2])
    # A tenth of the 569 rows is the test set; its labels are counted by the step of the recipe.
    assert sum(json.loads(made(project, "counts/counts.json").read_text()).values()) == 57
    assert len(json.loads(made(project, "inspection/inspection.json").read_text())["features"]["names"]) == 30
    assert "f2" in made(project, "evaluation/gates.json").read_text()
    defaults = {item["Name"]: item["DefaultValue"] for item in definition["Parameters"]}
    assert (defaults["MinF2"], defaults["Optimizer"], defaults["LabelColumn"]) == (0.5, "auto", "target")
    arguments = steps_of(definition)
    assert "CountLabels" in arguments
    assert arguments["TrainModel"]["HyperParameters"]["optimizer"] == {"Get": "Parameters.Optimizer"}
    assert arguments["ConvertData"]["AppSpecification"]["ContainerEntrypoint"][-1] == "scripts.convert_categories"
    variants = arguments["ConfigureEndpoint"]["ProductionVariants"]
    assert {item["VariantName"]: item["InitialVariantWeight"] for item in variants} == {
        "AllTraffic": 0.9,
        "Canary": 0.1,
    }


@pytest.mark.long
def test_another_algorithm_runs_to_a_serverless_endpoint(tmp_path: Path) -> None:
    project = followed(tmp_path / "project", FOREST)
    verified(project, FOREST)
    arguments = steps_of(composed(project, SPIKY))
    (variant,) = arguments["ConfigureEndpoint"]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    channels = [channel["ChannelName"] for channel in arguments["TrainModel"]["InputDataConfig"]]
    assert channels == ["train", "validation", "test", "scripts"]
