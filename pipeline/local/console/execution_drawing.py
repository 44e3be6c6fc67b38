"""An execution's graph as the console shows it: every step links to itself, and has the status that it has now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.definition.graph_drawing import WAITING, Box, Edge, svg
from pipeline.definition.layout import direct
from pipeline.local.console.access import PATH
from pipeline.local.engine.readiness import ExecutionGraph


@dataclass(frozen=True)
class Mark:
    """What is shown of one step: its status, a second line, whether it is the chosen one."""

    status: str
    note: str = ""
    chosen: bool = False


def drawing(graph: ExecutionGraph, marks: Mapping[str, Mark], base: str) -> str:
    """The SVG. Each step links to `base` + its name."""
    boxes = []
    for name, node in graph.nodes.items():
        mark = marks.get(name, Mark(""))
        note = f"{node.type} · {mark.note}" if mark.note else node.type
        boxes.append(Box(name, name, node.type, note, mark.status or WAITING, mark.chosen))
    lines = direct({name: sorted(node.upstream & graph.nodes.keys()) for name, node in graph.nodes.items()})
    edges = [Edge(up, name, _outcome(graph, up, name)) for name in graph.nodes for up in lines[name]]
    return svg(boxes, edges, lambda name: base + name)


def execution_path(arn: str) -> str:
    """The console's path of an execution."""
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return f"{PATH}/executions/{pipeline}/{execution}"


def _outcome(graph: ExecutionGraph, up: str, name: str) -> str:
    branch = graph.nodes[name].branch
    return str(branch.outcome).lower() if branch and branch.condition == up else ""
