"""The picture of an execution's graph: few lines, outcomes on branches, and speed for deep definitions."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from typing import Any

from pipeline.local.console.execution_drawing import Mark, drawing
from pipeline.local.engine.readiness import ExecutionGraph


def graph_of(waits: dict[str, list[str]]) -> ExecutionGraph:
    steps = [{"Name": name, "Type": "Fail", "Arguments": {}, "DependsOn": above} for name, above in waits.items()]
    return ExecutionGraph.of({"Steps": steps})


def nested(depth: int) -> dict[str, Any]:
    """Conditions in conditions."""
    inner: list[Any] = [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]
    for level in range(depth):
        arguments = {"Conditions": [], "IfSteps": inner, "ElseSteps": []}
        inner = [{"Name": f"Check{level}", "Type": "Condition", "Arguments": arguments}]
    return {"Steps": inner}


def test_a_line_that_others_imply_is_not_drawn() -> None:
    graph = graph_of({"A": [], "B": ["A"], "C": ["A", "B"]})
    assert drawing(graph, {}, "?step=").count('class="edge') == 2


def test_branches_carry_their_outcome_and_texts_are_escaped() -> None:
    graph = ExecutionGraph.of(
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


def test_what_failed_can_be_told_without_its_colour() -> None:
    graph = graph_of({"A": [], "B": ["A"]})
    text = drawing(graph, {"A": Mark("Succeeded"), "B": Mark("Failed")}, "?step=")
    good, bad = text.split('class="step')[1:]
    assert ("<circle" in good, 'class="cross"' in good) == (True, False)
    assert ("<circle" in bad, 'class="cross"' in bad) == (False, True)


def test_an_empty_definition_is_an_empty_picture() -> None:
    assert Xml.fromstring(drawing(ExecutionGraph.of({"Steps": []}), {}, "")).tag.endswith("svg")


def test_thirty_one_nested_conditions_and_two_hundred_steps_are_drawn() -> None:
    wide = {f"S{at}": [f"S{at - 7}"] if at >= 7 else [] for at in range(200)}
    assert Xml.fromstring(drawing(ExecutionGraph.of(nested(31)), {}, "")).tag.endswith("svg")
    assert drawing(graph_of(wide), {}, "").count('class="step') == 200
