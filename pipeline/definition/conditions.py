"""The form of a Condition step: its conditions, each with its type and its operands.

What stands in the branches is checked step by step like any other; here it is only the comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.definition.expression_values import is_expression
from pipeline.definition.step_types import UNPARSABLE, DefinitionProblem, Placed, error

_BINARY: Final = frozenset(
    {"Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo", "NotEquals"}
)
_CONDITION_KEYS: Final = {
    **{kind: ("LeftValue", "RightValue") for kind in _BINARY},
    "In": ("QueryValue", "Values"),
    "NotIn": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}


def condition_problems(step: Placed) -> Iterator[DefinitionProblem]:
    """What is wrong with the arguments of a Condition step, apart from the steps in its branches."""
    for name in step.arguments.keys() - {"Conditions", "IfSteps", "ElseSteps"}:
        yield error(step.path, f"{UNPARSABLE} Unknown Argument member '{name}'")
    conditions = step.arguments.get("Conditions", [])
    if not isinstance(conditions, list):
        yield error(f"{step.path}.Arguments.Conditions", f"{UNPARSABLE} Expecting start of Json Array.")
        return
    for index, condition in enumerate(conditions):
        yield from _condition(condition, f"{step.path}.Arguments.Conditions[{index}]")


def _condition(condition: Any, path: str) -> Iterator[DefinitionProblem]:
    if not isinstance(condition, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    members = _CONDITION_KEYS.get(str(condition.get("Type")))
    if members is None:
        known = ", ".join(sorted(_CONDITION_KEYS))
        yield error(path, f"{UNPARSABLE} Unknown condition type {condition.get('Type')!r}.", f"there are {known}")
        return
    for name in condition.keys() - {"Type", *members}:
        yield error(path, f"{UNPARSABLE} Cannot parse object, unknown property '{name}'.")
    for name in members:
        if condition.get(name) is None:
            yield error(path, f"{UNPARSABLE} Missing required property '{name}'.")
        else:
            yield from _operand(name, condition[name], f"{path}.{name}")


def _operand(name: str, value: Any, path: str) -> Iterator[DefinitionProblem]:
    if name == "Condition":
        yield from _condition(value, path)
    elif name in ("Conditions", "Values"):
        if not isinstance(value, list):
            yield error(path, f"{UNPARSABLE} Expecting start of Json Array.")
            return
        for index, item in enumerate(value):
            yield from _operand("Condition" if name == "Conditions" else "", item, f"{path}[{index}]")
    elif isinstance(value, (dict, list)) and not is_expression(value):
        yield error(path, f"{UNPARSABLE} Expecting a primitive value or a function.")
