"""A step's cache key as far as it can be told before the execution: its attributes, with every reference resolved.

Parameters become their values. What is read from another step becomes its address where the arguments of that step
fix it; else it is known by the execution that made it. Pure JSON in and out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.definition.cache_key import ATTRIBUTES
from pipeline.definition.paths import PathError, lookup, parse
from pipeline.definition.step_types import walk

MADE_BY: Final = "made by"
"""Beside a reference to another step: the execution that made what it refers to."""

ANEW: Final = "anew:"
"""How a variable that each execution has anew begins, once resolved."""

_VARYING: Final = ("PipelineExecutionId", "PipelineExecutionArn", "StartDateTime", "CurrentDateTime")
_STEP: Final = re.compile(r"Steps\.([A-Za-z0-9_-]+)")
_REFERENCE: Final = re.compile(r'"Get": "Steps\.([A-Za-z0-9_-]+)')
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Integer": int,
    "Float": float,
    "Boolean": lambda text: text.lower() == "true",
}

Origin = Callable[[str], str | None]


@dataclass(frozen=True)
class Seen:
    """A definition as one execution sees it: its steps, its parameters' values, who made what each step gives."""

    steps: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Any]
    origin: Origin

    @classmethod
    def of(cls, definition: Mapping[str, Any], given: Mapping[str, str], origin: Origin) -> Seen:
        """The definition with the parameters that the execution is given, the others at their defaults."""
        steps = {step.name: step.step for step in walk(definition)}
        return cls(steps, values(definition, given), origin)

    def attributes(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of the step's cache key, by path."""
        arguments = step.get("Arguments") or {}
        found: dict[str, Any] = {}
        for path in ATTRIBUTES[step["Type"]]:
            value: Any = arguments
            for member in path.split("."):
                value = value.get(member) if isinstance(value, Mapping) else None
            if value is not None:
                found[path] = self.resolved(value)
        return found

    def resolved(self, value: Any) -> Any:
        """The value with parameters, joins and references replaced by what is known of them."""
        if isinstance(value, Mapping):
            if set(value) == {"Get"}:
                return self._got(str(value["Get"]))
            if set(value) == {"Std:Join"}:
                return self._joined(value["Std:Join"])
            return {key: self.resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        return value

    def _got(self, reference: str) -> Any:
        kind, _, rest = reference.partition(".")
        if kind == "Parameters":
            return self.values.get(rest, {"Get": reference})
        if kind == "Execution":
            return f"{ANEW}{rest}" if rest in _VARYING else {"Get": reference}
        return self._from_step(reference)

    def _from_step(self, reference: str) -> Any:
        """What a step gives: known if its arguments say it, as they do an output at a fixed address."""
        found = _STEP.match(reference)
        name = found.group(1) if found else ""
        made = {"Get": reference, MADE_BY: self.origin(name)}
        if name not in self.steps:
            return made
        try:
            value = lookup(self.steps[name].get("Arguments") or {}, parse(reference[len(f"Steps.{name}") :]))
        except PathError:
            return made
        fixed = self.resolved(value)
        return made if _open(fixed) else fixed

    def _joined(self, join: Mapping[str, Any]) -> Any:
        parts = [self.resolved(part) for part in join.get("Values", [])]
        if any(isinstance(part, Mapping | list) for part in parts):
            return {"Std:Join": {"On": join.get("On", ""), "Values": parts}}
        text = str(join.get("On", "")).join(str(part) for part in parts)
        return f"{ANEW}{text}" if any(str(part).startswith(ANEW) for part in parts) else text


def values(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Each parameter's value of its own type: the one given, or its default; those that have neither are left out."""
    found: dict[str, Any] = {}
    for item in definition.get("Parameters", []):
        name, value = item["Name"], given.get(item["Name"], item.get("DefaultValue"))
        if value is None:
            continue
        read = _READERS.get(item.get("Type", ""), str)
        try:
            found[name] = read(str(value))
        except ValueError:
            found[name] = value
    return found


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


def sources(value: Any) -> Iterator[str]:
    """The names of the steps that a value refers to."""
    yield from _REFERENCE.findall(json.dumps(value))


def _open(value: Any) -> bool:
    """Whether the value is another in each execution, or not known before it."""
    return any(text.startswith((ANEW, "Steps.")) for text in texts(value))
