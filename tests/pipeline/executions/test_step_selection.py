"""Which steps `start --only` and `start --from` choose."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.executions.step_selection import selected


def step(name: str, *sources: str, depends: tuple[Any, ...] = ()) -> dict[str, Any]:
    references = [{"Get": f"Steps.{source}.Arn"} for source in sources]
    return {"Name": name, "Type": "Processing", "Arguments": {"x": references}, "DependsOn": list(depends)}


def branch(name: str, *children: dict[str, Any], depends: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"Name": name, "Type": "Condition", "Arguments": {"IfSteps": list(children)}, "DependsOn": list(depends)}


CHAIN = {"Steps": [step("A"), step("B", "A"), step("C", "B"), step("D", "A")]}


def test_one_step_is_chosen_alone() -> None:
    assert selected(CHAIN, only=["B"], start="") == ("B",)


def test_steps_between_two_chosen_ones_are_chosen_too() -> None:
    assert selected(CHAIN, only=["A", "C"], start="") == ("A", "B", "C")


def test_from_a_step_on_means_it_and_all_that_follow() -> None:
    assert selected(CHAIN, only=[], start="B") == ("B", "C")
    assert selected(CHAIN, only=[], start="A") == ("A", "B", "C", "D")


def test_the_steps_of_a_branch_follow_their_condition() -> None:
    definition = {"Steps": [step("A"), branch("If", step("Inner"), depends=("A",))]}
    assert selected(definition, only=[], start="A") == ("A", "If", "Inner")


def test_depends_on_with_a_trigger_is_an_edge() -> None:
    definition = {"Steps": [step("A"), step("B", depends=({"Step": "A", "Trigger": "Failed"},))]}
    assert selected(definition, only=[], start="A") == ("A", "B")


def test_a_wrong_name_gets_the_nearest_right_one() -> None:
    with pytest.raises(UsageError) as raised:
        selected({"Steps": [step("TrainModel")]}, only=["TrainModl"], start="")
    assert raised.value.hint == "did you mean TrainModel?"
