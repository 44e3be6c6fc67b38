"""Differences between definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.difference import ABSENT, Change, compare, parameters, steps

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def step(name: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


@given(_JSON)
def test_a_value_does_not_differ_from_its_copy(value: Any) -> None:
    assert list(compare(value, json.loads(json.dumps(value)))) == []


@given(_JSON, _JSON)
def test_values_without_a_difference_are_the_same_json(old: Any, new: Any) -> None:
    if not list(compare(old, new)):
        assert json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def test_a_change_names_its_path_and_both_values() -> None:
    old = {"Arguments": {"HyperParameters": {"epochs": "15"}}}
    new = {"Arguments": {"HyperParameters": {"epochs": "20"}}}
    assert list(compare(old, new)) == [Change("Arguments.HyperParameters.epochs", "15", "20")]


def test_true_is_not_one() -> None:
    assert list(compare({"a": True}, {"a": 1})) == [Change("a", True, 1)]


def test_named_items_are_compared_by_name_whatever_their_order() -> None:
    old = [{"InputName": "a", "uri": 1}, {"InputName": "b", "uri": 2}]
    new = [{"InputName": "b", "uri": 3}, {"InputName": "a", "uri": 1}, {"InputName": "c", "uri": 4}]
    assert list(compare(old, new, "Inputs")) == [
        Change("Inputs[b].uri", 2, 3),
        Change("Inputs[c]", ABSENT, {"InputName": "c", "uri": 4}),
    ]


@pytest.mark.parametrize(
    "member",
    [
        "Name",
        "InputName",
        "OutputName",
        "ChannelName",
        "PropertyFileName",
        "VariantName",
        "StepName",
        "Key",
    ],
)
def test_every_kind_of_item_is_known_by_its_name(member: str) -> None:
    old, new = [{member: "a", "v": 1}, {member: "b", "v": 2}], [{member: "b", "v": 2}, {member: "a", "v": 3}]
    assert list(compare(old, new)) == [Change("[a].v", 1, 3)]


def test_items_that_share_a_name_are_compared_by_position() -> None:
    old, new = [{"Key": "a", "v": 1}, {"Key": "a", "v": 2}], [{"Key": "a", "v": 1}, {"Key": "a", "v": 3}]
    assert list(compare(old, new)) == [Change("[1].v", 2, 3)]


def test_a_list_that_grew_shows_what_was_added() -> None:
    assert list(compare(["--a"], ["--a", "--b"], "args")) == [Change("args[1]", ABSENT, "--b")]


def test_an_item_that_went_or_came_does_not_shift_those_after_it() -> None:
    old, new = ["--a", 1, "--b", 2, "--c", 3], ["--b", 5, "--c", 3, "--d"]
    assert list(compare(old, new, "args")) == [
        Change("args[0]", "--a", ABSENT),
        Change("args[1]", 1, ABSENT),
        Change("args[1]", 2, 5),
        Change("args[4]", ABSENT, "--d"),
    ]


def test_parameters_tell_added_removed_and_changed() -> None:
    old = {"Parameters": [{"Name": "A", "DefaultValue": 1}, {"Name": "B"}]}
    new = {"Parameters": [{"Name": "A", "DefaultValue": 2}, {"Name": "C"}]}
    assert [(change.name, change.kind) for change in parameters(old, new)] == [
        ("A", "changed"),
        ("C", "added"),
        ("B", "removed"),
    ]


def test_a_step_inside_a_branch_is_compared_by_itself() -> None:
    def definition(value: int) -> dict[str, Any]:
        condition = {"Name": "If", "Type": "Condition", "Arguments": {"IfSteps": [step("Inner", x=value)]}}
        return {"Steps": [step("Outer", x=0), condition]}

    changes = steps(definition(1), definition(2))
    assert [(change.name, change.kind) for change in changes] == [("Inner", "changed")]
    assert changes[0].changes == (Change("Arguments.x", 1, 2),)


def test_a_step_that_moves_into_a_branch_changes_the_condition() -> None:
    branch: dict[str, Any] = {"Name": "If", "Type": "Condition", "Arguments": {"IfSteps": []}}
    old = {"Steps": [step("A"), branch]}
    new = {"Steps": [{**branch, "Arguments": {"IfSteps": [step("A")]}}]}
    assert [(change.name, change.kind) for change in steps(old, new)] == [("If", "changed")]
