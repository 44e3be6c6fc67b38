"""Graphs in layers: which edges say something, in which layer each node stands and where in it.

A graph is given as each node with those above it, which it waits for. Who draws it decides on sizes and looks, so the
pages of the console and the pictures of reports are laid out alike and need no library, script or network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Above = Mapping[str, Collection[str]]

_SWEEPS: Final = 4


@dataclass(frozen=True)
class Grid:
    """The size of a box, the gaps between boxes and the margin around all of them, in pixels."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    margin: float


@dataclass(frozen=True)
class Place:
    """Where a node's box is; x and y are its upper left corner."""

    x: float
    y: float


def direct(above: Above) -> dict[str, list[str]]:
    """Each node with those above it that no other of them comes after anyway: fewer lines say the same."""
    far = {name: _far(name, above) for name in above}
    return {
        name: [up for up in ups if not any(up in far[other] for other in ups if other != up)]
        for name, ups in above.items()
    }


def layers(above: Above) -> list[list[str]]:
    """The nodes by the length of the longest way to them, ordered so that few edges cross."""
    depth = _depths(above)
    rows = [[name for name in above if depth[name] == level] for level in sorted(set(depth.values()))]
    below: dict[str, list[str]] = {name: [] for name in above}
    for name, ups in above.items():
        for up in ups:
            below[up].append(name)
    position = {name: place for row in rows for name, place in _centred(row)}
    for sweep in range(_SWEEPS):
        upwards = sweep % 2 == 1
        for row in reversed(rows) if upwards else rows:
            means = {name: _mean(position, (below if upwards else above)[name], name) for name in row}
            row.sort(key=means.__getitem__)
            position.update(_centred(row))
    return rows


def places(above: Above, grid: Grid) -> dict[str, Place]:
    """The place of every node; layers are centred."""
    rows = layers(above)
    widest = max(map(len, rows), default=0)
    found: dict[str, Place] = {}
    for level, row in enumerate(rows):
        start = grid.margin + (widest - len(row)) * (grid.width + grid.gap_x) / 2
        for at, name in enumerate(row):
            x, y = start + at * (grid.width + grid.gap_x), grid.margin + level * (grid.height + grid.gap_y)
            found[name] = Place(x, y)
    return found


def _far(name: str, above: Above) -> set[str]:
    """Every node above this one, near and far."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for up in above[waiting.pop()]:
            if up not in found:
                found.add(up)
                waiting.append(up)
    return found


def _depths(above: Above) -> dict[str, int]:
    depth = dict.fromkeys(above, 0)
    # A definition that was checked has no cycle; the bound keeps one that was not from looping for ever.
    for _ in above:
        changed = False
        for name, ups in above.items():
            wanted = max((depth[up] + 1 for up in ups), default=0)
            changed, depth[name] = changed or wanted != depth[name], wanted
        if not changed:
            break
    return depth


def _centred(row: list[str]) -> Iterator[tuple[str, float]]:
    return ((name, at - len(row) / 2) for at, name in enumerate(row))


def _mean(position: Mapping[str, float], names: Collection[str], own: str) -> float:
    return sum(position[name] for name in names) / len(names) if names else position[own]
