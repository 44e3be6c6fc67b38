"""Arguments of steps that are no request to SageMaker's API, or stand beside one: Fail, Lambda, Callback and the like.

No shape of botocore's model says what they may hold, so it is written out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.definition.expression_values import is_expression
from pipeline.definition.properties import ANY, BOOLEAN
from pipeline.definition.references import CheckScope, unassignable
from pipeline.definition.step_types import UNPARSABLE, DefinitionProblem, Placed, error, warning

_LINEAGE: Final = ("Actions", "Artifacts", "Contexts", "Associations")
_CHECK_TYPES: Final = {
    "QualityCheck": ("DATA_QUALITY", "MODEL_QUALITY"),
    "ClarifyCheck": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
}
_TARGET: Final = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}


def own_argument_problems(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """What is wrong with the arguments of a step of one of these types."""
    match step.type:
        case "Fail":
            yield from _fail(step, scope)
        case "Lambda" | "Callback":
            yield from _external(step, scope)
        case "Lineage":
            yield from _lineage(step)
        case "Cleanup":
            yield from _cleanup(step, scope)
        case "QualityCheck" | "ClarifyCheck":
            yield from _check(step, scope)


def _fail(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    yield from _unknown(step, ("ErrorMessage",))
    message, path = step.arguments.get("ErrorMessage"), f"{step.path}.Arguments.ErrorMessage"
    for problem in scope.text(message, path, of=step) if message is not None else ():
        # That a number is refused where a string belongs is on record for arguments of jobs only.
        yield warning(path, problem.message, problem.hint) if is_expression(message) else problem


def _external(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """A function and a queue are told primitive values, each by its name."""
    if not (named := step.step.get(target := _TARGET[step.type])):
        yield error(step.path, f"{UNPARSABLE} Missing required property '{target}'.")
    elif step.type == "Callback" and is_expression(named):
        yield from scope.text(named, f"{step.path}.{target}", of=step)
    for name, value in step.arguments.items():
        if isinstance(value, dict | list) and not is_expression(value):
            path = f"{step.path}.Arguments.{name}"
            yield error(path, f"{UNPARSABLE} Expecting a primitive value or a function.", "pass it as JSON text")


def _lineage(step: Placed) -> Iterator[DefinitionProblem]:
    yield from _unknown(step, _LINEAGE)
    if not any(name in step.arguments for name in _LINEAGE):
        yield error(f"{step.path}.Arguments", f"A Lineage step needs one of {', '.join(_LINEAGE)}.")


def _cleanup(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """Sources are steps, each with the objects of it that are to be deleted."""
    yield from _unknown(step, ("Resources",))
    resources, path = step.arguments.get("Resources"), f"{step.path}.Arguments.Resources"
    if not isinstance(resources, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    sources = resources.get("S3")
    if not isinstance(sources, list) or not sources:
        yield error(f"{path}.S3", f"{UNPARSABLE} Expecting start of Json Array.", "it lists steps")
        return
    for index, source in enumerate(sources):
        name = source.get("StepName") if isinstance(source, dict) else None
        if not isinstance(name, str):
            yield error(f"{path}.S3[{index}]", f"{UNPARSABLE} Missing required property 'StepName'.")
        elif name not in scope.steps:
            yield error(f"{path}.S3[{index}]", f"Step [{name}] is referenced but not defined.")
        elif not isinstance(uris := source.get("S3Uris", []), list):
            yield error(f"{path}.S3[{index}].S3Uris", f"{UNPARSABLE} Expecting start of Json Array.")
        else:
            for uri in uris:
                yield from scope.text(uri, f"{path}.S3[{index}].S3Uris", of=step)


def _check(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """What is checked, and the flags that say how; the request of the job itself is checked as such."""
    known = _CHECK_TYPES[step.type]
    if (kind := step.step.get("CheckType")) not in known:
        yield error(f"{step.path}.CheckType", f"Unknown check type {kind!r}.", f"there are {', '.join(known)}")
    for name in ("SkipCheck", "FailOnViolation", "RegisterNewBaseline"):
        path = f"{step.path}.{name}"
        flag: Any = step.step.get(name)
        if is_expression(flag):
            found = scope.kind(flag, path, [], of=step)
            if found not in (BOOLEAN, ANY):
                yield unassignable(flag, found, BOOLEAN, path)
        elif not isinstance(flag, bool | None):
            yield error(path, f"{UNPARSABLE} Expecting a value of type [Boolean].")


def _unknown(step: Placed, known: tuple[str, ...]) -> Iterator[DefinitionProblem]:
    for name in step.arguments:
        if name not in known:
            yield error(f"{step.path}.Arguments.{name}", f"{UNPARSABLE} Unknown Argument member '{name}'")
