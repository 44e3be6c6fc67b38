"""The steps that the next execution would run again, and why: the service's cache keys, before the start.

A step is reused if an earlier execution ran it with the same key attributes (AWS documents them for each type)
within its ExpireAfter. What a step reads from another counts by the execution that made it, since it lies at an
address of its own there; `test_history.py` holds the predictions to the executions that follow them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.definition.cache_key import ATTRIBUTES, seconds
from pipeline.definition.difference import ABSENT, Change, compare
from pipeline.definition.graph import in_order
from pipeline.definition.known_values import ANEW, MADE_BY, Seen, marked, sources
from pipeline.definition.step_types import Placed

_NO_WORK: Final = frozenset({"Condition", "Fail"})
_SHOWN: Final = 60


@dataclass(frozen=True)
class Past:
    """An earlier execution, with what each of its steps that succeeded rested on."""

    definition: Mapping[str, Any]
    parameters: Mapping[str, str]
    ended: Mapping[str, datetime] = field(default_factory=dict)
    """When the result of each step was made, by this execution or by the one that it was reused from."""
    name: str = ""
    reused: Mapping[str, str] = field(default_factory=dict)
    """The names of the executions that the results of reused steps are from."""

    def origin(self, step: str) -> str:
        """The execution that made the step's result."""
        return self.reused.get(step, self.name)


@dataclass(frozen=True)
class Forecast:
    """One step of the next execution: why it runs, or nothing where an earlier result will be reused."""

    step: str
    why: str = ""
    condition: str = ""
    """The Condition step that decides whether the step comes to its turn at all; empty if none does."""
    origin: str = ""
    """The execution that made the result that will be reused."""

    @property
    def reused(self) -> bool:
        """Whether the step will be a cache hit."""
        return not self.why


def forecast(
    definition: Mapping[str, Any], parameters: Mapping[str, str], past: Sequence[Past], *, now: datetime
) -> tuple[Forecast, ...]:
    """What the next execution would run; `past` is newest first, `parameters` are those it would be given."""
    why: dict[str, str] = {}
    origins: dict[str, str] = {}
    seen = Seen.of(definition, parameters, origins.get)
    steps = {name: step for name, step in seen.steps.items() if step.type not in _NO_WORK}
    for name in in_order(steps):
        why[name], origins[name] = _fate(steps[name].step, seen, past, why, now)
    return tuple(
        Forecast(name, why[name], _decider(step), "" if why[name] else origins[name]) for name, step in steps.items()
    )


def _fate(
    step: Mapping[str, Any], seen: Seen, past: Sequence[Past], why: Mapping[str, str], now: datetime
) -> tuple[str, str]:
    """Why the step runs, or an empty text and the execution whose result it reuses."""
    if reason := _never(step):
        return reason, ""
    attributes = seen.attributes(step["Name"])
    if marked(attributes, ANEW):
        return "its arguments hold what each execution has anew", ""
    fed = [name for name in sources(attributes) if why.get(name)]
    if fed:
        return f"it reads what {fed[0]} makes, which runs too", ""
    runs = [one for one in past if step["Name"] in one.ended]
    if not runs:
        return "no earlier execution has run it to success", ""
    for run in runs:
        if not _changes(step, attributes, run):
            return _expired(step, run.ended[step["Name"]], now), run.origin(step["Name"])
    return _described(_changes(step, attributes, runs[0])), ""


def _never(step: Mapping[str, Any]) -> str:
    """Why a step runs whatever happened before."""
    if step["Type"] not in ATTRIBUTES:
        return f"steps of type {step['Type']} are never cached"
    return "" if (step.get("CacheConfig") or {}).get("Enabled") is True else "its caching is off"


def _changes(step: Mapping[str, Any], attributes: Mapping[str, Any], run: Past) -> list[Change]:
    before = Seen.of(run.definition, run.parameters, run.origin)
    earlier = before.steps.get(step["Name"])
    if earlier is None or earlier.type != step["Type"]:
        return [Change("Type", ABSENT if earlier is None else earlier.type, step["Type"])]
    return list(compare(before.attributes(step["Name"]), attributes))


def _described(changes: Sequence[Change]) -> str:
    first = changes[0]
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    if "[code]" in first.path or "/code/" in str(first.new):
        return f"its code changed{more}"
    if first.path.endswith(MADE_BY):
        return f"the latest run of it read what another execution made{more}"
    return f"{first.path} was {_short(first.old)}, is {_short(first.new)}{more}"


def _short(value: Any) -> str:
    text = repr(value) if value is ABSENT else str(value)
    # Both ends: addresses differ at theirs.
    half = (_SHOWN - 3) // 2
    return text if len(text) <= _SHOWN else f"{text[:half]}...{text[-half:]}"


def _expired(step: Mapping[str, Any], ended: datetime, now: datetime) -> str:
    after = step["CacheConfig"].get("ExpireAfter")
    age = seconds(str(after)) if after else None
    if age is not None and ended < now - timedelta(seconds=age):
        return f"its last result is older than {after}"
    return ""


def _decider(step: Placed) -> str:
    """The innermost Condition around the step, empty if there is none."""
    return next((name for name, branch in reversed(step.within) if branch != "ForEachBody"), "")
