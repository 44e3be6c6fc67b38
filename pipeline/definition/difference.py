"""The differences between two definitions, as data: parameters, steps, arguments by path with old and new value.

Lists whose items have a name (steps, inputs, channels, parameters ...) are compared by name, so that an item
which moved is no change; others are aligned, so that one that was added does not shift all that follow it. Pure
JSON in, dataclasses out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Final, Literal

from pipeline.definition.step_types import walk

Kind = Literal["added", "removed", "changed"]

# The member that names an item of a list, in the order in which it is looked for.
_NAMES: Final = (
    "Name",
    "InputName",
    "OutputName",
    "ChannelName",
    "PropertyFileName",
    "VariantName",
    "StepName",
    "Key",
)


class _Absent:
    """Marks the side of a change that has nothing."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()


@dataclass(frozen=True)
class Change:
    """One place that differs: its path, e.g. `Arguments.HyperParameters.epochs`, and both values."""

    path: str
    old: Any
    new: Any

    @property
    def kind(self) -> Kind:
        """Whether the place is new, gone, or has another value."""
        if self.old is ABSENT:
            return "added"
        return "removed" if self.new is ABSENT else "changed"


@dataclass(frozen=True)
class ItemChange:
    """One parameter or step that differs, with its places; one that was added or removed also as a whole."""

    name: str
    kind: Kind
    changes: tuple[Change, ...] = ()
    item: Mapping[str, Any] = field(default_factory=dict)


def compare(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """Every place below `path` at which two JSON values differ, in the order of the new one."""
    if old is not ABSENT and new is not ABSENT and _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from compare(old.get(key, ABSENT), new.get(key, ABSENT), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(old, new, path)
    else:
        yield Change(path, old, new)


def parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[ItemChange, ...]:
    """Which parameters of two definitions differ."""
    return _items(_by_name(old.get("Parameters", [])), _by_name(new.get("Parameters", [])))


def steps(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[ItemChange, ...]:
    """Which steps of two definitions differ, those inside conditions too; a condition's own branches are left out."""
    return _items(
        {step.name: _without_branches(step.step) for step in walk(old)},
        {step.name: _without_branches(step.step) for step in walk(new)},
    )


def _without_branches(step: dict[str, Any]) -> dict[str, Any]:
    """A condition with the names of its branches' steps in place of the steps, which are compared by themselves."""
    if step.get("Type") != "Condition":
        return step
    arguments = dict(step.get("Arguments") or {})
    for branch in ("IfSteps", "ElseSteps"):
        if branch in arguments:
            arguments[branch] = [child["Name"] for child in arguments[branch]]
    return {**step, "Arguments": arguments}


def _items(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[ItemChange, ...]:
    found = []
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old:
            found.append(ItemChange(name, "added", item=new[name]))
        elif name not in new:
            found.append(ItemChange(name, "removed", item=old[name]))
        elif changes := tuple(compare(old[name], new[name])):
            found.append(ItemChange(name, "changed", changes))
    return tuple(found)


def _compare_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Change]:
    old_names, new_names = _by_name(old), _by_name(new)
    if len(old_names) == len(old) and len(new_names) == len(new):
        for name in [*new_names, *(name for name in old_names if name not in new_names)]:
            yield from compare(old_names.get(name, ABSENT), new_names.get(name, ABSENT), f"{path}[{name}]")
        return
    old_texts, new_texts = ([json.dumps(item, sort_keys=True) for item in items] for items in (old, new))
    aligned = SequenceMatcher(None, old_texts, new_texts, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in aligned.get_opcodes():
        if tag == "equal":
            continue
        for before, after in zip_longest(range(old_start, old_end), range(new_start, new_end)):
            yield from compare(
                ABSENT if before is None else old[before],
                ABSENT if after is None else new[after],
                f"{path}[{before if after is None else after}]",
            )


def _by_name(items: list[Any]) -> dict[str, Any]:
    """The items by their names; fewer than there are if some have none or share one."""
    named = {}
    for item in items:
        name = next((item[member] for member in _NAMES if member in item), None) if isinstance(item, Mapping) else None
        if isinstance(name, str):
            named[name] = item
    return named


def _same(old: Any, new: Any) -> bool:
    """JSON equality: unlike Python's, it tells true from 1, but not 1 from 1.0."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return bool(old == new)
