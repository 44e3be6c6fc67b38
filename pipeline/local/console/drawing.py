"""An execution's graph as SVG: steps in layers from top to bottom, edges as curves, statuses as classes for styles.

Everything is laid out here, so the page needs no script and no network to show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from pipeline.definition.layout import Grid, Place, direct, places
from pipeline.local.console.access import PATH
from pipeline.local.engine.graph import ExecutionGraph

_GRID: Final = Grid(width=196, height=46, gap_x=22, gap_y=40, margin=14)
_LONGEST_NAME: Final = 24


@dataclass(frozen=True)
class Mark:
    """What is shown of one step: its status, a second line, whether it is the chosen one."""

    status: str
    note: str = ""
    chosen: bool = False


def drawing(graph: ExecutionGraph, marks: Mapping[str, Mark], base: str) -> str:
    """The SVG. Each step links to `base` + its name."""
    above = {name: sorted(node.upstream & graph.nodes.keys()) for name, node in graph.nodes.items()}
    at, lines = places(above, _GRID), direct(above)
    width = max((place.x for place in at.values()), default=0) + _GRID.width + _GRID.margin
    height = max((place.y for place in at.values()), default=0) + _GRID.height + _GRID.margin
    parts = [
        f'<svg class="graph" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        'aria-label="the steps and what they wait for" xmlns="http://www.w3.org/2000/svg">'
    ]
    for name, node in graph.nodes.items():
        for up in lines[name]:
            branch = node.branch if node.branch and node.branch.condition == up else None
            label = {True: "true", False: "false", None: ""}[branch.outcome if branch else None]
            parts.append(_edge(at[up], at[name], label, marks.get(name, Mark("")).status))
    for name, node in graph.nodes.items():
        parts.append(_box(name, node.type, at[name], marks.get(name, Mark("")), base))
    return "".join([*parts, "</svg>"])


def _edge(up: Place, down: Place, label: str, status: str) -> str:
    x1, y1 = up.x + _GRID.width / 2, up.y + _GRID.height
    x2, y2 = down.x + _GRID.width / 2, down.y
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
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{_GRID.width:g}" height="{_GRID.height:g}" rx="{radius}"/>'
        f"{_sign(status, place.x + 16, place.y + _GRID.height / 2)}"
        f'<text class="name" x="{place.x + 30:g}" y="{place.y + 20:g}">{escape(shown)}</text>'
        f'<text class="note" x="{place.x + 30:g}" y="{place.y + 36:g}">{escape(note)}</text></a>'
    )


def _sign(status: str, x: float, y: float) -> str:
    """A dot, whose colour the style gives; a cross for what failed, since red and green are alike to some eyes."""
    if status == "Failed":
        return f'<path class="cross" d="M{x - 4:g},{y - 4:g} l8,8 m0,-8 l-8,8"/>'
    return f'<circle cx="{x:g}" cy="{y:g}" r="5"/>'


def execution_path(arn: str) -> str:
    """The console's path of an execution."""
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return f"{PATH}/executions/{pipeline}/{execution}"
