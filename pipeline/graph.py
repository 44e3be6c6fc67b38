"""The graph of a definition: its nodes and edges as data, laid out in layers, as SVG or as Mermaid.

A step stands one layer below the lowest of those that it waits for. The steps of a condition's branches follow the
condition by an edge that names the branch. Plain Python, no network, no library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from pipeline.definition_graph import dependencies
from pipeline.definition_types import Placed, walk

if TYPE_CHECKING:
    from pipeline.executions import Snapshot

_LABELS: Final = {"IfSteps": "true", "ElseSteps": "false", "ForEachBody": "each"}

_WIDTH: Final = 190
_HEIGHT: Final = 48
_GAP_X: Final = 36
_GAP_Y: Final = 54
_MARGIN: Final = 16


@dataclass(frozen=True)
class Node:
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
class Graph:
    """The steps in the order of the definition, and who waits for whom (direct edges only)."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Status:
    """What a drawing shows of a step that has started: its status, and a short note such as its duration."""

    status: str
    note: str = ""


def of(definition: Mapping[str, Any]) -> Graph:
    """The graph of a definition; references to steps that are not there are left out."""
    steps = {step.name: step for step in walk(definition)}
    nodes = tuple(Node(name, step.step.get("DisplayName") or name, step.type) for name, step in steps.items())
    return Graph(nodes, tuple(_direct([edge for step in steps.values() for edge in _edges(step, steps)])))


def mermaid(graph: Graph, statuses: Mapping[str, Status] | None = None) -> str:
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


def svg(graph: Graph, statuses: Mapping[str, Status] | None = None) -> str:
    """The graph as one SVG document that needs nothing else."""
    found = statuses or {}
    places = layout(graph)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + _MARGIN
    height = max((y for _, y in places.values()), default=0) + _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="system-ui, sans-serif" role="img">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#8c959f"/></marker></defs>',
    ]
    parts += [_drawn_edge(edge, places) for edge in graph.edges]
    parts += [_drawn_node(node, places[node.name], found.get(node.name)) for node in graph.nodes]
    return "".join([*parts, "</svg>"])


def statuses(execution: Snapshot, now: datetime) -> dict[str, Status]:
    """What a drawing shows of each step that has started: its status and duration, or that it was reused."""
    return {
        step.name: Status(step.status, "reused" if step.cached_from else f"{step.seconds(now):.1f} s")
        for step in execution.steps
    }


def layout(graph: Graph) -> dict[str, tuple[float, float]]:
    """The left upper corner of each node's box, in pixels."""
    layers: dict[int, list[str]] = {}
    above: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for edge in graph.edges:
        above[edge.target].append(edge.source)
    for name, level in _depths(above).items():
        layers.setdefault(level, []).append(name)
    _order(layers, above)
    widest = max((len(names) for names in layers.values()), default=1)
    full = widest * (_WIDTH + _GAP_X) - _GAP_X
    places: dict[str, tuple[float, float]] = {}
    for level, names in layers.items():
        indent = _MARGIN + (full - (len(names) * (_WIDTH + _GAP_X) - _GAP_X)) / 2
        for column, name in enumerate(names):
            places[name] = (indent + column * (_WIDTH + _GAP_X), _MARGIN + level * (_HEIGHT + _GAP_Y))
    return places


# fill, stroke, the dot beside the title
_COLOURS: Final = {
    "Succeeded": ("#dafbe1", "#1a7f37", "#1a7f37"),
    "Failed": ("#ffebe9", "#cf222e", "#cf222e"),
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


def _direct(edges: Sequence[Edge]) -> list[Edge]:
    """Edges that say something new: one that a longer way implies is left out."""
    after: dict[str, set[str]] = {}
    for edge in edges:
        after.setdefault(edge.source, set()).add(edge.target)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for name in after.get(waiting.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        return seen

    below = {name: reached(name) for name in after}
    return [
        edge
        for edge in edges
        if not any(edge.target in below.get(other, ()) for other in after[edge.source] if other != edge.target)
    ]


def _depths(above: Mapping[str, Sequence[str]]) -> dict[str, int]:
    depth = dict.fromkeys(above, 0)
    # A definition that was checked has no cycle; the bound keeps one that was not from looping for ever.
    for _ in above:
        changed = False
        for name, sources in above.items():
            wanted = max((depth[source] + 1 for source in sources), default=0)
            changed, depth[name] = changed or wanted != depth[name], wanted
        if not changed:
            break
    return depth


def _order(layers: dict[int, list[str]], above: Mapping[str, Sequence[str]]) -> None:
    """Order each layer by the mean position of what its nodes wait for, so that few edges cross."""
    position: dict[str, float] = {}

    def mean(name: str) -> float:
        places = [position[source] for source in above[name] if source in position]
        return sum(places) / len(places) if places else 0.0

    for _, names in sorted(layers.items()):
        names.sort(key=mean)
        for place, name in enumerate(names):
            position[name] = (place + 0.5) / len(names)


def _drawn_edge(edge: Edge, places: Mapping[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    x1, y1, x2 = x1 + _WIDTH / 2, y1 + _HEIGHT, x2 + _WIDTH / 2
    bend = (y2 - y1) / 2
    path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2 - 2:.0f}"
    drawn = f'<path d="{path}" fill="none" stroke="#8c959f" stroke-width="1.5" marker-end="url(#tip)"/>'
    if edge.label:
        x, y = (x1 + x2) / 2 + 6, y1 + bend + 4
        halo = 'paint-order="stroke" stroke="#fff" stroke-width="4"'
        drawn += f'<text x="{x:.0f}" y="{y:.0f}" font-size="11" fill="#57606a" {halo}>{escape(edge.label)}</text>'
    return drawn


def _drawn_node(node: Node, place: tuple[float, float], status: Status | None) -> str:
    x, y = place
    fill, stroke, dot = _COLOURS.get(status.status, _PLAIN) if status else _PLAIN
    radius = 24 if node.kind in ("Condition", "Fail") else 8
    second = f"{node.kind} · {status.note}" if status and status.note else node.kind
    return (
        f'<g data-step="{escape(node.name)}"><title>{escape(node.name)}{escape(f": {status.status}" if status else "")}'
        f'</title><rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"/><circle cx="{x + 18:.0f}" cy="{y + 19:.0f}" r="5" fill="{dot}"/>'
        f'<text x="{x + 32:.0f}" y="{y + 23:.0f}" font-size="13" fill="#1f2328">{escape(_fit(node.title, 22))}</text>'
        f'<text x="{x + 32:.0f}" y="{y + 39:.0f}" font-size="11" fill="#57606a">{escape(_fit(second, 26))}</text></g>'
    )


def _fit(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _identifier(name: str) -> str:
    """A name that Mermaid takes for a node: `end` and names with hyphens are words of its own."""
    return "step_" + re.sub(r"\W", "_", name)
