"""The arguments of steps that stand for no request of SageMaker's API: Fail, Lambda, Callback, Lineage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.definition_expressions import Scope, is_expression
from pipeline.definition_types import UNPARSABLE, Placed, Problem, error, warning

_LINEAGE: Final = ("Actions", "Artifacts", "Contexts", "Associations")
_TARGET: Final = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}


def own_argument_problems(step: Placed, scope: Scope) -> Iterator[Problem]:
    """What is wrong with the arguments of a step of one of these types."""
    match step.type:
        case "Fail":
            yield from _fail(step, scope)
        case "Lambda" | "Callback":
            yield from _external(step)
        case "Lineage":
            yield from _lineage(step)


def _fail(step: Placed, scope: Scope) -> Iterator[Problem]:
    yield from _unknown(step, ("ErrorMessage",))
    message, path = step.arguments.get("ErrorMessage"), f"{step.path}.Arguments.ErrorMessage"
    for problem in scope.text(message, path, of=step) if message is not None else ():
        # That a number is refused where a string belongs is on record for arguments of jobs only.
        yield warning(path, problem.message, problem.hint) if is_expression(message) else problem


def _external(step: Placed) -> Iterator[Problem]:
    """A function and a queue are told primitive values, each by its name."""
    if not step.step.get(target := _TARGET[step.type]):
        yield error(step.path, f"{UNPARSABLE} Missing required property '{target}'.")
    for name, value in step.arguments.items():
        if isinstance(value, dict | list) and not is_expression(value):
            path = f"{step.path}.Arguments.{name}"
            yield error(path, f"{UNPARSABLE} Expecting a primitive value or a function.", "pass it as JSON text")


def _lineage(step: Placed) -> Iterator[Problem]:
    yield from _unknown(step, _LINEAGE)
    if not any(name in step.arguments for name in _LINEAGE):
        yield error(f"{step.path}.Arguments", f"A Lineage step needs one of {', '.join(_LINEAGE)}.")


def _unknown(step: Placed, known: tuple[str, ...]) -> Iterator[Problem]:
    for name in step.arguments:
        if name not in known:
            yield error(f"{step.path}.Arguments.{name}", f"{UNPARSABLE} Unknown Argument member '{name}'")
