"""The properties of a step and the type of each.

Most steps have the shape of the Describe response of what they make, member by member; Lambda and Callback steps have
the outputs they declare, ForEach steps have counts and what the steps of their body have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pipeline.definition.api_model import load_model
from pipeline.definition.step_types import STEP_TYPES, Placed
from pipeline.errors import did_you_mean

STRING: Final = "String"
INTEGER: Final = "Integer"
FLOAT: Final = "Float"
BOOLEAN: Final = "Boolean"
OBJECT: Final = "Object"
ANY: Final = "Any"
"""Known only when it runs, such as what Std:JsonGet finds."""

Part = str | int
Kind = tuple[str | None, str]
"""The type, None where there is no such property; then a hint says what to write instead."""

_KINDS: Final = {
    "string": STRING,
    "integer": INTEGER,
    "long": INTEGER,
    "float": FLOAT,
    "double": FLOAT,
    "boolean": BOOLEAN,
    "structure": OBJECT,
    "list": OBJECT,
    "map": OBJECT,
}
_COUNTS: Final = (
    "InputItemCount",
    "TotalStepCount",
    "SucceededStepCount",
    "FailedStepCount",
    "StoppedStepCount",
)


def property_kind(step: Placed, parts: Sequence[Part]) -> Kind:
    """The type of a property of a step, or None with a hint where there is no such property."""
    if not parts:
        return None, "name a property of the step"
    if step.type in ("Lambda", "Callback"):
        return _output_kind(step, parts)
    if step.type == "ForEach":
        return _loop_kind(step, parts)
    kind = STEP_TYPES.get(step.type)
    if kind is None or parts[0] in kind.properties:
        return ANY, ""
    if kind.response is None:
        known = ", ".join(sorted(kind.properties))
        return (ANY, "") if kind.free else (None, f"a {step.type} step has {known or 'no properties'}")
    return _shape_kind(kind.response, parts)


def _output_kind(step: Placed, parts: Sequence[Part]) -> Kind:
    declared = step.step.get("OutputParameters")
    outputs = {
        str(output.get("OutputName")): str(output.get("OutputType", STRING))
        for output in (declared if isinstance(declared, list) else [])
        if isinstance(output, dict)
    }
    if parts[0] != "OutputParameters" or len(parts) != 2 or str(parts[1]) not in outputs:
        return None, f"the step has {', '.join(f'OutputParameters[{name!r}]' for name in outputs) or 'no outputs'}"
    kind = outputs[str(parts[1])]
    return (kind if kind in (STRING, INTEGER, FLOAT, BOOLEAN) else ANY), ""


def _loop_kind(step: Placed, parts: Sequence[Part]) -> Kind:
    """Counts; outputs of an iteration, found by its index and the step of the body; those that were selected."""
    match parts:
        case ["Status"]:
            return STRING, ""
        case [str(name)] if name in _COUNTS:
            return INTEGER, ""
        case ["IterationOutputs", int(), str(name), *rest] if name in step.body:
            return property_kind(step.body[name], rest)
        case ["Selected", *rest] if (selected := _selected(step)) in step.body:
            return property_kind(step.body[selected], rest)
    outputs = ", ".join(f"IterationOutputs[0].{name}" for name in step.body)
    return None, f"a ForEach step has Status, {', '.join(_COUNTS)}, {outputs}, and Selected where it has a selector"


def _selected(step: Placed) -> str:
    """The step of the body that the selector of a ForEach step looks at, "" without one."""
    selector = step.arguments.get("Selector")
    field = selector.get("Field") if isinstance(selector, dict) else None
    path = str(field.get("Get")) if isinstance(field, dict) else ""
    return path.removeprefix("IterationOutput.").split(".", 1)[0].split("[", 1)[0]


def _shape_kind(shape_name: str, parts: Sequence[Part]) -> Kind:
    shapes = load_model()["shapes"]
    shape: Any = shapes[shape_name]
    for part in parts:
        if shape["type"] == "structure":
            if part not in shape["members"]:
                return None, did_you_mean(str(part), shape["members"])
            shape = shapes[shape["members"][part]["shape"]]
        elif shape["type"] in ("list", "map"):
            shape = shapes[shape["member" if shape["type"] == "list" else "value"]["shape"]]
        else:
            return None, f"there is nothing below {shape['type']} for {part!r}"
    return _KINDS.get(shape["type"], ANY), ""
