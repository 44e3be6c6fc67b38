"""The graph of a definition: its nodes and edges as data, as SVG or as Mermaid.

The steps of a condition's branches follow the condition by an edge that names the branch. Plain Python, no network, no
library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from pipeline.definition.graph import dependencies
from pipeline.definition.layout import Grid, Place, direct, places
from pipeline.definition.step_types import Placed, walk

if TYPE_CHECKING:
    from pipeline.executions.executions import ExecutionSnapshot

_LABELS: Final = {"IfSteps": "true", "ElseSteps": "false", "ForEachBody": "each"}

_GRID: Final = Grid(width=190, height=48, gap_x=36, gap_y=54, margin=16)


@dataclass(frozen=True)
class DrawnStep:
    """One step: its name, what it is called, its type."""

    name: str
    title: str
    kind: str


@dataclass(frozen=True)
class Edge:
    """One step waits for another; `label` names the branch of a condition."""

    source: str
    target: str
    label: str = ""


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
    for status, (fill, stroke, _) in _COLOURS.items():
        members = [
            _identifier(node.name) for node in graph.nodes if node.name in found and found[node.name].status == status
        ]
        if members:
            lines.append(f"    classDef {status} fill:{fill},stroke:{stroke},color:#1f2328")
            lines.append(f"    class {','.join(members)} {status}")
    return "\n".join(lines) + "\n"


def svg(graph: DrawnGraph, statuses: Mapping[str, Status] | None = None) -> str:
    """The graph as one SVG document that needs nothing else."""
    found = statuses or {}
    at = layout(graph)
    width = max((place.x for place in at.values()), default=0) + _GRID.width + _GRID.margin
    height = max((place.y for place in at.values()), default=0) + _GRID.height + _GRID.margin
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="system-ui, sans-serif" role="img">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#8c959f"/></marker></defs>',
    ]
    parts += [_drawn_edge(edge, at[edge.source], at[edge.target]) for edge in graph.edges]
    parts += [_drawn_node(node, at[node.name], found.get(node.name)) for node in graph.nodes]
    return "".join([*parts, "</svg>"])


def statuses(execution: ExecutionSnapshot, now: datetime) -> dict[str, Status]:
    """What a drawing shows of each step that has started: its status and duration, or that it was reused."""
    return {
        step.name: Status(step.outcome, "reused" if step.cached_from else f"{step.seconds(now):.1f} s")
        for step in execution.steps
    }


def layout(graph: DrawnGraph) -> dict[str, Place]:
    """The left upper corner of each node's box, in pixels."""
    above: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for edge in graph.edges:
        above[edge.target].append(edge.source)
    return places(above, _GRID)


# fill, stroke, the dot beside the title
_COLOURS: Final = {
    "Succeeded": ("#dafbe1", "#1a7f37", "#1a7f37"),
    "Failed": ("#ffebe9", "#cf222e", "#cf222e"),
    "Rejected": ("#fbefff", "#8250df", "#8250df"),
    "Stopped": ("#fff8c5", "#9a6700", "#9a6700"),
    "Stopping": ("#fff8c5", "#9a6700", "#9a6700"),
    "Executing": ("#ddf4ff", "#0969da", "#0969da"),
    "Starting": ("#ddf4ff", "#0969da", "#0969da"),
}
_PLAIN: Final = ("#f6f8fa", "#d0d7de", "#afb8c1")


def _edges(step: Placed, steps: Mapping[str, Placed]) -> Iterator[Edge]:
    around = dict(step.within[-1:])
    for source in dependencies(step, steps):
        if source != step.name:
            yield Edge(source, step.name, _LABELS.get(around.get(source, ""), ""))


def _drawn_edge(edge: Edge, up: Place, down: Place) -> str:
    x1, y1, x2, y2 = up.x + _GRID.width / 2, up.y + _GRID.height, down.x + _GRID.width / 2, down.y
    bend = (y2 - y1) / 2
    path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2 - 2:.0f}"
    drawn = f'<path d="{path}" fill="none" stroke="#8c959f" stroke-width="1.5" marker-end="url(#tip)"/>'
    if edge.label:
        x, y = (x1 + x2) / 2 + 6, y1 + bend + 4
        halo = 'paint-order="stroke" stroke="#fff" stroke-width="4"'
        drawn += f'<text x="{x:.0f}" y="{y:.0f}" font-size="11" fill="#57606a" {halo}>{escape(edge.label)}</text>'
    return drawn


def _drawn_node(node: DrawnStep, place: Place, status: Status | None) -> str:
    x, y = place.x, place.y
    fill, stroke, dot = _COLOURS.get(status.status, _PLAIN) if status else _PLAIN
    radius = 24 if node.kind in ("Condition", "Fail") else 8
    # A word for what went wrong, since red and green are alike to some eyes.
    first = status.status if status and status.status in ("Failed", "Stopped") else node.kind
    second = f"{first} · {status.note}" if status and status.note else first
    size = f'width="{_GRID.width:.0f}" height="{_GRID.height:.0f}"'
    return (
        f'<g data-step="{escape(node.name)}"><title>{escape(node.name)}{escape(f": {status.status}" if status else "")}'
        f'</title><rect x="{x:.0f}" y="{y:.0f}" {size} rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"/><circle cx="{x + 18:.0f}" cy="{y + 19:.0f}" r="5" fill="{dot}"/>'
        f'<text x="{x + 32:.0f}" y="{y + 23:.0f}" font-size="13" fill="#1f2328">{escape(_fit(node.title, 22))}</text>'
        f'<text x="{x + 32:.0f}" y="{y + 39:.0f}" font-size="11" fill="#57606a">{escape(_fit(second, 26))}</text></g>'
    )


def _fit(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _identifier(name: str) -> str:
    """A name that Mermaid takes for a node: `end` and names with hyphens are words of its own."""
    return "step_" + re.sub(r"\W", "_", name)
