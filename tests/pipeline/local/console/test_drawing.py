"""The layout of graphs: layers, no overlaps, few lines, and speed for deep definitions."""

from __future__ import annotations

import time
import xml.etree.ElementTree as Xml
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.console.drawing import HEIGHT, WIDTH, Mark, drawing, layers, places
from pipeline.local.engine.graph import Graph


def graph_of(waits: dict[str, list[str]]) -> Graph:
    steps = [{"Name": name, "Type": "Fail", "Arguments": {}, "DependsOn": above} for name, above in waits.items()]
    return Graph.of({"Steps": steps})


def nested(depth: int) -> dict[str, Any]:
    """Conditions in conditions."""
    inner: list[Any] = [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]
    for level in range(depth):
        arguments = {"Conditions": [], "IfSteps": inner, "ElseSteps": []}
        inner = [{"Name": f"Check{level}", "Type": "Condition", "Arguments": arguments}]
    return {"Steps": inner}


DAGS = st.integers(1, 14).flatmap(
    lambda size: st.tuples(*(st.sets(st.integers(0, max(0, at - 1)), max_size=3) for at in range(size)))
)


@settings(max_examples=60, deadline=None)
@given(DAGS)
def test_no_step_stands_above_what_it_waits_for_and_no_two_overlap(dag: tuple[set[int], ...]) -> None:
    graph = graph_of({f"S{at}": [f"S{up}" for up in sorted(above) if up < at] for at, above in enumerate(dag)})
    at = places(graph)
    assert at.keys() == graph.nodes.keys()
    for name, node in graph.nodes.items():
        assert all(at[up].y < at[name].y for up in node.upstream)
    for one, other in combinations(at.values(), 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT


def test_a_line_that_others_imply_is_not_drawn() -> None:
    graph = graph_of({"A": [], "B": ["A"], "C": ["A", "B"]})
    assert layers(graph) == [["A"], ["B"], ["C"]]
    assert drawing(graph, {}, "?step=").count('class="edge') == 2


def test_branches_carry_their_outcome_and_texts_are_escaped() -> None:
    graph = Graph.of(
        {
            "Steps": [
                {
                    "Name": "Check",
                    "Type": "Condition",
                    "Arguments": {
                        "Conditions": [],
                        "IfSteps": [{"Name": "Yes", "Type": "Fail", "Arguments": {}}],
                        "ElseSteps": [{"Name": "No", "Type": "Fail", "Arguments": {}}],
                    },
                }
            ]
        }
    )
    text = drawing(graph, {"Yes": Mark("Failed", '<&"')}, 'x"y?step=')
    parsed = Xml.fromstring(text)
    words = [found.text for found in parsed.iter("{http://www.w3.org/2000/svg}text")]
    assert {"true", "false"} <= set(words)
    assert 'Fail · <&"' in words


def test_an_empty_definition_is_an_empty_picture() -> None:
    assert Xml.fromstring(drawing(Graph.of({"Steps": []}), {}, "")).tag.endswith("svg")


def test_thirty_one_nested_conditions_and_two_hundred_steps_are_drawn_at_once() -> None:
    wide = {f"S{at}": [f"S{at - 7}"] if at >= 7 else [] for at in range(200)}
    began = time.perf_counter()
    drawing(Graph.of(nested(31)), {}, "")
    drawing(graph_of(wide), {}, "")
    assert time.perf_counter() - began < 1.0
