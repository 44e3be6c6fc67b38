"""Requests checked against botocore's own model of SageMaker, with the words that AWS uses.

A JSON value of the wrong kind is a SerializationException at once; everything else that the model says (required,
length, range, pattern, enum) is collected into one ValidationException. Only the shapes of the operation asked are
walked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.definition.api_model import load_model
from pipeline.definition.patterns import matches
from pipeline.limits import Row
from pipeline.local.api_errors import SerializationException, ValidationException
from pipeline.local.kinds import Body

Shape = dict[str, Any]

PARITY: Final = (
    Row(
        area="requests",
        subject="members that the model does not know",
        here="dropped without a word, at any depth",
        aws="AWS's JSON protocol ignores them; SDKs refuse them before they send",
    ),
    Row(
        area="requests",
        subject="order and number of validation errors",
        here="all of one request, in the order of the model, at most 10 written out",
        aws="several in one message are on record; their order and limit are not established",
    ),
    Row(
        area="requests",
        subject="text of a SerializationException",
        here="AWS's text, and the path of the member after it",
        aws="the text alone",
    ),
)

_SHOWN_ERRORS: Final = 10
_SHOWN_VALUE: Final = 1024
_INT_LIMIT: Final = {"integer": 2**31, "long": 2**63}


def check_request(operation: str, request: object) -> Body:
    """The request with the members that the model knows; numbers in the kind that the model says.

    Raises SerializationException, ValidationException. `operation` must be one of `operations()`.
    """
    model = load_model()
    name = model["operations"][operation].get("input", {}).get("shape")
    if name is None:
        return {}
    walk = _Walk(model["shapes"])
    if not isinstance(request, Mapping):
        raise SerializationException(_unexpected(request, "structure or map", ""))
    checked: Body = walk.structure(model["shapes"][name], request, "")
    if walk.errors:
        raise ValidationException(_summary(walk.errors))
    return checked


def header_problems(service: str, version: str, operation: str, headers: Mapping[str, str]) -> str:
    """What is wrong with the headers (names in lower case) of a REST request, in AWS's words; "" for nothing."""
    model = load_model(service, version)
    walk = _Walk(model["shapes"])
    for name, member in model["shapes"][model["operations"][operation]["input"]["shape"]]["members"].items():
        value = headers.get(member.get("locationName", "").lower()) if member.get("location") == "header" else None
        if value is not None:
            walk.value(member["shape"], value, _camel(name))
    return _summary(walk.errors) if walk.errors else ""


