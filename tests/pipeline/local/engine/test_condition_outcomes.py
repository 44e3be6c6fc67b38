"""Every condition type, alone and combined, with Python's own operators as oracle."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.expression_values import EvaluationError
from pipeline.local.engine.condition_outcomes import holds


class Nothing:
    """A scope without values."""

    def parameter(self, name: str) -> Any:
        raise KeyError(name)

    variable = properties = parameter

    def current_item(self) -> Any:
        raise KeyError

    def property_file(self, step: str, name: str) -> str:
        raise KeyError(name)

    def read(self, uri: str, most: int) -> bytes:
        raise EvaluationError(uri)


OPERATORS = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def test_strings_compare_character_by_character() -> None:
    assert not holds([compare("GreaterThan", "1", "3")], Nothing())
    assert holds([compare("GreaterThan", "1", "0")], Nothing())
    assert holds([compare("LessThan", "10", "9")], Nothing())


def test_integers_and_floats_compare_as_numbers() -> None:
    assert holds([compare("GreaterThanOrEqualTo", 6, 6.0), compare("Equals", 1, 1.0)], Nothing())


def test_no_conditions_hold() -> None:
    assert holds([], Nothing()) and holds(None, Nothing())


def test_in_asks_for_the_same_kind() -> None:
    def within(query: Any, values: list[Any], kind: str = "In") -> bool:
        return holds([{"Type": kind, "QueryValue": query, "Values": values}], Nothing())

    assert within("a", ["b", "a"]) and within(1, [1.0]) and within("a", ["b"], "NotIn")
    assert not within("1", [1]) and not within(True, [1]) and not within(1, [True]) and not within("a", [])


@pytest.mark.parametrize(
    ("left", "right"), [("1", 1), (True, 1), (True, "true"), (None, 1), (None, "x"), (1, "1"), ([1], 1)]
)
def test_values_of_different_kinds_cannot_be_compared(left: Any, right: Any) -> None:
    with pytest.raises(EvaluationError, match="are not of the same type"):
        holds([compare("Equals", left, right)], Nothing())


@pytest.mark.parametrize(("left", "right"), [(True, False), ([1], [2]), (None, None)])
def test_what_has_no_order_has_no_greater(left: Any, right: Any) -> None:
    with pytest.raises(EvaluationError, match=r"Condition of type \[GreaterThan\] not supported between"):
        holds([compare("GreaterThan", left, right)], Nothing())


@pytest.mark.parametrize("condition", [{}, {"Type": "Like"}, None, 3, {"Type": ["Equals"]}, {"Type": "Not"}])
def test_what_is_no_condition_is_an_error(condition: Any) -> None:
    with pytest.raises(EvaluationError):
        holds([condition], Nothing())


VALUES = st.integers(-3, 3) | st.floats(-3, 3)
LEAVES = st.builds(compare, st.sampled_from(sorted(OPERATORS)), VALUES, VALUES) | st.builds(
    compare, st.sampled_from(sorted(OPERATORS)), st.text("ab", max_size=2), st.text("ab", max_size=2)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda one: {"Type": "Not", "Condition": one}, inner)
        | st.builds(lambda some: {"Type": "Or", "Conditions": some}, st.lists(inner, max_size=3))
    ),
    max_leaves=8,
)


def oracle(condition: dict[str, Any]) -> bool:
    if condition["Type"] == "Not":
        return not oracle(condition["Condition"])
    if condition["Type"] == "Or":
        return True in [oracle(one) for one in condition["Conditions"]]
    return bool(OPERATORS[condition["Type"]](condition["LeftValue"], condition["RightValue"]))


@given(st.lists(TREES, max_size=4))
def test_trees_of_conditions_hold_when_the_oracle_says_so(conditions: list[dict[str, Any]]) -> None:
    assert holds(conditions, Nothing()) is all([oracle(condition) for condition in conditions])
