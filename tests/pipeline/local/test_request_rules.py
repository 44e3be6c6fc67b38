"""Rules between members: what AWS refuses is refused, what it takes is taken."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.local.errors import ValidationException
from pipeline.local.request_rules import RULES, check

PATH = "/opt/ml/processing/in"


def processing(*names: str, outputs: tuple[str, ...] = (), paths: tuple[str, ...] = ()) -> dict[str, Any]:
    places = paths or tuple(f"{PATH}/{number}" for number, _ in enumerate(names))
    return {
        "ProcessingInputs": [
            {"InputName": name, "S3Input": {"LocalPath": path}} for name, path in zip(names, places, strict=True)
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": name} for name in outputs]},
    }


def training(spot: bool, **stopping: int) -> dict[str, Any]:
    return {"EnableManagedSpotTraining": spot, "StoppingCondition": stopping}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateProcessingJob", {}),
        ("CreateProcessingJob", processing("a", "b", outputs=("c",))),
        ("CreateTrainingJob", training(False, MaxRuntimeInSeconds=60)),
        ("CreateTrainingJob", training(True, MaxRuntimeInSeconds=60, MaxWaitTimeInSeconds=60)),
    ],
    ids=str,
)
def test_what_is_taken(operation: str, request_: dict[str, Any]) -> None:
    check(operation, request_)


@pytest.mark.parametrize(
    ("operation", "request_", "words"),
    [
        ("CreateProcessingJob", processing("a", "a"), "names .* 'a' is given more than once"),
        ("CreateProcessingJob", processing("a", outputs=("a",)), "names .* 'a' is given more than once"),
        ("CreateProcessingJob", processing(outputs=("b", "b")), "names .* 'b' is given more than once"),
        ("CreateProcessingJob", processing("a", "b", paths=(PATH, PATH + "/")), "LocalPath of each"),
        ("CreateTrainingJob", training(False, MaxWaitTimeInSeconds=60), "cannot be given unless"),
        ("CreateTrainingJob", training(True, MaxRuntimeInSeconds=60), "is required if"),
        ("CreateTrainingJob", training(True, MaxWaitTimeInSeconds=60), "greater than or equal"),
    ],
    ids=str,
)
def test_what_is_refused(operation: str, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationException, match=words):
        check(operation, request_)


def test_every_rule_has_a_source() -> None:
    assert all(rule.source == "report" or rule.source.startswith("https://docs.aws.amazon.com/") for rule in RULES)
