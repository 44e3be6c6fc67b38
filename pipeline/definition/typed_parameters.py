"""The values of pipeline parameters: text that an execution is given, and defaults, in the types that are declared.

The service takes an execution's parameters by it and a plan forecasts by it, so that `1`, `1.0` and `true` are the same
to both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_INTEGER: Final = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII)


def default(declared: Mapping[str, Any]) -> Any:
    """The default as the declared type; `1` is a Float too, and then the same as `1` given at start."""
    value = declared.get("DefaultValue")
    return float(value) if declared.get("Type") == "Float" and isinstance(value, int | float) else value


def typed(declared: Mapping[str, Any], text: str) -> Any:
    """The value that a text stands for. Raises ValueError."""
    kind = declared.get("Type", "String")
    if kind == "Integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "Float" and _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    if kind == "Boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "String":
        return text
    raise ValueError(f"{text!r} is not of type {kind}")


def values(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Each parameter's value: the one given, or its default; those that have neither are left out.

    A text that is not of the parameter's type, which the service would refuse, stays as it is.
    """
    found: dict[str, Any] = {}
    for declared in definition.get("Parameters") or []:
        name = declared["Name"]
        if name in given:
            try:
                found[name] = typed(declared, given[name])
            except ValueError:
                found[name] = given[name]
        elif (value := default(declared)) is not None:
            found[name] = value
    return found
