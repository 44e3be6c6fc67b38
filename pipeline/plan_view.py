"""A plan for readers: as text for a terminal, as Markdown for a pull request, as JSON for a program.

This is the executor of a plan that only shows it: the other, `pipeline.deploy.apply`, carries it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pipeline.difference import ABSENT, Change, ItemChange
from pipeline.plan import (
    CreatePipeline,
    Instruction,
    Plan,
    RemoveTags,
    SetTags,
    UpdatePipeline,
    UploadCode,
)
from pipeline.reruns import Forecast

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_LONGEST: Final = 100


def text(plan: Plan, forecast: Sequence[Forecast], where: str) -> str:
    """The plan as lines for a terminal."""
    return "\n".join(_lines(plan, forecast, where))


def markdown(plan: Plan, forecast: Sequence[Forecast], where: str) -> str:
    """The plan as GitHub-flavoured Markdown: a heading, the differences as a diff block, the steps as a table."""
    lines = [f"### Plan for `{plan.pipeline}` on {where}", "", _headline(plan)]
    differences = [line for line in _differences(plan) if line]
    if differences:
        lines += [
            "",
            "```diff",
            *(line.replace("~", "!", 1) if line.startswith("~") else line for line in differences),
            "```",
        ]
    for warning in plan.warnings:
        lines += ["", f"> :warning: {warning}"]
    if forecast:
        lines += ["", "| step | next execution |", "| --- | --- |"]
        lines += [f"| {item.step} | {_fate(item).replace('|', chr(92) + '|')} |" for item in forecast]
    return "\n".join(lines)


def as_json(plan: Plan, forecast: Sequence[Forecast], where: str) -> str:
    """The plan as one JSON object; a side of a change that has nothing is left out."""
    document = {
        "pipeline": plan.pipeline,
        "where": where,
        "action": "create" if plan.new else "none" if plan.empty else "update",
        "parameters": [_item(item) for item in plan.parameters],
        "steps": [_item(item) for item in plan.steps],
        "attributes": [_change(change) for change in plan.attributes],
        "code": [_change(change) for change in plan.code],
        "tags": [_change(change) for change in plan.tags],
        "warnings": list(plan.warnings),
        "instructions": [describe(instruction) for instruction in plan.instructions],
        "next_execution": [{"step": item.step, "reused": item.reused, "why": item.why} for item in forecast],
    }
    return json.dumps(document, indent=2)


def describe(instruction: Instruction) -> str:
    """What an instruction does, in a line."""
    match instruction:
        case UploadCode(bundle, bucket, prefix):
            return f"upload {len(bundle.files)} code files to {bundle.uri(bucket, prefix)}"
        case CreatePipeline(desired):
            return f"create pipeline {desired.name}"
        case UpdatePipeline(desired):
            return f"update pipeline {desired.name}"
        case SetTags(tags):
            return f"set tags {', '.join(sorted(tags))}"
        case RemoveTags(keys):
            return f"remove tags {', '.join(keys)}"


def _lines(plan: Plan, forecast: Sequence[Forecast], where: str) -> Iterator[str]:
    yield f"Plan for {plan.pipeline} on {where}"
    yield _headline(plan)
    differences = list(_differences(plan))
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


def _headline(plan: Plan) -> str:
    if plan.empty:
        return "Nothing to do: what is deployed is what is built."
    if plan.new:
        return f"The pipeline is new: {len(plan.steps)} steps, {len(plan.parameters)} parameters."
    counted = {"step": plan.steps, "parameter": plan.parameters, "attribute": plan.attributes}
    counted |= {"code file": plan.code, "tag": plan.tags}
    parts = [f"{len(items)} {name}{'s' if len(items) > 1 else ''}" for name, items in counted.items() if items]
    return f"Changes: {', '.join(parts)}." if parts else "Changes: the record of what is deployed."


def _differences(plan: Plan) -> Iterator[str]:
    if plan.new:
        yield from (f"+ step {item.name}" for item in plan.steps)
    else:
        yield from _items("parameter", plan.parameters)
        yield from _items("step", plan.steps)
        yield from (_line("", change) for change in plan.attributes)
        yield from (f"{_SIGNS[change.kind]} code {change.path}" for change in plan.code)
    yield from (_line("tag ", change) for change in plan.tags)


def _items(kind: str, items: Sequence[ItemChange]) -> Iterator[str]:
    for item in items:
        yield f"{_SIGNS[item.kind]} {kind} {item.name}"
        yield from ("  " + _line("", change) for change in item.changes)


def _line(label: str, change: Change) -> str:
    sign = _SIGNS[change.kind]
    if change.kind == "added":
        return f"{sign} {label}{change.path}: {_short(change.new)}"
    if change.kind == "removed":
        return f"{sign} {label}{change.path}: {_short(change.old)}"
    return f"{sign} {label}{change.path}: {_short(change.old)} -> {_short(change.new)}"


def _short(value: Any) -> str:
    """The value as JSON; of a long one the beginning and, since addresses differ at their ends, the end."""
    shown = json.dumps(value, sort_keys=True)
    half = (_LONGEST - 3) // 2
    return shown if len(shown) <= _LONGEST else f"{shown[:half]}...{shown[-half:]}"


def _fate(item: Forecast) -> str:
    return "reused" if item.reused else f"runs: {item.why}"


def _item(item: ItemChange) -> dict[str, Any]:
    return {"name": item.name, "kind": item.kind, "changes": [_change(change) for change in item.changes]}


def _change(change: Change) -> dict[str, Any]:
    sides = {"old": change.old, "new": change.new}
    return {"path": change.path, "kind": change.kind} | {k: v for k, v in sides.items() if v is not ABSENT}
