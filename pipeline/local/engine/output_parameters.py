"""The OutputParameters of Lambda and Callback steps: what came back, in the types that the definition declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.definition.expression_values import render
from pipeline.local.kinds import Body

_LIMIT: Final = 1024


class OutputError(Exception):
    """An output that was declared is missing or of another type."""


def typed(step: Body, values: Mapping[str, Any]) -> Body:
    """The declared outputs by name, each in its OutputType. Raises OutputError."""
    found: Body = {}
    for declared in step.get("OutputParameters") or []:
        name, kind = str(declared.get("OutputName")), str(declared.get("OutputType", "String"))
        if name not in values:
            raise OutputError(f"the output parameter {name} is missing")
        found[name] = _as(kind, name, values[name])
    return found


def listed(outputs: Mapping[str, Any]) -> list[Body]:
    """Outputs as a step's Metadata has them."""
    return [{"Name": name, "Value": render(value)[:_LIMIT]} for name, value in outputs.items()]


def _as(kind: str, name: str, value: Any) -> Any:
    text = render(value)
    try:
        match kind:
            case "Integer":
                return int(text)
            case "Float":
                return float(text)
            case "Boolean" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "String":
                return text
    except ValueError:
        pass
    raise OutputError(f"the output parameter {name} is {text[:100]!r}, which is no {kind}")
