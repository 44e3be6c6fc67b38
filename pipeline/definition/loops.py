"""ForEach steps: their form, their items, and the steps of one iteration.

The steps of a body are checked like others; what is particular to them is what they may refer to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError, is_expression, referenced_step
from pipeline.definition.properties import BOOLEAN, FLOAT, INTEGER, STRING
from pipeline.definition.references import CheckScope, unassignable
from pipeline.definition.step_types import UNPARSABLE, DefinitionProblem, Placed, Step, error

MOST_AT_ONCE: Final = 50
MOST_LITERAL_ITEMS: Final = 100

_MEMBERS: Final = frozenset({"IterableItems", "MaxConcurrency", "Selector", "ForEachBody"})


def items(value: Any) -> list[Any]:
    """The items of a ForEach step whose IterableItems have this value. Raises EvaluationError."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, list):
        raise EvaluationError("IterableItems of the ForEach step is neither a list nor the text of a JSON list.")
    return value


def iteration(step: Mapping[str, Any], index: int) -> list[Step]:
    """The body of a ForEach step as the steps of one iteration, named `<step>-<index>`.

    They refer to each other within the iteration; what they need of steps outside, the ForEach step has waited for.
    """
    body: list[Step] = (step.get("Arguments") or {}).get("ForEachBody") or []
    siblings = {str(one["Name"]) for one in body}
    found = []
    for one in body:
        entries = [entry if isinstance(entry, dict) else {"Step": entry} for entry in one.get("DependsOn") or []]
        within = [entry | {"Step": f"{entry['Step']}-{index}"} for entry in entries if entry.get("Step") in siblings]
        found.append(_renamed(one, siblings, index) | {"Name": f"{one['Name']}-{index}", "DependsOn": within})
    return found


def _renamed(value: Any, siblings: set[str], index: int) -> Any:
    if is_expression(value) and isinstance(value.get("Get"), str):
        step = referenced_step(value["Get"])
        if step in siblings:
            return {"Get": f"Steps.{step}-{index}{value['Get'].removeprefix(f'Steps.{step}')}"}
        return value
    if isinstance(value, dict):
        return {key: _renamed(item, siblings, index) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, siblings, index) for item in value]
    return value


def loop_problems(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """What is wrong with the arguments of a ForEach step, apart from the steps of its body."""
    if step.type != "ForEach":
        return
    path = f"{step.path}.Arguments"
    for name in step.arguments.keys() - _MEMBERS:
        yield error(f"{path}.{name}", f"{UNPARSABLE} Unknown Argument member '{name}'")
    if not step.arguments.get("ForEachBody"):
        yield error(f"{path}.ForEachBody", f"{UNPARSABLE} Missing required property 'ForEachBody'.")
    most = step.arguments.get("MaxConcurrency")
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_AT_ONCE:
        yield error(f"{path}.MaxConcurrency", f"'MaxConcurrency' is a whole number from 1 to {MOST_AT_ONCE}.")
    yield from _items(step, scope, f"{path}.IterableItems")
    yield from _selector(step, f"{path}.Selector")
    yield from _collisions(step, scope)


def _items(step: Placed, scope: CheckScope, path: str) -> Iterator[DefinitionProblem]:
    items: Any = step.arguments.get("IterableItems")
    if is_expression(items):
        kind = scope.kind(items, path, [], of=step)
        if kind in (INTEGER, FLOAT, BOOLEAN):
            yield unassignable(items, kind, STRING, path)
    elif not isinstance(items, list):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Array.", "or a reference to the text of a JSON list")
    elif not 1 <= len(items) <= MOST_LITERAL_ITEMS:
        yield error(path, f"'IterableItems' has from 1 to {MOST_LITERAL_ITEMS} items.")
    elif not all(isinstance(item, str | int | float) or is_expression(item) for item in items):
        yield error(path, "An item is a string, a number, a boolean or a reference.")


def _selector(step: Placed, path: str) -> Iterator[DefinitionProblem]:
    selector = step.arguments.get("Selector")
    if selector is None:
        return
    if not isinstance(selector, dict):
        yield error(path, f"{UNPARSABLE} Expecting start of Json Object.")
        return
    if selector.get("Pick") not in ("MaxBy", "MinBy"):
        yield error(path, f"Unknown 'Pick' {selector.get('Pick')!r} of a selector.", "there are MaxBy and MinBy")
    field = selector.get("Field")
    target = field.get("Get") if isinstance(field, dict) else None
    if not isinstance(target, str) or not any(_within(target, f"IterationOutput.{name}") for name in step.body):
        hint = "it is a reference to IterationOutput.<step of the body>.<member>"
        yield error(path, "The 'Field' of a selector does not lead to an output of the body.", hint)


def _within(path: str, prefix: str) -> bool:
    return path.startswith((f"{prefix}.", f"{prefix}["))


def _collisions(step: Placed, scope: CheckScope) -> Iterator[DefinitionProblem]:
    """Names of steps outside that the iterations take for their own steps."""
    for name, other in scope.steps.items():
        body, _, index = name.rpartition("-")
        if other.loop is None and body in step.body and index.isdecimal():
            hint = f"the iterations of {step.name} name their steps so"
            yield error(other.path, f"Duplicate step name [{name}].", hint)
