"""Whether a response is what botocore's model says: known members only, required ones, of their kind and length.

Clients drop what they do not know without a word, so a misspelt member is seen here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.definition.api_model import load_model

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}


# Required by the model where AWS can have nothing to say.
_ODDLY_REQUIRED = frozenset({"DataCaptureConfigSummary.KmsKeyId", "DescribeModelPackageOutput.ModelPackageName"})


def problems(operation: str, body: Mapping[str, Any]) -> list[str]:
    """What is wrong with the response of an action; empty if nothing is."""
    model = load_model()
    output = model["operations"][operation].get("output")
    if output is None:
        return [f"{operation} has no response, but answers {sorted(body)}"] if body else []
    return [f"{operation}{problem}" for problem in _of(model["shapes"], output["shape"], body, "")]


def _of(shapes: Mapping[str, Any], name: str, value: Any, path: str) -> list[str]:
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        return _structure(shapes, name, value, path)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [
            found
            for at, item in enumerate(value)
            for found in _of(shapes, shape["member"]["shape"], item, f"{path}[{at}]")
        ]
    if kind == "map":
        if not isinstance(value, Mapping):
            return [f"{path} is no map"]
        return [
            found
            for key, item in value.items()
            for found in _of(shapes, shape["value"]["shape"], item, f"{path}.{key}")
        ]
    return _scalar(shape, kind, value, path)


def _structure(shapes: Mapping[str, Any], shape_name: str, value: Any, path: str) -> list[str]:
    shape = shapes[shape_name]
    if not isinstance(value, Mapping):
        return [f"{path} is no structure"]
    found = [f"{path}.{name} is not in the model" for name in value if name not in shape["members"]]
    required = [name for name in shape.get("required", ()) if f"{shape_name}.{name}" not in _ODDLY_REQUIRED]
    found += [f"{path}.{name} is required and missing" for name in required if name not in value]
    for name, member in shape["members"].items():
        if name in value:
            found += _of(shapes, member["shape"], value[name], f"{path}.{name}")
    return found


def _scalar(shape: Mapping[str, Any], kind: str, value: Any, path: str) -> list[str]:
    if not isinstance(value, _SCALARS[kind]) or (kind != "boolean" and isinstance(value, bool)):
        return [f"{path} is {value!r}, no {kind}"]
    if "enum" in shape and value not in shape["enum"]:
        return [f"{path} is {value!r}, none of {shape['enum']}"]
    if isinstance(value, str) and len(value) > shape.get("max", len(value)):
        return [f"{path} has {len(value)} characters, more than {shape['max']}"]
    return []
