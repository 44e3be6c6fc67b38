"""Intrinsic functions: `Get`, `Std:Join` and `Std:JsonGet` become the values they stand for.

A value keeps the type it has where it comes from; only Std:Join makes text of it, booleans in lower case (observed) and
floats in their shortest form (chosen). What cannot be resolved raises EvaluationError, which fails the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, Protocol

from pipeline.definition.paths import PathError, lookup, parse
from pipeline.limits import Row
from pipeline.local.engine.json_paths import MOST, NoJson, Refused, json_path

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


class EvaluationError(Exception):
    """An expression has no value; the message is what the step's failure reason says."""


class Scope(Protocol):
    """Where values come from, for one step of one execution."""

    def parameter(self, name: str) -> Any:
        """The typed value of a pipeline parameter. Raises KeyError."""

    def variable(self, name: str) -> str:
        """An execution variable, e.g. `PipelineExecutionId`. Raises KeyError."""

    def current_item(self) -> Any:
        """The item of the iteration of a ForEach step that the step belongs to. Raises KeyError."""

    def properties(self, step: str) -> Any:
        """The properties of a step that has run, in the shape of its Describe response. Raises KeyError."""

    def property_file(self, step: str, name: str) -> str:
        """The S3 URI of a property file of a step that has run. Raises KeyError."""

    def read(self, uri: str, most: int) -> bytes:
        """An S3 object of at most that many bytes. Raises EvaluationError."""


def function(value: Any) -> str | None:
    """The name of the intrinsic function that `value` calls, or None."""
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        if name in ("Get", "Std:Join", "Std:JsonGet"):
            return str(name)
    return None


def evaluate(value: Any, scope: Scope) -> Any:
    """A copy of `value` with every expression in it replaced. Raises EvaluationError."""
    match function(value):
        case "Get":
            return _get(value["Get"], scope)
        case "Std:Join":
            return _join(value["Std:Join"], scope)
        case "Std:JsonGet":
            return _json_get(value["Std:JsonGet"], scope)
    if isinstance(value, dict):
        return {key: evaluate(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
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


def references(value: Any) -> Iterator[str]:
    """Every `Get` path in a piece of a definition, wherever it stands."""
    pending = [value]
    while pending:
        item = pending.pop()
        if function(item) == "Get" and isinstance(item["Get"], str):
            yield item["Get"]
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def referenced_step(path: str) -> str | None:
    """`Train` of `Steps.Train.ModelArtifacts.S3ModelArtifacts`; None for parameters and variables."""
    if not path.startswith("Steps."):
        return None
    rest = path.removeprefix("Steps.")
    return rest.split(".", 1)[0].split("[", 1)[0]


def _get(path: Any, scope: Scope) -> Any:
    if not isinstance(path, str):
        raise EvaluationError(f"{{'Get': {path!r}}} is undefined.")
    root, _, rest = path.partition(".")
    try:
        match root:
            case "Parameters":
                return scope.parameter(rest)
            case "Execution":
                return scope.variable(rest)
            case "ForEach" if rest.startswith("CurrentItem"):
                return _of_item(scope.current_item(), rest.removeprefix("CurrentItem"))
            case "Steps":
                step = referenced_step(path) or ""
                return lookup(scope.properties(step), parse(rest[len(step) :]))
    except (KeyError, PathError):
        pass
    raise EvaluationError(f"{{'Get': '{path}'}} is undefined.")


def _of_item(item: Any, path: str) -> Any:
    """The item, or a member of it; an item that is the text of a JSON object has that object's members."""
    parts = parse(path)
    if parts and isinstance(item, str):
        try:
            item = json.loads(item)
        except (ValueError, RecursionError):
            raise PathError("the item is no JSON object") from None
    return lookup(item, parts)


def _join(body: Any, scope: Scope) -> str:
    if not isinstance(body, dict) or not isinstance(body.get("Values", []), list):
        raise EvaluationError("Std:Join needs an object with On and Values.")
    return str(body.get("On", "")).join(render(evaluate(value, scope)) for value in body.get("Values", []))


def _json_get(body: Any, scope: Scope) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("Path"), str):
        raise EvaluationError("Std:JsonGet needs an object with PropertyFile or S3Uri, and Path.")
    uri = _json_location(body, scope)
    try:
        return json_path(scope.read(uri, MOST), body["Path"])
    except NoJson:
        raise EvaluationError(f"Contents of file {uri} are not in valid JSON format.") from None
    except Refused as error:
        raise EvaluationError(f"Invalid json path '{body['Path'][:200]}': {error}.") from None
    except PathError:
        raise EvaluationError(f"Invalid json path '{body['Path']}'") from None


def _json_location(body: dict[str, Any], scope: Scope) -> str:
    if "S3Uri" in body:
        return render(evaluate(body["S3Uri"], scope))
    file = body.get("PropertyFile")
    path = file.get("Get") if isinstance(file, dict) else file
    parts = str(path).split(".", 3)
    if len(parts) != 4 or parts[0] != "Steps" or parts[2] != "PropertyFiles":
        raise EvaluationError(f"{{'Get': '{path}'}} is undefined.")
    try:
        return scope.property_file(parts[1], parts[3])
    except (KeyError, PathError):
        raise EvaluationError(f"{{'Get': '{path}'}} is undefined.") from None
