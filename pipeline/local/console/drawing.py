"""An execution's graph as SVG: steps in layers from top to bottom, edges as curves, statuses as classes for styles.

A step's layer is the longest way to it; within a layer steps stand near those above them. Everything is laid out here,
so the page needs no script and no network to show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from pipeline.local.console.access import PATH
from pipeline.local.engine.graph import Graph

WIDTH, HEIGHT = 196, 46
GAP_X, GAP_Y = 22, 40
MARGIN = 14
_SWEEPS = 4
_LONGEST_NAME = 24


@dataclass(frozen=True)
class Mark:
    """What is shown of one step: its status, a second line, whether it is the chosen one."""

    status: str
    note: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Place:
    """Where a step's box is; x and y are its upper left corner."""

    x: float
    y: float


def layers(graph: Graph) -> list[list[str]]:
    """The steps by the length of the longest way to them, ordered so that few edges cross."""
    depth: dict[str, int] = {}

    def visit(name: str, path: frozenset[str]) -> int:
        if name not in depth and name not in path:
            above = [up for up in graph.nodes[name].upstream if up in graph.nodes]
            depth[name] = 1 + max((visit(up, path | {name}) for up in above), default=-1)
        return depth.get(name, 0)

    for name in graph.nodes:
        visit(name, frozenset())
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in graph.nodes:
        rows[depth[name]].append(name)
    _untangle(graph, rows)
    return rows


def places(graph: Graph) -> dict[str, Place]:
    """The place of every step; layers are centred."""
    rows = layers(graph)
    widest = max((len(row) for row in rows), default=0)
    found: dict[str, Place] = {}
    for level, row in enumerate(rows):
        start = MARGIN + (widest - len(row)) * (WIDTH + GAP_X) / 2
        for at, name in enumerate(row):
            found[name] = Place(start + at * (WIDTH + GAP_X), MARGIN + level * (HEIGHT + GAP_Y))
    return found


def drawing(graph: Graph, marks: Mapping[str, Mark], base: str) -> str:
    """The SVG. Each step links to `base` + its name."""
    at = places(graph)
    width = max((place.x for place in at.values()), default=0) + WIDTH + MARGIN
    height = max((place.y for place in at.values()), default=0) + HEIGHT + MARGIN
    parts = [
        f'<svg class="graph" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        'aria-label="the steps and what they wait for" xmlns="http://www.w3.org/2000/svg">'
    ]
    for name, node in graph.nodes.items():
        for up in sorted(_direct(graph, name)):
            branch = node.branch if node.branch and node.branch.condition == up else None
            label = {True: "true", False: "false", None: ""}[branch.outcome if branch else None]
            parts.append(_edge(at[up], at[name], label, marks.get(name, Mark("")).status))
    for name, node in graph.nodes.items():
        parts.append(_box(name, node.type, at[name], marks.get(name, Mark("")), base))
    return "".join([*parts, "</svg>"])


def _direct(graph: Graph, name: str) -> set[str]:
    """The steps above without those that another of them comes after anyway: fewer lines say the same."""
    upstream = graph.nodes[name].upstream & graph.nodes.keys()
    implied: set[str] = set()
    for up in upstream:
        implied |= graph.above(up)
    return upstream - implied


def _untangle(graph: Graph, rows: list[list[str]]) -> None:
    """Order each layer by the mean place of the neighbours above, then below, a few times."""
    below: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for name, node in graph.nodes.items():
        for up in node.upstream & graph.nodes.keys():
            below[up].add(name)
    for sweep in range(_SWEEPS):
        upwards = sweep % 2 == 1
        for row in reversed(rows) if upwards else rows:
            position = {name: at - len(other) / 2 for other in rows for at, name in enumerate(other)}
            row.sort(
                key=lambda name: _mean(
                    position, below[name] if upwards else graph.nodes[name].upstream & graph.nodes.keys(), name
                )
            )


def _mean(position: Mapping[str, float], names: Iterable[str], own: str) -> float:
    values = [position[name] for name in names]
    return sum(values) / len(values) if values else position[own]


def _edge(up: Place, down: Place, label: str, status: str) -> str:
    x1, y1 = up.x + WIDTH / 2, up.y + HEIGHT
    x2, y2 = down.x + WIDTH / 2, down.y
    bend = max(18.0, (y2 - y1) / 2)
    state = "taken" if status else "waiting"
    text = ""
    if label:
        text = f'<text class="branch" x="{(x1 + x2) / 2 + 6:g}" y="{(y1 + y2) / 2 + 3:g}">{label}</text>'
    path = f"M{x1:g},{y1:g} C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2:g}"
    return f'<path class="edge {state}" d="{path}"/>{text}'


def _box(name: str, kind: str, place: Place, mark: Mark, base: str) -> str:
    status = mark.status or "Waiting"
    chosen = " chosen" if mark.chosen else ""
    shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    radius = 22 if kind == "Condition" else 7
    note = f"{kind} · {mark.note}" if mark.note else kind
    return (
        f"<a href={quoteattr(base + name)} class={quoteattr('step ' + status + chosen)}>"
        f"<title>{escape(name)}: {escape(status)}</title>"
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{WIDTH}" height="{HEIGHT}" rx="{radius}"/>'
        f'<circle cx="{place.x + 16:g}" cy="{place.y + HEIGHT / 2:g}" r="5"/>'
        f'<text class="name" x="{place.x + 30:g}" y="{place.y + 20:g}">{escape(shown)}</text>'
        f'<text class="note" x="{place.x + 30:g}" y="{place.y + 36:g}">{escape(note)}</text></a>'
    )


def execution_path(arn: str) -> str:
    """The console's path of an execution."""
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return f"{PATH}/executions/{pipeline}/{execution}"
