"""The graph of a definition, its layout and its pictures."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.graph_drawing import Edge, laid_out
from pipeline.report import graph_formats
from pipeline.report.graph_formats import Status


def step(name: str, *sources: str, kind: str = "Processing") -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": {"x": [{"Get": f"Steps.{source}.Arn"} for source in sources]}}


def condition(name: str, source: str, yes: list[dict[str, Any]], no: list[dict[str, Any]]) -> dict[str, Any]:
    left = {"Get": f"Steps.{source}.Arn"}
    arguments = {"Conditions": [{"LeftValue": left}], "IfSteps": yes, "ElseSteps": no}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def test_references_and_branches_are_edges_and_implied_ones_are_left_out() -> None:
    definition = {
        "Steps": [
            step("A"),
            step("B", "A"),
            condition("If", "B", [step("Yes", "A"), step("After", "Yes")], [step("No", "A")]),
        ]
    }
    assert set(graph_formats.of(definition).edges) == {
        Edge("A", "B"),
        Edge("B", "If"),
        Edge("If", "Yes", "true"),
        Edge("If", "No", "false"),
        Edge("Yes", "After"),
    }


def test_a_reference_to_a_step_that_is_not_there_is_no_edge() -> None:
    assert graph_formats.of({"Steps": [step("A", "Gone")]}).edges == ()


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 12))
    names = [f"S{index}" for index in range(count)]
    steps = []
    for index, name in enumerate(names):
        sources = draw(st.lists(st.sampled_from(names[:index]), max_size=3, unique=True)) if index else []
        steps.append(step(name, *sources))
    return {"Steps": steps}


@given(definitions())
def test_every_step_stands_below_what_it_waits_for_and_no_two_boxes_share_a_place(definition: dict[str, Any]) -> None:
    made = graph_formats.of(definition)
    places = laid_out([node.name for node in made.nodes], made.edges)
    assert len(set(places.values())) == len(definition["Steps"])
    for edge in made.edges:
        assert places[edge.source].y < places[edge.target].y


def test_the_picture_is_well_formed_and_holds_each_step_with_its_status() -> None:
    made = graph_formats.of({"Steps": [step("Convert <raw> & more"), step("B")]})
    document = ElementTree.fromstring(graph_formats.svg(made, {"B": Status("Failed", "1.0 s")}))
    titles = [element.text for element in document.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["Convert <raw> & more", "B: Failed"]
    texts = [element.text for element in document.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["Convert <raw> & more", "Processing", "B", "Failed · 1.0 s"]


def test_mermaid_names_nodes_so_that_no_name_is_a_keyword() -> None:
    text = graph_formats.mermaid(
        graph_formats.of({"Steps": [step("end"), step("b-2", "end")]}), {"end": Status("Succeeded")}
    )
    assert "    step_end --> step_b_2\n" in text
    assert "    class step_end Succeeded\n" in text


def test_conditions_and_failures_have_shapes_of_their_own() -> None:
    text = graph_formats.mermaid(
        graph_formats.of({"Steps": [step("A"), condition("If", "A", [], [step("No", kind="Fail")])]})
    )
    for line in ('step_A["A"]', 'step_If{{"If"}}', 'step_No(["No"])', "step_If -->|false| step_No"):
        assert f"    {line}\n" in text


def test_a_definition_with_a_cycle_is_drawn_all_the_same() -> None:
    made = graph_formats.of({"Steps": [step("A", "B"), step("B", "A")]})
    assert graph_formats.svg(made).startswith("<svg")
