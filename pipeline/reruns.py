"""Which steps the next execution would run again, and why: the service's cache keys, worked out before the start.

A step is reused if an earlier execution ran it with the same key attributes (AWS documents them for each type)
within its ExpireAfter. What a step gets from one that runs again has a new
address, and so counts as changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.difference import ABSENT, Change, compare, walk
from pipeline.local.engine.cache import ATTRIBUTES, seconds

_NO_WORK: Final = frozenset({"Condition", "Fail"})
_REFERENCE: Final = re.compile(r"(Parameters|Steps|Execution)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Past:
    """An earlier execution: its definition, the parameters it was given, when each step that succeeded ended."""

    definition: Mapping[str, Any]
    parameters: Mapping[str, str]
    ended: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecast:
    """One step of the next execution: why it runs, or nothing where an earlier result will be reused."""

    step: str
    why: str = ""

    @property
    def reused(self) -> bool:
        """Whether the step will be a cache hit."""
        return not self.why


def forecast(
    definition: Mapping[str, Any], parameters: Mapping[str, str], past: Sequence[Past], *, now: datetime
) -> tuple[Forecast, ...]:
    """What the next execution would run; `past` is newest first, `parameters` are those it would be given."""
    steps = {step["Name"]: step for step in walk(definition.get("Steps", [])) if step.get("Type") not in _NO_WORK}
    values = _values(definition, parameters)
    why: dict[str, str] = {}
    for name in _in_order(steps):
        why[name] = _why(steps[name], values, past, why, now)
    return tuple(Forecast(name, why[name]) for name in steps)


def _why(
    step: Mapping[str, Any], values: Mapping[str, Any], past: Sequence[Past], why: Mapping[str, str], now: datetime
) -> str:
    if step["Type"] not in ATTRIBUTES:
        return f"steps of type {step['Type']} are never cached"
    if not (step.get("CacheConfig") or {}).get("Enabled"):
        return "its caching is off"
    attributes = _attributes(step, values)
    if "Execution." in json.dumps(attributes):
        return "its arguments hold what each execution has anew"
    fed = [name for name in _sources(attributes) if why.get(name)]
    if fed:
        return f"it reads what {fed[0]} makes, which runs again"
    runs = [one for one in past if step["Name"] in one.ended]
    if not runs:
        return "no earlier execution has run it to success"
    for run in runs:
        if not _changes(step, attributes, run):
            return _expired(step, run.ended[step["Name"]], now)
    return _described(_changes(step, attributes, runs[0]))


def _changes(step: Mapping[str, Any], attributes: Mapping[str, Any], run: Past) -> list[Change]:
    earlier = next((item for item in walk(list(run.definition["Steps"])) if item["Name"] == step["Name"]), None)
    if earlier is None or earlier["Type"] != step["Type"]:
        return [Change("Type", ABSENT if earlier is None else earlier["Type"], step["Type"])]
    return list(compare(_attributes(earlier, _values(run.definition, run.parameters)), attributes))


def _described(changes: Sequence[Change]) -> str:
    first = changes[0]
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    if "[code]" in first.path or "/code/" in str(first.new):
        return f"its code changed{more}"
    return f"{first.path} was {_short(first.old)}, is {_short(first.new)}{more}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value) if value is ABSENT else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _expired(step: Mapping[str, Any], ended: datetime, now: datetime) -> str:
    after = step["CacheConfig"].get("ExpireAfter")
    age = seconds(str(after)) if after else None
    if age is not None and ended < now - timedelta(seconds=age):
        return f"its last result is older than {after}"
    return ""


def _attributes(step: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of the step's cache key, with parameters replaced by their values."""
    arguments = step.get("Arguments") or {}
    found: dict[str, Any] = {}
    for path in ATTRIBUTES[step["Type"]]:
        value: Any = arguments
        for member in path.split("."):
            value = value.get(member) if isinstance(value, Mapping) else None
        if value is not None:
            found[path] = _resolved(value, values)
    return found


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"Get"} and str(value["Get"]).startswith("Parameters."):
            return values.get(value["Get"].removeprefix("Parameters."))
        if set(value) == {"Std:Join"}:
            return _joined(value["Std:Join"], values)
        return {key: _resolved(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, values) for item in value]
    return value


def _joined(join: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    parts = [_resolved(part, values) for part in join.get("Values", [])]
    if any(isinstance(part, Mapping | list) for part in parts):
        return {"Std:Join": {"On": join.get("On", ""), "Values": parts}}
    return str(join.get("On", "")).join(str(part) for part in parts)


def _values(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Each parameter's value as it would be written: the one given, or its default."""
    declared = {item["Name"]: item.get("DefaultValue") for item in definition.get("Parameters", [])}
    return {name: str(given.get(name, default)) for name, default in declared.items()}


def _sources(value: Any) -> Iterator[str]:
    """The steps that a value refers to."""
    for kind, name in _REFERENCE.findall(json.dumps(value)):
        if kind == "Steps":
            yield name


def _in_order(steps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names so that a step comes after those that it refers to; a definition that was checked has no cycle."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order or name not in steps:
            return
        for source in _sources(steps[name].get("Arguments")):
            if source != name:
                visit(source)
        order.append(name)

    for name in steps:
        visit(name)
    return order
