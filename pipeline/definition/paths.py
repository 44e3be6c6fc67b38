"""Property paths and JSON paths: how `Steps.Train.FinalMetricDataList['auc'].Value` finds its value.

Members follow dots; list elements are found by `[0]` or, in the lists that the service names naturally, by the key of
the element (`Outputs['train']` is the output whose OutputName is `train`). Of JSON paths, `json_paths` reads more
than members and indexes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

Part = str | int

_TOKEN: Final = re.compile(
    r"\.?(?P<member>[^.\[\]]+)|\[(?P<index>[0-9]+)\]|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]", re.DOTALL
)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
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


def beyond_json_path(path: str) -> str:
    """Why a path is refused that the JSONPath library takes and AWS is not known to; "" if it is not."""
    bare = _QUOTED.sub("", path)
    if "=~" in bare:
        return "regular expressions are not supported in a JSONPath"
    return "functions are not supported in a JSONPath" if "`" in bare else ""
