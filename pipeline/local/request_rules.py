"""Rules between the members of a request, which botocore's model cannot express: one table, a row each with its source.

They are looked at after the model and before the action, so an action may take them for granted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pipeline.local.errors import ValidationException

Body = dict[str, Any]

_API: Final = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/"
_SPOT: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html"


@dataclass(frozen=True)
class Rule:
    """What must hold of a request to one action."""

    operation: str
    problems: Callable[[Body], Iterator[str]]
    """A text for each way in which a request breaks it."""
    source: str
    """Where AWS says so, or `report` for what was seen of the service."""


def check(operation: str, request: Body) -> None:
    """Raise ValidationException for the first rule that a request breaks."""
    for rule in RULES:
        if rule.operation == operation:
            for problem in rule.problems(request):
                raise ValidationException(problem)


def _processing_names(request: Body) -> Iterator[str]:
    names = [given["InputName"] for given in request.get("ProcessingInputs", [])]
    names += [given["OutputName"] for given in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    for name in _twice(names):
        yield f"The names of ProcessingInputs and ProcessingOutputs must be unique; {name!r} is given more than once."


def _processing_paths(request: Body) -> Iterator[str]:
    given = request.get("ProcessingInputs", [])
    paths = [one["S3Input"]["LocalPath"] for one in given if one.get("S3Input", {}).get("LocalPath")]
    for path in _twice(path.rstrip("/") for path in paths):
        yield f"The LocalPath of each of ProcessingInputs must be unique; {path!r} is given more than once."


def _wait_without_spot(request: Body) -> Iterator[str]:
    if "MaxWaitTimeInSeconds" in request.get("StoppingCondition", {}) and not request.get("EnableManagedSpotTraining"):
        yield "MaxWaitTimeInSeconds cannot be given unless EnableManagedSpotTraining is true."


def _wait_with_spot(request: Body) -> Iterator[str]:
    stopping = request.get("StoppingCondition", {})
    most = stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        return
    if most is None:
        yield "MaxWaitTimeInSeconds is required if EnableManagedSpotTraining is true."
    elif most < stopping.get("MaxRuntimeInSeconds", 86_400):
        yield "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"


def _twice(names: Iterable[str]) -> list[str]:
    seen = list(names)
    return sorted({name for name in seen if seen.count(name) > 1})


RULES: Final = (
    Rule("CreateProcessingJob", _processing_names, "report"),
    Rule("CreateProcessingJob", _processing_paths, "report"),
    Rule("CreateTrainingJob", _wait_without_spot, _SPOT),
    Rule("CreateTrainingJob", _wait_with_spot, _API + "API_StoppingCondition.html"),
)
