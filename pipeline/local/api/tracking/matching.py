"""The language of Search: filters over properties, nested filters over one element of a list, sub-expressions.

Numbers are compared as numbers and times as times if both sides are such, texts as texts. A property that is a list
matches if one of its elements does.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import Body

MAX_IN: Final = 25
_NAME_KEYS: Final = ("Key", "MetricName", "Name", "ChannelName", "OutputName", "InputName", "VariantName")
_ALIASES: Final = {"Metrics": "FinalMetricDataList"}
_VALUE_KEYS: Final = ("Value", "StringValue", "NumberValue", "Last")


def matches(record: Body, expression: Body) -> bool:
    """Whether a record is found by a search expression; an empty one finds everything. Raises ValidationException."""
    results = [_filter(record, given) for given in expression.get("Filters", [])]
    results += [_nested(record, given) for given in expression.get("NestedFilters", [])]
    results += [matches(record, given) for given in expression.get("SubExpressions", [])]
    return any(results) or not results if expression.get("Operator") == "Or" else all(results)


def place(record: Body, sort_by: str, *, descending: bool) -> tuple[Any, ...]:
    """Where a record comes in the order by a property; those without it come at the end."""
    found = _sortable(next(iter(values(record, sort_by)), None))
    return (found is None) != descending, *(found or (0, 0))


def values(record: Any, path: str) -> Iterator[Any]:
    """Everything that a property's path leads to: names of members, keys of maps (dots allowed), names of elements."""
    if not path:
        yield from record if isinstance(record, list) else [record]
    elif isinstance(record, list):
        named = [found for element in record for found in _named(element, path)]
        yield from named or (found for element in record for found in values(element, path))
    elif isinstance(record, dict):
        if path in record:
            yield from values(record[path], "")
            return
        head, _, rest = path.partition(".")
        if head not in record:
            head = _ALIASES.get(head, head)
        if rest and head in record:
            yield from values(record[head], rest)


def property_names(record: Any, prefix: str = "") -> Iterator[str]:
    """The paths of all properties of a record that hold a plain value."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield from property_names(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(record, list):
        for element in record:
            if isinstance(element, dict) and "Key" in element:
                yield f"{prefix}.{element['Key']}"
            else:
                yield from property_names(element, prefix)
    elif prefix:
        yield prefix


def _named(element: Any, path: str) -> Iterator[Any]:
    """`Tags.<key>`, `Metrics.<name>.Max`: an element by its name, then its value or the member asked for."""
    if not isinstance(element, dict):
        return
    for key in _NAME_KEYS:
        name = element.get(key)
        if not isinstance(name, str):
            continue
        if path == name:
            yield from (element[member] for member in _VALUE_KEYS if member in element)
        elif path.startswith(f"{name}."):
            member = path[len(name) + 1 :]
            capital = member[:1].upper() + member[1:]
            yield from values(element, member if member in element else capital)


def _filter(record: Any, given: Body) -> bool:
    kind: str = given.get("Operator", "Equals")
    wanted: str | None = given.get("Value")
    found = [_plain(value) for value in values(record, given["Name"])]
    if kind in ("Exists", "NotExists"):
        return bool(found) == (kind == "Exists")
    if wanted is None:
        raise ValidationException(f"The filter on {given['Name']} with operator {kind} needs a Value.")
    if kind == "NotEquals":
        return not any(_compare("Equals", value, wanted) for value in found)
    if kind == "In":
        options = [option.strip() for option in wanted.split(",")]
        if len(options) > MAX_IN:
            raise ValidationException(f"The operator In takes at most {MAX_IN} values, not {len(options)}.")
        return any(_compare("Equals", value, option) for value in found for option in options)
    return any(_compare(kind, value, wanted) for value in found)


def _nested(record: Body, given: Body) -> bool:
    """All filters must hold of the same element; their names repeat the name of the list."""
    name = given["NestedPropertyName"]
    filters = [{**inner, "Name": inner["Name"].removeprefix(f"{name}.")} for inner in given["Filters"]]
    return any(all(_filter(element, inner) for inner in filters) for element in values(record, name))


def _compare(kind: str, found: Any, wanted: str) -> bool:
    if kind == "Contains":
        return wanted.lower() in _text(found).lower()
    compare: Callable[[Any, Any], bool] = _COMPARISONS[kind]
    if isinstance(found, bool):
        return compare(_text(found), wanted.lower())
    if isinstance(found, (int, float)):
        number = _number(wanted)
        return number is not None and compare(found, number)
    left, right = _number(found), _number(wanted)
    if left is not None and right is not None and kind != "Equals":
        return compare(left, right)
    return compare(str(found), wanted)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def _plain(value: Any) -> Any:
    """A parameter of a trial component is a structure around its value."""
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value
        return value[only] if only in _VALUE_KEYS else value
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@functools.lru_cache(maxsize=1024)
def _number(text: str) -> float | None:
    """A number, or a time as epoch seconds: the bodies hold times as numbers, filters give them in ISO 8601."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _sortable(value: Any) -> tuple[int, Any] | None:
    value = _plain(value)
    if value is None:
        return None
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))
