"""The picture of a graph as SVG: boxes in layers from top to bottom, edges as curves, all laid out here.

It needs no script, library or network. Every part has a class by which a page can style it, and colours of its own for
where no page does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from pipeline.definition.layout import Grid, Place, places

GRID: Final = Grid(width=196, height=48, gap_x=26, gap_y=44, margin=16)
_LONGEST: Final = 24
_HALO: Final = 'paint-order="stroke" stroke="#fff" stroke-width="4"'
_TIPPED: Final = 'marker-end="url(#tip)"'
_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#8c959f"/></marker></defs>'
)
# fill, stroke and sign
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
WAITING: Final = "Waiting"
"""The status of a step that has not started, where the others have one."""


@dataclass(frozen=True)
class Box:
    """One step: its name, what it is called, its type, and what has become of it."""

    name: str
    title: str
    kind: str
    note: str
    """The second line."""
    status: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Edge:
    """One step waits for another; `label` names the branch of a condition."""

    source: str
    target: str
    label: str = ""


def colours() -> dict[str, tuple[str, str]]:
    """Fill and stroke of each status."""
    return {status: (fill, stroke) for status, (fill, stroke, _) in _COLOURS.items()}


def laid_out(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, Place]:
    """The left upper corner of each box, in pixels."""
    above: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        above[edge.target].append(edge.source)
    return places(above, GRID)


def svg(boxes: Sequence[Box], edges: Sequence[Edge], link: Callable[[str], str] | None = None) -> str:
    """One SVG document; with `link`, each box leads to an address."""
    at, started = laid_out([box.name for box in boxes], edges), {box.name for box in boxes if box.status != WAITING}
    width = max((place.x for place in at.values()), default=0) + GRID.width + GRID.margin
    height = max((place.y for place in at.values()), default=0) + GRID.height + GRID.margin
    drawn = [_edge(edge, at[edge.source], at[edge.target], taken=edge.target in started) for edge in edges]
    drawn += [_box(box, at[box.name], link) for box in boxes]
    return (
        f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="system-ui, sans-serif" role="img" '
        f'aria-label="the steps and what they wait for">{_TIP}{"".join(drawn)}</svg>'
    )


def _edge(edge: Edge, up: Place, down: Place, *, taken: bool) -> str:
    x1, y1, x2, y2 = up.x + GRID.width / 2, up.y + GRID.height, down.x + GRID.width / 2, down.y
    bend = max(18.0, (y2 - y1) / 2)
    path = f"M{x1:g},{y1:g} C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2 - 2:g}"
    state = "taken" if taken else "waiting"
    drawn = f'<path class="edge {state}" d="{path}" fill="none" stroke="#8c959f" stroke-width="1.5" {_TIPPED}/>'
    if edge.label:
        x, y = (x1 + x2) / 2 + 6, (y1 + y2) / 2 + 3
        label = escape(edge.label)
        drawn += f'<text class="branch" x="{x:g}" y="{y:g}" font-size="11" fill="#57606a" {_HALO}>{label}</text>'
    return drawn


def _box(box: Box, place: Place, link: Callable[[str], str] | None) -> str:
    x, y = place.x, place.y
    fill, stroke, sign = _COLOURS.get(box.status, _PLAIN)
    classes = escape(" ".join(filter(None, ("step", box.status, "chosen" if box.chosen else ""))))
    tag, opening = ("a", f'a href="{escape(link(box.name))}"') if link else ("g", f'g data-step="{escape(box.name)}"')
    radius = 22 if box.kind in ("Condition", "Fail") else 8
    return (
        f'<{opening} class="{classes}"><title>{escape(": ".join(filter(None, (box.name, box.status))))}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{GRID.width:g}" height="{GRID.height:g}" rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"/>{_sign(box.status, x + 16, y + GRID.height / 2, sign)}'
        f'<text class="name" x="{x + 30:g}" y="{y + 21:g}" font-size="13" fill="#1f2328">{_fit(box.title)}</text>'
        f'<text class="note" x="{x + 30:g}" y="{y + 37:g}" font-size="11" fill="#57606a">{_fit(box.note)}</text>'
        f"</{tag}>"
    )


def _sign(status: str, x: float, y: float, colour: str) -> str:
    """A dot, and a cross for what failed, since red and green are alike to some eyes."""
    if status == "Failed":
        cross = f"M{x - 4:g},{y - 4:g} l8,8 m0,-8 l-8,8"
        return f'<path class="cross" d="{cross}" stroke="{colour}" stroke-width="2.6"/>'
    return f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{colour}"/>'


def _fit(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