class _Walk:
    """One request's way through the shapes; `errors` holds what was found, in AWS's words."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.errors: list[str] = []
        self._shapes = shapes
        self._kinds: dict[str, Callable[[Shape, Any, str], Any]] = {
            "structure": self.structure,
            "list": self._list,
            "map": self._map,
            "string": self._string,
            "integer": self._integer,
            "long": self._integer,
            "float": self._real,
            "double": self._real,
            "boolean": self._boolean,
            "timestamp": self._timestamp,
            "blob": self._string,
        }

    def structure(self, shape: Shape, value: Any, path: str) -> Body:
        if not isinstance(value, Mapping):
            raise SerializationException(_unexpected(value, "structure or map", path))
        prefix = path + "." if path else ""
        for name in shape.get("required", ()):
            if value.get(name) is None:
                self.errors.append(
                    f"Value null at '{prefix}{_camel(name)}' failed to satisfy constraint: Member must not be null"
                )
        known = {
            name: self.value(member["shape"], value[name], prefix + _camel(name))
            for name, member in shape["members"].items()
            if value.get(name) is not None
        }
        if shape.get("union") and len(known) != 1:
            self.errors.append(
                f"Value at '{path}' failed to satisfy constraint: "
                f"Member must have exactly one of [{', '.join(shape['members'])}]"
            )
        return known

    def value(self, shape_name: str, value: Any, path: str) -> Any:
        shape = self._shapes[shape_name]
        return self._kinds[shape["type"]](shape, value, path)

    def _list(self, shape: Shape, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise SerializationException(_unexpected(value, "list", path))
        self._sized(shape, value, path)
        member = self._shapes[shape["member"]["shape"]]
        if member["type"] != "string":
            return [
                self.value(shape["member"]["shape"], item, f"{path}.{at}.member") for at, item in enumerate(value, 1)
            ]
        items = [_text(item, f"{path}.{at}.member") for at, item in enumerate(value, 1)]
        if any(_broken(member, item) for item in items):
            self._fail(shape, value, path, f"Member must satisfy constraint: [{_constraints(member)}]")
        return items

    def _map(self, shape: Shape, value: Any, path: str) -> Body:
        if not isinstance(value, Mapping):
            raise SerializationException(_unexpected(value, "map", path))
        self._sized(shape, value, path)
        key_shape, item_shape = self._shapes[shape["key"]["shape"]], self._shapes[shape["value"]["shape"]]
        if any(_broken(key_shape, key) for key in value):
            self._fail(shape, value, path, f"Map keys must satisfy constraint: [{_constraints(key_shape)}]")
        if item_shape["type"] != "string":
            return {
                key: self.value(shape["value"]["shape"], item, f"{path}.{key}.member") for key, item in value.items()
            }
        items = {key: _text(item, f"{path}.{key}.member") for key, item in value.items()}
        if any(_broken(item_shape, item) for item in items.values()):
            self._fail(shape, value, path, f"Map value must satisfy constraint: [{_constraints(item_shape)}]")
        return items

    def _string(self, shape: Shape, value: Any, path: str) -> str:
        text = _text(value, path)
        for constraint in _broken(shape, text):
            self._fail(shape, text, path, constraint)
        return text

    def _integer(self, shape: Shape, value: Any, path: str) -> int:
        kind = shape["type"]
        number = _number(value, "an Integer" if kind == "integer" else "a Long", path)
        if not -_INT_LIMIT[kind] <= number < _INT_LIMIT[kind]:
            raise SerializationException(f"{_java(value)} is out of the range of {kind}: {path}")
        self._ranged(shape, int(number), path)
        return int(number)

    def _real(self, shape: Shape, value: Any, path: str) -> float:
        number = _float(value, "a Double" if shape["type"] == "double" else "a Float", path)
        self._ranged(shape, number, path)
        return number

    def _boolean(self, shape: Shape, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise SerializationException(_converted(value, "a Boolean", path))
        return value

    def _timestamp(self, shape: Shape, value: Any, path: str) -> float:
        return _float(value, "a Date", path, most=1e12)

    def _sized(self, shape: Shape, value: Any, path: str) -> None:
        for constraint in _wrong_size(shape, len(value)):
            self._fail(shape, value, path, constraint)

    def _ranged(self, shape: Shape, number: float, path: str) -> None:
        if "max" in shape and number > shape["max"]:
            self._fail(shape, number, path, f"Member must have value less than or equal to {shape['max']}")
        if "min" in shape and number < shape["min"]:
            self._fail(shape, number, path, f"Member must have value greater than or equal to {shape['min']}")

    def _fail(self, shape: Shape, value: Any, path: str, constraint: str) -> None:
        shown = "Value" if shape.get("sensitive") else f"Value '{_java(value)}'"
        self.errors.append(f"{shown} at '{path}' failed to satisfy constraint: {constraint}")


def _summary(errors: list[str]) -> str:
    word = "error" if len(errors) == 1 else "errors"
    return f"{len(errors)} validation {word} detected: " + "; ".join(errors[:_SHOWN_ERRORS])


def _broken(shape: Shape, text: str) -> list[str]:
    """The constraints of a string shape that the text does not satisfy."""
    broken = _wrong_size(shape, len(text))
    if "pattern" in shape and not matches(shape["pattern"], text):
        broken.append(_pattern(shape))
    if "enum" in shape and text not in shape["enum"]:
        broken.append(_enum(shape))
    return broken


def _constraints(shape: Shape) -> str:
    """All constraints of a string shape, as AWS lists them for the members of a list or map."""
    texts = []
    if "max" in shape:
        texts.append(f"Member must have length less than or equal to {shape['max']}")
    if "min" in shape:
        texts.append(f"Member must have length greater than or equal to {shape['min']}")
    if "pattern" in shape:
        texts.append(_pattern(shape))
    if "enum" in shape:
        texts.append(_enum(shape))
    return ", ".join(texts)


def _wrong_size(shape: Shape, size: int) -> list[str]:
    if "max" in shape and size > shape["max"]:
        return [f"Member must have length less than or equal to {shape['max']}"]
    if "min" in shape and size < shape["min"]:
        return [f"Member must have length greater than or equal to {shape['min']}"]
    return []


def _pattern(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: {shape['pattern']}"


def _enum(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"


def _camel(name: str) -> str:
    """Member names as AWS's messages have them: the first letter small."""
    return name[:1].lower() + name[1:]


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise SerializationException(_converted(value, "a String", path))
    return value


def _number(value: Any, kind: str, path: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SerializationException(_converted(value, kind, path))
    return value


def _float(value: Any, kind: str, path: str, *, most: float = sys.float_info.max) -> float:
    number = _number(value, kind, path)
    if not -most <= number <= most:
        raise SerializationException(f"{_java(value)} is out of the range of {kind}: {path}")
    return float(number)


def _converted(value: Any, kind: str, path: str) -> str:
    if isinstance(value, list):
        return f"Start of list found where not expected: {path}"
    if isinstance(value, Mapping):
        return f"Start of structure or map found where not expected: {path}"
    names = {True: "TRUE_VALUE", False: "FALSE_VALUE"} if isinstance(value, bool) else {}
    token = names.get(value) or ("STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE")
    if value is None:
        token = "NULL_VALUE"
    return f"{token} can not be converted to {kind}: {path}"


def _unexpected(value: Any, wanted: str, path: str) -> str:
    if isinstance(value, list):
        return f"Start of list found where not expected: {path}".removesuffix(": ")
    if isinstance(value, Mapping):
        return f"Start of structure or map found where not expected: {path}"
    return f"Expected {wanted} or null: {path}".removesuffix(": ")


def _java(value: Any) -> str:
    """A value as Java prints it, which is what AWS's messages hold: `[a, b]`, `{k=v}`; long ones are cut."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}={_java(item)}" for key, item in list(value.items())[:50]) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(_java(item) for item in value[:50]) + "]"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_VALUE else text[:_SHOWN_VALUE] + "..."
