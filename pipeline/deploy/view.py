"""A plan for readers: as text for a terminal, as Markdown for a pull request, as JSON for a program.

This is the executor of a plan that only shows it: the other, `pipeline.deploy.apply`, carries it out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pipeline.definition.difference import ABSENT, Change, ItemChange
from pipeline.deploy.forecast import Forecast
from pipeline.deploy.plan import (
    CreatePipeline,
    DeployPlan,
    Instruction,
    RecordChecksum,
    RemoveTags,
    SetTags,
    UpdatePipeline,
    UploadCode,
)

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_LONGEST: Final = 100
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")


def text(plan: DeployPlan, forecast: Sequence[Forecast], beside: Sequence[str] = ()) -> str:
    """The plan as lines for a terminal; `beside` are those of what goes with the pipeline."""
    return "\n".join(_lines(plan, forecast, beside))


def markdown(plan: DeployPlan, forecast: Sequence[Forecast], where: str, beside: Sequence[str] = ()) -> str:
    """The plan as GitHub-flavoured Markdown: a heading, the differences as a diff block, the steps as a table."""
    lines = [f"### Plan for `{plan.pipeline}` on {where}", "", _headline(plan, beside)]
    differences = [line for line in (*_differences(plan), *beside) if line]
    if differences:
        lines += [
            "",
            "```diff",
            *map(_diff_line, differences),
            "```",
        ]
    for warning in plan.warnings:
        lines += ["", f"> :warning: {warning}"]
    if forecast:
        lines += ["", "| step | next execution |", "| --- | --- |"]
        lines += [f"| {item.step} | {_fate(item).replace('|', chr(92) + '|')} |" for item in forecast]
    return "\n".join(lines)


def as_json(
    plan: DeployPlan, forecast: Sequence[Forecast], where: str, beside: Sequence[str] = (), cost: Sequence[str] = ()
) -> str:
    """The plan as one JSON object; a side of a change that has nothing is left out, and so are costs not known."""
    document = {
        "pipeline": plan.pipeline,
        "where": where,
        "action": "create" if plan.new else "none" if plan.empty and not beside else "update",
        "parameters": [_item(item) for item in plan.parameters],
        "steps": [_item(item) for item in plan.steps],
        "attributes": [_change(change) for change in plan.attributes],
        "code": [_change(change) for change in plan.code],
        "tags": [_change(change) for change in plan.tags],
        "warnings": list(plan.warnings),
        "instructions": [describe(instruction) for instruction in plan.instructions],
        "beside": list(beside),
        "next_execution": [
            {"step": item.step, "reused": item.reused, "why": item.why, "condition": item.condition or None}
            for item in forecast
        ],
    }
    return json.dumps(document | ({"cost": list(cost)} if cost else {}), indent=2)


def describe(instruction: Instruction) -> str:
    """What an instruction does, in a line."""
    match instruction:
        case UploadCode(bundle, bucket, prefix):
            return f"upload {bundle.script}, {len(bundle.files)} code files, to {bundle.uri(bucket, prefix)}"
        case CreatePipeline(desired):
            return f"create pipeline {desired.name}"
        case UpdatePipeline(desired):
            return f"update pipeline {desired.name}"
        case SetTags(tags):
            return f"set tags {', '.join(sorted(tags))}"
        case RemoveTags(keys):
            return f"remove tags {', '.join(keys)}"
        case RecordChecksum():
            return "record the checksum of the definition"


def brief(plan: DeployPlan) -> Iterator[str]:
    """The plan of what goes with the pipeline, in lines: a new one in one, of a changed one what differs."""
    if plan.new:
        yield f"+ pipeline {plan.pipeline}: {_counted(plan)}"
    elif not plan.empty:
        yield f"~ pipeline {plan.pipeline}"
        yield from (f"  {line}" for line in _differences(plan))
    yield from (f"warning: {plan.pipeline}: {warning}" for warning in plan.warnings)


def _lines(plan: DeployPlan, forecast: Sequence[Forecast], beside: Sequence[str]) -> Iterator[str]:
    yield _headline(plan, beside)
    differences = [*_differences(plan), *beside]
    if differences:
        yield ""
        yield from differences
    for warning in plan.warnings:
        yield ""
        yield f"warning: {warning}"
    if forecast:
        yield ""
        yield "The next execution:"
        width = max(len(item.step) for item in forecast)
        for item in forecast:
            yield f"  {item.step:<{width}}  {_fate(item)}"


def _headline(plan: DeployPlan, beside: Sequence[str]) -> str:
    if plan.empty and beside:
        return "The pipeline stays as it is; what goes with it changes."
    if plan.empty:
        return "Nothing to do: what is deployed is what is built."
    if plan.new:
        return f"The pipeline is new: {_counted(plan)}."
    counted = _counted(plan)
    return f"Changes: {counted}." if counted else f"Changes: {', '.join(map(describe, plan.instructions))}."


def _counted(plan: DeployPlan) -> str:
    """How many of each there are; those with none are left out."""
    counted = {"parameter": plan.parameters, "step": plan.steps, "attribute": plan.attributes}
    counted |= {"code file": plan.code, "tag": plan.tags}
    return ", ".join(f"{len(items)} {name}{'s' if len(items) > 1 else ''}" for name, items in counted.items() if items)


def _differences(plan: DeployPlan) -> Iterator[str]:
    yield from _items("parameter", plan.parameters)
    yield from _items("step", plan.steps)
    yield from (_line("", change) for change in plan.attributes)
    if not plan.new:
        yield from (f"{_SIGNS[change.kind]} code {change.path}" for change in plan.code)
    yield from (_line("tag ", change) for change in plan.tags)


def _diff_line(line: str) -> str:
    """A line as diff blocks colour it: the sign comes first, and that of a change is an exclamation mark."""
    sign, _, rest = line.lstrip().partition(" ")
    indent = " " * (len(line) - len(line.lstrip()))
    return f"{'!' if sign == '~' else sign} {indent}{rest}"


def _items(kind: str, items: Sequence[ItemChange]) -> Iterator[str]:
    for item in items:
        yield f"{_SIGNS[item.kind]} {kind} {item.name}{_what(item)}"
        yield from ("  " + _line("", change) for change in item.changes)


def _what(item: ItemChange) -> str:
    """What was added or removed, in a word: a step's type, a parameter's default."""
    if "DefaultValue" in item.item:
        return f" = {_short(item.item['DefaultValue'])}"
    return f" ({item.item['Type']})" if "Type" in item.item else ""


def _line(label: str, change: Change) -> str:
    sign = _SIGNS[change.kind]
    if change.kind == "added":
        return f"{sign} {label}{change.path}: {_short(change.new)}"
    if change.kind == "removed":
        return f"{sign} {label}{change.path}: {_short(change.old)}"
    return f"{sign} {label}{change.path}: {_short(change.old)} -> {_short(change.new)}"


def _short(value: Any) -> str:
    """The value as JSON; of a hash the beginning, of a long text both ends, since addresses differ at theirs."""
    shown = _HASH.sub(lambda found: f"{found.group()[:8]}...", json.dumps(value, sort_keys=True))
    half = (_LONGEST - 3) // 2
    return shown if len(shown) <= _LONGEST else f"{shown[:half]}...{shown[-half:]}"


def _fate(item: Forecast) -> str:
    turn = f" if {item.condition} lets it" if item.condition else ""
    return f"reused{turn}" if item.reused else f"runs{turn}: {item.why}"


def _item(item: ItemChange) -> dict[str, Any]:
    """An item with its changes; one that was added or removed as a whole, too."""
    document = {"name": item.name, "kind": item.kind, "changes": [_change(change) for change in item.changes]}
    return document | ({"item": dict(item.item)} if item.item else {})


def _change(change: Change) -> dict[str, Any]:
    sides = {"old": change.old, "new": change.new}
    return {"path": change.path, "kind": change.kind} | {k: v for k, v in sides.items() if v is not ABSENT}
