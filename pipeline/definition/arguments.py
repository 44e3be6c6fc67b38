"""A step's arguments against botocore's model of the request that they become.

Members, kinds of values, enums, lengths and ranges are refused as the service does when a pipeline is created; a
pattern only warns, since it is the job's own request that fails by it. An expression counts as the type it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.definition.api_model import load_model
from pipeline.definition.expression_values import is_expression
from pipeline.definition.patterns import matches
from pipeline.definition.properties import ANY, BOOLEAN, FLOAT, INTEGER, STRING
from pipeline.definition.references import CheckScope, unassignable
from pipeline.definition.step_types import STEP_TYPES, UNPARSABLE, DefinitionProblem, Placed, StepType, error, warning

Shape = Mapping[str, Any]

# The type of an argument as the service's messages have it, and the types of expressions that it takes.
_ACCEPTED: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "string": ("String", frozenset({STRING})),
    "integer": ("Integer", frozenset({INTEGER})),
    "long": ("Long", frozenset({INTEGER})),
    "float": ("Float", frozenset({FLOAT, INTEGER})),
    "double": ("Double", frozenset({FLOAT, INTEGER})),
    "boolean": ("Boolean", frozenset({BOOLEAN})),
}


def argument_problems(step: Placed, scope: CheckScope) -> list[DefinitionProblem]:
    """What is wrong with the arguments of a step whose type has a request of its own."""
    kind = STEP_TYPES.get(step.type)
    if kind is None or kind.request is None:
        return []
    walk = _Walk(step, kind, scope)
    walk.request()
    return walk.problems


class _Walk:
    """One step's way through the shapes."""

    def __init__(self, step: Placed, kind: StepType, scope: CheckScope) -> None:
        self.problems: list[DefinitionProblem] = []
        self._step, self._kind, self._scope = step, kind, scope
        self._shapes: Mapping[str, Shape] = load_model()["shapes"]
        self._kinds: Mapping[str, Callable[[Shape, str, Any, str], None]] = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
            "string": self._string,
            "integer": self._integer,
            "long": self._integer,
            "float": self._real,
            "double": self._real,
            "boolean": self._boolean,
        }

    def request(self) -> None:
        """The whole of the arguments."""
        path = f"{self._step.path}.Arguments"
        arguments = self._step.step.get("Arguments")
        if not isinstance(arguments, dict) or is_expression(arguments):
            self._error(path, f"{UNPARSABLE} Expecting start of Json Object.")
            return
        kept = {}
        for name, value in arguments.items():
            if name in self._kind.refused:
                self._error(f"{path}.{name}", f"{UNPARSABLE} Unknown Argument member '{name}'", _why_refused(name))
            else:
                kept[name] = value
        shape = self._shapes[str(self._kind.request)]
        self._structure(shape, "", kept, path)

    def _value(self, shape_name: str, value: Any, path: str) -> None:
        shape = self._shapes[shape_name]
        if is_expression(value):
            self._expression(shape, value, path)
        elif check := self._kinds.get(shape["type"]):
            check(shape, shape_name, value, path)

    def _expression(self, shape: Shape, value: dict[str, Any], path: str) -> None:
        if shape["type"] in ("list", "structure", "map"):
            kind = "Array" if shape["type"] == "list" else "Object"
            hint = "a reference can stand for a single value only"
            self._error(path, f"{UNPARSABLE} Expecting start of Json {kind}.", hint)
            return
        # What is wrong within the expression is reported by the check of all references.
        kind = self._scope.kind(value, path, [], of=self._step)
        name, accepted = _ACCEPTED.get(shape["type"], ("", frozenset()))
        if name and kind != ANY and kind not in accepted:
            self.problems.append(unassignable(value, kind, name, path))

    def _structure(self, shape: Shape, _: str, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            self._error(path, f"{UNPARSABLE} Expecting start of Json Object.")
            return
        for name in shape.get("required", ()):
            if value.get(name) is None and name not in self._kind.given:
                self._error(path, f"{UNPARSABLE} Model Validation failed: Missing required member '{name}'")
        for name, item in value.items():
            if name not in shape["members"]:
                self._error(f"{path}.{name}", f"{UNPARSABLE} Unknown Argument member '{name}'")
            elif item is not None:
                self._value(shape["members"][name]["shape"], item, f"{path}.{name}")

    def _list(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if not isinstance(value, list):
            self._error(path, f"{UNPARSABLE} Expecting start of Json Array.")
            return
        self._sized(shape, name, len(value), path)
        for index, item in enumerate(value):
            self._value(shape["member"]["shape"], item, f"{path}[{index}]")

    def _map(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            self._error(path, f"{UNPARSABLE} Expecting start of Json Object.")
            return
        self._sized(shape, name, len(value), path)
        for key, item in value.items():
            self._value(shape["key"]["shape"], key, f"{path}.{key}")
            self._value(shape["value"]["shape"], item, f"{path}.{key}")

    def _string(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if not isinstance(value, str):
            self._wrong_kind("String", value, path)
            return
        if "enum" in shape and value not in shape["enum"]:
            allowed = ", ".join(shape["enum"])
            self._invalid(name, value, f"enum value set: [{allowed}]", path)
        self._sized(shape, name, len(value), path)
        if "pattern" in shape and not matches(shape["pattern"], value):
            hint = "the request that the step sends will be refused"
            self.problems.append(warning(path, f"{value!r} is not of the form {shape['pattern']}", hint))

    def _integer(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong_kind("Integer", value, path)
        else:
            self._ranged(shape, name, value, path)

    def _real(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong_kind("Float", value, path)
            return
        if isinstance(value, int) and self._step.type == "InferenceComponent":
            hint = f"write {value}.0: the service has been seen to refuse a whole number here"
            self.problems.append(warning(path, f"{value} is written as an integer", hint))
        self._ranged(shape, name, value, path)

    def _boolean(self, shape: Shape, name: str, value: Any, path: str) -> None:
        if not isinstance(value, bool):
            self._wrong_kind("Boolean", value, path)

    def _sized(self, shape: Shape, name: str, size: int, path: str) -> None:
        if "max" in shape and size > shape["max"]:
            self._invalid(name, str(size), f"constraint: length at most {shape['max']}", path)
        if "min" in shape and size < shape["min"]:
            self._invalid(name, str(size), f"constraint: length at least {shape['min']}", path)

    def _ranged(self, shape: Shape, name: str, number: float, path: str) -> None:
        if "max" in shape and number > shape["max"]:
            self._invalid(name, str(number), f"constraint: value at most {shape['max']}", path)
        if "min" in shape and number < shape["min"]:
            self._invalid(name, str(number), f"constraint: value at least {shape['min']}", path)

    def _wrong_kind(self, wanted: str, value: Any, path: str) -> None:
        shown = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else repr(value)
        self._error(path, f"{UNPARSABLE} Expecting a value of type [{wanted}].", f"it is {shown}")

    def _invalid(self, name: str, value: str, constraint: str, path: str) -> None:
        text = f"Model Validation failed: Value '{value}' for '{name}' failed to satisfy {constraint}"
        self._error(path, f"{UNPARSABLE} {text}")

    def _error(self, path: str, message: str, hint: str = "") -> None:
        self.problems.append(error(path, message, hint))


def _why_refused(name: str) -> str:
    if name in ("DataCaptureConfig", "ExplainerConfig", "DeploymentConfig"):
        return "the API has it, the pipeline service refuses it"
    return "the pipeline service sets it, or does not have it"
