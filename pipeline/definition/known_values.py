"""A definition as one execution will see it, before it starts: its steps, and what the cache keys of them rest on.

Evaluates with what the service evaluates with. What nobody can know yet stays an Unknown: what each execution has anew,
and what another step gives, known by the execution that made it where that step's arguments do not fix it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pipeline.definition import cache_key, loops
from pipeline.definition.expression_values import EvaluationError, Unknown, evaluate, referenced_step
from pipeline.definition.paths import Part, PathError, lookup
from pipeline.definition.step_types import Placed, walk
from pipeline.definition.typed_parameters import values

MADE_BY: Final = "made by"
"""Beside a reference to another step: the execution that made what it refers to."""

ANEW: Final = "anew"
"""Beside a reference to what each execution has anew."""

_VARYING: Final = ("PipelineExecutionId", "PipelineExecutionArn", "StartDateTime", "CurrentDateTime")

Origin = Callable[[str], str | None]


@dataclass(frozen=True)
class Seen:
    """What expressions stand for, as far as it is known: parameters, steps, and who made what each step gives."""

    steps: Mapping[str, Placed]
    parameters: Mapping[str, Any]
    origin: Origin
    items: Mapping[str, Any]
    """The item of each step that stands in an iteration of a loop."""
    step: str = ""
    """The step whose expressions are evaluated."""

    @classmethod
    def of(cls, definition: Mapping[str, Any], given: Mapping[str, str], origin: Origin) -> Seen:
        """The definition with the parameters that the execution is given, the others at their defaults.

        Loops whose items are known are unrolled; the body of another stands as it is written.
        """
        steps = {step.name: step for step in walk(definition)}
        seen = cls(steps, values(definition, given), origin, {})
        return seen._unrolled()

    def attributes(self, name: str) -> dict[str, Any]:
        """The attributes of a step's cache key, by path."""
        step = self.steps[name]
        return {
            path: self.resolved(value, of=name)
            for path, value in cache_key.attributes(step.type, step.arguments).items()
        }

    def resolved(self, value: Any, *, of: str = "") -> Any:
        """What a value of a step's stands for; an expression that has no value stays as it is written."""
        try:
            return evaluate(value, replace(self, step=of))
        except EvaluationError:
            return Unknown({"Undefined": value})

    def parameter(self, name: str) -> Any:
        """The value of a parameter; Unknown where it must be given and is not."""
        return self.parameters[name] if name in self.parameters else Unknown({"Get": f"Parameters.{name}"})

    def variable(self, name: str) -> Any:
        """An execution variable, which a plan cannot know."""
        return Unknown({"Get": f"Execution.{name}", **({ANEW: True} if name in _VARYING else {})})

    def current_item(self) -> Any:
        """The item of the iteration, if it is known."""
        if self.step in self.items:
            return self.items[self.step]
        return Unknown({"Get": "ForEach.CurrentItem", ANEW: True})

    def step_property(self, step: str, parts: Sequence[Part], reference: str) -> Any:
        """What a step gives: known if its arguments say it, as they do an output at a fixed address."""
        made = Unknown({"Get": reference, MADE_BY: self.origin(step)})
        if step not in self.steps:
            return made
        try:
            found = evaluate(lookup(self.steps[step].arguments, parts), replace(self, step=step))
        except (PathError, EvaluationError):
            return made
        return made if marked(found, ANEW) or marked(found, MADE_BY) else found

    def property_file(self, step: str, name: str) -> Any:
        """The address of a property file, known by the execution that made it."""
        return Unknown({"Get": f"Steps.{step}.PropertyFiles.{name}", MADE_BY: self.origin(step)})

    def json_value(self, uri: str, path: str) -> Any:
        """What an object holds that may be another when the step runs."""
        return Unknown({"Std:JsonGet": {"S3Uri": uri, "Path": path}})

    def _unrolled(self) -> Seen:
        steps: dict[str, Placed] = {}
        items: dict[str, Any] = {}
        for name, step in self.steps.items():
            if step.loop is not None and step.loop in steps and f"{name}-0" in steps:
                continue
            steps[name] = step
            if step.type != "ForEach":
                continue
            for index, item in enumerate(self._items(step)):
                for one in loops.iteration(step.step, index):
                    path = f"{step.path}.Arguments.ForEachBody[{one['Name']}]"
                    steps[one["Name"]] = Placed(one, path, (*step.within, (name, "ForEachBody")))
                    items[one["Name"]] = item
        return replace(self, steps=steps, items=items)

    def _items(self, step: Placed) -> list[Any]:
        found = self.resolved(step.arguments.get("IterableItems"))
        if isinstance(found, Unknown):
            return []
        try:
            return loops.items(found)
        except EvaluationError:
            return []


def marked(value: Any, mark: str) -> bool:
    """Whether there is an Unknown with that mark in the value."""
    return any(mark in unknown for unknown in unknowns(value))


def unknowns(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every Unknown in the value, those within others too."""
    if isinstance(value, Unknown):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from unknowns(item)


def sources(value: Any) -> Iterator[str]:
    """The names of the steps that made what the value is not known without."""
    for unknown in unknowns(value):
        if MADE_BY in unknown and (step := referenced_step(unknown["Get"])):
            yield step


def texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
