"""Condition types: comparisons of two values, In, Not, Or; a list of conditions holds when all of them do.

Numbers compare as numbers, strings in the order of their characters (so "10" < "9", as observed). Values of different
kinds cannot be compared: that fails the Condition step, as the SDK's local executor does it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError, Values, evaluate
from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="pipelines",
        subject="comparison of values of different kinds in a condition",
        here="the Condition step fails; integer and float compare as numbers, a boolean is no number",
        aws="the step fails; text not established",
    ),
)

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_NAMES: Final = {bool: "Boolean", int: "Integer", float: "Float", str: "String"}


def holds(conditions: Any, scope: Values) -> bool:
    """Whether all conditions of a list hold; an empty list does. Raises EvaluationError."""
    return all(_holds(condition, scope) for condition in conditions or [])


def _holds(condition: Any, scope: Values) -> bool:
    kind = condition.get("Type") if isinstance(condition, dict) else None
    match kind:
        case "Not":
            return not _holds(condition.get("Condition"), scope)
        case "Or":
            return any(_holds(one, scope) for one in condition.get("Conditions") or [])
        case "In" | "NotIn":
            return _contains(condition, scope) is (kind == "In")
        case str() if kind in _COMPARE:
            left = evaluate(condition.get("LeftValue"), scope)
            right = evaluate(condition.get("RightValue"), scope)
            return _compare(kind, left, right)
    raise EvaluationError(f"Condition of type [{kind}] is not supported.")


def _contains(condition: dict[str, Any], scope: Values) -> bool:
    query = evaluate(condition.get("QueryValue"), scope)
    values = evaluate(condition.get("Values"), scope)
    if not isinstance(values, list):
        raise EvaluationError(f"Condition of type [{condition['Type']}] needs a list of Values.")
    return any(_kind(query) == _kind(value) and query == value for value in values)


def _compare(kind: str, left: Any, right: Any) -> bool:
    left_kind, right_kind = _kind(left), _kind(right)
    if left_kind != right_kind:
        raise EvaluationError(
            f"LeftValue [{left}] of type [{_name(left)}] and RightValue [{right}] of type [{_name(right)}]"
            " are not of the same type."
        )
    equality = kind in ("Equals", "NotEquals")
    if left_kind == "other" or (left_kind == "boolean" and not equality):
        raise EvaluationError(
            f"Condition of type [{kind}] not supported between [{left}] of type [{_name(left)}]"
            f" and [{right}] of type [{_name(right)}]."
        )
    return _COMPARE[kind](left, right)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
    return "other"


def _name(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)
