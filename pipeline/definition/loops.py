"""The form of a ForEach step: its items, how many at once, the selection among its iterations.

The steps of a body are checked like others; what is particular to them is what they may refer to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline.definition.properties import BOOLEAN, FLOAT, INTEGER, STRING
from pipeline.definition.references import Scope, is_expression, unassignable
from pipeline.definition.step_types import UNPARSABLE, Placed, Problem, error

MOST_AT_ONCE: Final = 50
MOST_LITERAL_ITEMS: Final = 100

_MEMBERS: Final = frozenset({"IterableItems", "MaxConcurrency", "Selector", "ForEachBody"})


def loop_problems(step: Placed, scope: Scope) -> Iterator[Problem]:
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


def _items(step: Placed, scope: Scope, path: str) -> Iterator[Problem]:
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


def _selector(step: Placed, path: str) -> Iterator[Problem]:
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


def _collisions(step: Placed, scope: Scope) -> Iterator[Problem]:
    """Names of steps outside that the iterations take for their own steps."""
    for name, other in scope.steps.items():
        body, _, index = name.rpartition("-")
        if other.loop is None and body in step.body and index.isdecimal():
            hint = f"the iterations of {step.name} name their steps so"
            yield error(other.path, f"Duplicate step name [{name}].", hint)
