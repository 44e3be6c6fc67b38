"""Evaluated arguments in the types that the API wants: a number from an expression where a string must be becomes text.

Types that are known when a pipeline is created are checked there; what a property or a JSON file holds is known only
when the step runs.
"""

from __future__ import annotations

from typing import Any

from pipeline.definition.api_model import load_model
from pipeline.definition.expression_values import render

Shape = dict[str, Any]


def shaped(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an action, with numbers and booleans rendered where its model has strings."""
    model = load_model()
    shapes: dict[str, Shape] = model["shapes"]
    name = model["operations"][operation]["input"]["shape"]
    result: dict[str, Any] = _value(shapes, shapes[name], arguments)
    return result


def _value(shapes: dict[str, Shape], shape: Shape, value: Any) -> Any:
    match shape["type"], value:
        case "structure", dict():
            members = shape["members"]
            return {
                key: _value(shapes, shapes[members[key]["shape"]], item) if key in members else item
                for key, item in value.items()
            }
        case "map", dict():
            inner = shapes[shape["value"]["shape"]]
            return {key: _value(shapes, inner, item) for key, item in value.items()}
        case "list", list():
            inner = shapes[shape["member"]["shape"]]
            return [_value(shapes, inner, item) for item in value]
        case "string", bool() | int() | float():
            return render(value)
        case "integer" | "long", float() if value.is_integer():
            return int(value)
    return value
