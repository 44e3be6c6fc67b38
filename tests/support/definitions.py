"""Definitions composed once a process, as composing takes seconds, and small ones written by hand for checks."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from pipeline.compose.definition_text import compose
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.definition.check import check
from tests.support.docs import ROOT

GOLDEN = Path(__file__).parents[1] / "golden" / "definition"
CODE = {path.stem: f"s3://bucket/prefix/code/{path.stem}" for path in sorted((ROOT / "scripts").glob("*.py"))}
_OWN = ("full", "rollout", "table", "sparse")
CASES = ("binary", "multiclass", "regression", *_OWN)


def settings(case: str) -> Settings:
    """The settings of a golden definition: a task's with all defaults, or its environment's own."""
    environment, task = (case, "binary") if case in _OWN else ("plain", case)
    return load(environment=environment, flags={"task": task}, variables={}, file=GOLDEN / "pipeline.toml")


@functools.cache
def composed(case: str) -> str:
    """The canonical definition of a case."""
    return compose(settings(case), code=CODE)


def definition(case: str = "binary") -> dict[str, Any]:
    """The golden definition of a case, free to be changed; a test of its own holds it to what is composed."""
    parsed: dict[str, Any] = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
    return parsed


def fail(name: str, **more: Any) -> dict[str, Any]:
    """The smallest of all steps."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "no"}, **more}


def processing(name: str = "Work", **more: Any) -> dict[str, Any]:
    """A processing step that the service takes; `more` are members of the step, or of its arguments if those
    are what they are called in the API."""
    arguments: dict[str, Any] = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        "AppSpecification": {"ImageUri": "image"},
        "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": "s3://b/out",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }
    arguments.update(more.pop("arguments", {}))
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}


def condition(name: str, conditions: list[Any], then: list[Any], otherwise: list[Any] | None = None) -> dict[str, Any]:
    """A condition step."""
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise or []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def of(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A definition of these steps."""
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": list(steps)}


PARAMETERS: list[dict[str, Any]] = [
    {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Text", "DefaultValue": "x"},
]


def with_arguments(*words: Any) -> dict[str, Any]:
    """A definition with one step, whose container has these arguments, and one parameter of each type."""
    specification = {"ImageUri": "image", "ContainerArguments": list(words)}
    step = processing(arguments={"AppSpecification": specification})
    return of(step, parameters=PARAMETERS)


def only_problem(given: dict[str, Any] | str) -> tuple[str, str, str]:
    """The one problem of a definition: its level, path and message."""
    found = check(given)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0].level, found[0].path, found[0].message


def equals(left: Any, right: Any) -> dict[str, Any]:
    """A condition that two operands are equal."""
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def write_golden_files() -> None:
    """Write the golden definitions anew: `make goldens` calls this and shows the difference."""
    for case in CASES:
        text = json.dumps(json.loads(composed(case)), indent=1, sort_keys=True)
        (GOLDEN / f"{case}.json").write_text(text + "\n")


if __name__ == "__main__":
    write_golden_files()
