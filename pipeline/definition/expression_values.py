"""Intrinsic functions: what `Get`, `Std:Join` and `Std:JsonGet` refer to, and the values they stand for.

The one reader of them: the service evaluates with it, a plan forecasts with it. A value keeps the type it has where it
comes from; only Std:Join makes text of it, booleans in lower case (observed) and floats in their shortest form
(chosen). What cannot be resolved raises EvaluationError, which fails the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from pipeline.definition.paths import Part, PathError, lookup, parse
from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="pipelines",
        subject="numbers in Std:Join",
        here="integers in decimal, floats in their shortest form (0.1), booleans in lower case",
        aws="integers and booleans observed to be so; floats not established",
    ),
    Row(
        area="pipelines",
        subject="texts of failed expressions",
        here="those of the SageMaker SDK's local mode, behind `ClientError: `",
        aws="not established",
    ),
)

_FUNCTIONS: Final = frozenset({"Get", "Std:Join", "Std:JsonGet"})


class EvaluationError(Exception):
    """An expression has no value; the message is what the step's failure reason says."""


class Unknown(dict[str, Any]):
    """A value that nobody has yet, as what is known of it. A plan has such values, an execution has none.

    What is made of one is another: a Join that holds it, a member of it.
    """


class Values(Protocol):
    """Where values come from, for one step of one execution. Each of its methods may answer with an Unknown."""

    def parameter(self, name: str) -> Any:
        """The typed value of a pipeline parameter. Raises KeyError."""

    def variable(self, name: str) -> Any:
        """An execution variable, e.g. `PipelineExecutionId`. Raises KeyError."""

    def current_item(self) -> Any:
        """The item of the iteration of a ForEach step that the step belongs to. Raises KeyError."""

    def step_property(self, step: str, parts: Sequence[Part], reference: str) -> Any:
        """What a step that has run gives, in the shape of its Describe response. Raises KeyError, PathError.

        `reference` is the whole text of the reference.
        """

    def property_file(self, step: str, name: str) -> Any:
        """The S3 URI of a property file of a step that has run. Raises KeyError, PathError."""

    def json_value(self, uri: str, path: str) -> Any:
        """What a JSONPath finds in an S3 object. Raises EvaluationError."""


def is_expression(value: Any) -> bool:
    """Whether the value is a call of an intrinsic function."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _FUNCTIONS


def within(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every outermost expression in the value, with its path."""
    if is_expression(value):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from within(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from within(item, f"{path}[{index}]")


def gets(value: Any) -> Iterator[str]:
    """Every reference in the value, those within Std:Join and Std:JsonGet too."""
    if isinstance(value, dict):
        if is_expression(value) and isinstance(value.get("Get"), str):
            yield value["Get"]
            return
        for item in value.values():
            yield from gets(item)
    elif isinstance(value, list):
        for item in value:
            yield from gets(item)


def referenced_step(reference: str) -> str | None:
    """`Train` of `Steps.Train.ModelArtifacts.S3ModelArtifacts`; None for parameters and variables."""
    parts = reference.split(".", 2)
    return parts[1].split("[", 1)[0] if parts[0] == "Steps" and len(parts) > 1 else None


def evaluate(value: Any, values: Values) -> Any:
    """A copy of `value` with every expression in it replaced. Raises EvaluationError."""
    if is_expression(value):
        function, argument = next(iter(value.items()))
        return {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}[function](argument, values)
    if isinstance(value, dict):
        return {key: evaluate(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, values) for item in value]
    return value


def render(value: Any) -> str:
    """A value as Std:Join writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def _get(path: Any, values: Values) -> Any:
    if not isinstance(path, str):
        raise EvaluationError(f"{{'Get': {path!r}}} is undefined.")
    root, _, rest = path.partition(".")
    try:
        match root:
            case "Parameters":
                return values.parameter(rest)
            case "Execution":
                return values.variable(rest)
            case "ForEach" if rest.startswith("CurrentItem"):
                return _of_item(values.current_item(), rest.removeprefix("CurrentItem"), path)
            case "Steps":
                step = referenced_step(path) or ""
                return values.step_property(step, parse(rest[len(step) :]), path)
    except (KeyError, PathError):
        pass
    raise EvaluationError(f"{{'Get': '{path}'}} is undefined.")


def _of_item(item: Any, path: str, reference: str) -> Any:
    """The item, or a member of it; an item that is the text of a JSON object has that object's members."""
    parts = parse(path)
    if isinstance(item, Unknown):
        return Unknown({**item, "Get": reference})
    if parts and isinstance(item, str):
        try:
            item = json.loads(item)
        except (ValueError, RecursionError):
            raise PathError("the item is not a JSON object") from None
    return lookup(item, parts)


def _join(body: Any, values: Values) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("Values", []), list):
        raise EvaluationError("Std:Join needs an object with On and Values.")
    parts = [evaluate(value, values) for value in body.get("Values", [])]
    if any(isinstance(part, Unknown) for part in parts):
        return Unknown({"Std:Join": {"On": body.get("On", ""), "Values": parts}})
    return str(body.get("On", "")).join(render(part) for part in parts)


def _json_get(body: Any, values: Values) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("Path"), str):
        raise EvaluationError("Std:JsonGet needs an object with PropertyFile or S3Uri, and Path.")
    uri = _json_location(body, values)
    if isinstance(uri, Unknown):
        return Unknown({"Std:JsonGet": {"S3Uri": uri, "Path": body["Path"]}})
    return values.json_value(render(uri), body["Path"])


def _json_location(body: dict[str, Any], values: Values) -> Any:
    if "S3Uri" in body:
        return evaluate(body["S3Uri"], values)
    file = body.get("PropertyFile")
    path = file.get("Get") if isinstance(file, dict) else file
    parts = str(path).split(".", 3)
    if len(parts) != 4 or parts[0] != "Steps" or parts[2] != "PropertyFiles":
        raise EvaluationError(f"{{'Get': '{path}'}} is undefined.")
    try:
        return values.property_file(parts[1], parts[3])
    except (KeyError, PathError):
        raise EvaluationError(f"{{'Get': '{path}'}} is undefined.") from None
