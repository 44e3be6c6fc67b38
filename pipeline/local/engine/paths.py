"""Property paths and JSON paths: how `Steps.Train.FinalMetricDataList['auc'].Value` finds its value.

Members follow dots; list elements are found by `[0]` or, in the lists that the service names naturally, by the key of
the element (`Outputs['train']` is the output whose OutputName is `train`). JSON paths beyond members and indexes
(wildcards, filters) are left to the jsonpath library.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

Part = str | int

_TOKEN: Final = re.compile(
    r"\.?(?P<member>[^.\[\]]+)|\[(?P<index>[0-9]+)\]|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]", re.DOTALL
)
# What may match several values: wildcards, descendants, filters, slices and unions. An index from the end does not.
_SEVERAL: Final = re.compile(r"\*|\.\.|\?|:|,")
NATURAL_KEYS: Final = (
    "OutputName",
    "InputName",
    "ChannelName",
    "MetricName",
    "VariantName",
    "ContainerHostname",
    "RuleConfigurationName",
    "Name",
    "Key",
)


class PathError(Exception):
    """The path cannot be read, or leads nowhere."""


def parse(path: str) -> list[Part]:
    """The members (str) and indexes (int) of a path such as `a.b[0]['c d']`. Raises PathError."""
    parts: list[Part] = []
    position = 0
    while position < len(path):
        found = _TOKEN.match(path, position)
        if found is None:
            raise PathError(f"{path!r} cannot be read at character {position}")
        if found["index"] is not None:
            parts.append(int(found["index"]) if len(found["index"]) < 10 else 10**9)
        else:
            parts.append(found["key"] if found["member"] is None else found["member"])
        position = found.end()
    return parts


def lookup(value: Any, parts: Sequence[Part]) -> Any:
    """What the parts lead to in a Describe response. Raises PathError."""
    for part in parts:
        value = _element(value, part)
    return value


def _element(value: Any, part: Part) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list):
        if isinstance(part, int) and part < len(value):
            return value[part]
        for element in value:
            if isinstance(element, dict) and any(element.get(key) == part for key in NATURAL_KEYS):
                return element
    raise PathError(f"there is no {part!r}")


def json_path(document: Any, path: str) -> Any:
    """What a Std:JsonGet path finds; several matches of an indefinite path come as a list. Raises PathError."""
    stripped = path.removeprefix("$")
    try:
        parts = parse(stripped)
    except PathError:
        return _indefinite(document, path)
    if any(isinstance(part, str) and part in ("*", "") for part in parts) or ".." in stripped:
        return _indefinite(document, path)
    for part in parts:
        if isinstance(document, dict) and isinstance(part, str) and part in document:
            document = document[part]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            raise PathError(f"there is no {part!r}")
    return document


def _indefinite(document: Any, path: str) -> Any:
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext import parse as parse_json_path

    try:
        found = [match.value for match in parse_json_path(path).find(document)]
    except (JSONPathError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PathError(str(error)) from error
    if not found:
        raise PathError("nothing matches")
    return found if _SEVERAL.search(path) else found[0]
