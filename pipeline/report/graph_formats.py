"""The graph of a definition: its nodes and edges as data, as SVG or as Mermaid.

The steps of a condition's branches follow the condition by an edge that names the branch. Plain Python, no network, no
library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline.definition import graph_drawing
from pipeline.definition.graph import dependencies
from pipeline.definition.graph_drawing import Box, Edge
from pipeline.definition.layout import direct
from pipeline.definition.step_types import Placed, walk

if TYPE_CHECKING:
    from pipeline.executions.execution_snapshot import ExecutionSnapshot

_LABELS: Final = {"IfSteps": "true", "ElseSteps": "false", "ForEachBody": "each"}


@dataclass(frozen=True)
class DrawnStep:
    """One step: its name, what it is called, its type."""

    name: str
    title: str
    kind: str


@dataclass(frozen=True)
class DrawnGraph:
    """The steps in the order of the definition, and who waits for whom (direct edges only)."""

    nodes: tuple[DrawnStep, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Status:
    """What a drawing shows of a step that has started: its status, and a short note such as its duration."""

    status: str
    note: str = ""


def of(definition: Mapping[str, Any]) -> DrawnGraph:
    """The graph of a definition; references to steps that are not there are left out."""
    steps = {step.name: step for step in walk(definition)}
    nodes = tuple(DrawnStep(name, step.step.get("DisplayName") or name, step.type) for name, step in steps.items())
    edges = [edge for step in steps.values() for edge in _edges(step, steps)]
    kept = direct({name: [edge.source for edge in edges if edge.target == name] for name in steps})
    return DrawnGraph(nodes, tuple(edge for edge in edges if edge.source in kept[edge.target]))


def mermaid(graph: DrawnGraph, statuses: Mapping[str, Status] | None = None) -> str:
    """The graph as a Mermaid flowchart, which GitHub draws in Markdown."""
    found = statuses or {}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        left, right = ("{{", "}}") if node.kind == "Condition" else ("([", "])") if node.kind == "Fail" else ("[", "]")
        note = f"<br/>{found[node.name].note}" if node.name in found and found[node.name].note else ""
        label = node.title.replace('"', "'") + note
        lines.append(f'    {_identifier(node.name)}{left}"{label}"{right}')
    for edge in graph.edges:
        label = f"|{edge.label}|" if edge.label else ""
        lines.append(f"    {_identifier(edge.source)} -->{label} {_identifier(edge.target)}")
    for status, (fill, stroke) in graph_drawing.colours().items():
        members = [
            _identifier(node.name) for node in graph.nodes if node.name in found and found[node.name].status == status
        ]
        if members:
            lines.append(f"    classDef {status} fill:{fill},stroke:{stroke},color:#1f2328")
            lines.append(f"    class {','.join(members)} {status}")
    return "\n".join(lines) + "\n"


def svg(graph: DrawnGraph, statuses: Mapping[str, Status] | None = None) -> str:
    """The graph as one SVG document that needs nothing else."""
    boxes = [_box(node, (statuses or {}).get(node.name)) for node in graph.nodes]
    return graph_drawing.svg(boxes, graph.edges)


def statuses(execution: ExecutionSnapshot, now: datetime) -> dict[str, Status]:
    """What a drawing shows of each step that has started: its status and duration, or that it was reused."""
    return {
        step.name: Status(step.outcome, "reused" if step.cached_from else f"{step.seconds(now):.1f} s")
        for step in execution.steps
    }


def _box(node: DrawnStep, status: Status | None) -> Box:
    if status is None:
        return Box(node.name, node.title, node.kind, node.kind)
    # A word for what went wrong, since red and green are alike to some eyes.
    first = status.status if status.status in ("Failed", "Stopped") else node.kind
    note = f"{first} · {status.note}" if status.note else first
    return Box(node.name, node.title, node.kind, note, status.status)


def _edges(step: Placed, steps: Mapping[str, Placed]) -> Iterator[Edge]:
    around = dict(step.within[-1:])
    for source in dependencies(step, steps):
        if source != step.name:
            yield Edge(source, step.name, _LABELS.get(around.get(source, ""), ""))


def _identifier(name: str) -> str:
    """A name that Mermaid takes for a node: `end` and names with hyphens are words of its own."""
    return "step_" + re.sub(r"\W", "_", name)
