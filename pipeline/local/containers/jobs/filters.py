"""JSONPath as batch transform has it: a part of a record or of a joined record, as one new value.

A path that names one thing gives that thing, several names give an object of them, a wildcard or several indices give
a list. Columns of rows (`$[0,5:]`) are picked directly, since rows are many and wide; jsonpath-ng does the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="batch transform",
        subject="end of a slice in a filter, `$[1:4]`",
        here="exclusive, as in JSONPath; the data log warns of a slice with an end",
        aws="the guide says inclusive, the JsonPath that it refers to is exclusive",
    ),
)

_BRACKET: Final = re.compile(r"(?P<base>\$.*?)\[(?P<parts>\s*-?\d*(?:\s*[:,]\s*-?\d*)*\s*)\]\Z")
_NOT_SUPPORTED: Final = re.compile(r"\.\.|[?@()]|\[\s*\]")
_INDEX: Final = re.compile(r"-?\d+\Z")
_SLICE: Final = re.compile(r"(-?\d+)?:(-?\d+)?\Z")

Part = int | slice


class FilterError(ValueError):
    """The text is no path of the supported kind, or a value has nothing there."""


@dataclass(frozen=True)
class Filter:
    """A compiled path."""

    text: str
    parts: tuple[Part, ...] | None
    """Indices and slices that end the path; None where it does not end so."""
    expression: Any
    """What comes before `parts`, in jsonpath-ng; None for the root."""

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Compile a path. Raises FilterError for what is no path or has operators that SageMaker has not."""
        if not text.startswith("$") or _NOT_SUPPORTED.search(text):
            raise FilterError(f"{text!r} is no JSONPath of the supported kind")
        base, parts = text, None
        if match := _BRACKET.fullmatch(text):
            base, parts = match["base"], tuple(_part(part.strip(), text) for part in match["parts"].split(","))
        return cls(text, parts, None if base == "$" else _compiled(base, text))

    @property
    def everything(self) -> bool:
        """Whether it is `$`."""
        return self.parts is None and self.expression is None

    @property
    def has_closed_slice(self) -> bool:
        """Whether a slice has an end, whose meaning is not certain."""
        return any(isinstance(part, slice) and part.stop is not None for part in self.parts or ())

    def apply(self, value: Any) -> Any:
        """The part of `value` that the path names. Raises FilterError where there is nothing."""
        found = value if self.expression is None else self._find(value)
        return found if self.parts is None else self._columns(found)

    def _columns(self, row: Any) -> Any:
        if not isinstance(row, list):
            raise FilterError(f"{self.text} needs a list, the record has {type(row).__name__}")
        parts = self.parts or ()
        picked: list[Any] = []
        for part in parts:
            if isinstance(part, slice):
                picked += row[part]
            elif -len(row) <= part < len(row):
                picked.append(row[part])
            else:
                raise FilterError(f"{self.text}: index {part} is outside a record of {len(row)} elements")
        return picked[0] if len(parts) == 1 and isinstance(parts[0], int) else picked

    def _find(self, value: Any) -> Any:
        matches = self.expression.find(value)
        if not matches:
            raise FilterError(f"{self.text} finds nothing in the record")
        names = getattr(getattr(self.expression, "right", None), "fields", ())
        if len(names) > 1:
            return {match.path.fields[0]: match.value for match in matches}
        return matches[0].value if _definite(self.expression) else [match.value for match in matches]


def _part(text: str, path: str) -> Part:
    if _INDEX.match(text):
        return int(text)
    match = _SLICE.match(text)
    if match is None:
        raise FilterError(f"{path!r} is no JSONPath: {text!r} is no index and no slice")
    start, stop = (None if group is None else int(group) for group in match.groups())
    return slice(start, stop)


def _compiled(base: str, text: str) -> Any:
    import jsonpath_ng
    from jsonpath_ng.exceptions import JSONPathError

    try:
        return jsonpath_ng.parse(base)
    except (JSONPathError, ValueError) as error:
        raise FilterError(f"{text!r} is no JSONPath: {error}") from error


def _definite(expression: Any) -> bool:
    """Whether a path can find one thing at most: no wildcard, no union."""
    kind = type(expression).__name__
    if kind == "Child":
        return _definite(expression.left) and _definite(expression.right)
    if kind == "Fields":
        return len(expression.fields) == 1 and expression.fields[0] != "*"
    return kind == "Root" or (kind == "Index" and len(expression.indices) == 1)
