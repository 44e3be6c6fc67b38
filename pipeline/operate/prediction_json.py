"""Rows of JSON as an endpoint takes them: lists of numbers as they are, objects by the names of their features.

A document a line is read line by line, whatever the size of the file; a document over several lines is read whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeGuard

from pipeline.errors import DataError
from pipeline.operate.deployed_model import DeployedData
from pipeline.operate.prediction_csv import Sent, cell, sent_names

_SEEN: Final = 500


def sent_json(path: Path, lines: Iterable[str], data: DeployedData | None) -> Iterator[Sent]:
    """The rows of an open file. Raises DataError."""
    instances = enumerate(_instances(path, iter(lines)), 1)
    first = next(instances, None)
    if first is None:
        return
    if not _is_named(first[1]):
        for number, instance in chain([first], instances):
            features = instance.get("features") if isinstance(instance, dict) else instance
            if not _is_row(features):
                raise DataError(
                    f"{path}, instance {number}: not a list of numbers",
                    hint='write {"features": [1.0, 2.0]}, or an object with each feature by its name',
                )
            yield Sent(",".join(map(repr, features)).encode() + b"\n")
        return
    if data is None:
        raise DataError(
            f"{path} names its features, and the endpoint's data, which would tell their order, cannot be found",
            hint='write {"features": [1.0, 2.0]}',
        )
    yield from sent_records(path, chain([first], instances), data)


def sent_records(path: Path, records: Iterator[tuple[int, Any]], data: DeployedData) -> Iterator[Sent]:
    """Rows of objects by name, each with its number; a list is a column for each item. Raises DataError.

    Their names are those of the first, or of some more where a gap may be left out.
    """
    flat = ((number, _flat(record)) for number, record in records)
    seen = list(islice(flat, _SEEN if data.raw else 1))
    if not seen:
        return
    head = list(dict.fromkeys(chain.from_iterable(record for _, record in seen if isinstance(record, dict))))
    cells = (_cells(path, number, record, head, data) for number, record in chain(seen, flat))
    yield from sent_names(path, head, cells, data)


def _flat(record: Any) -> Any:
    """The items of lists under the names that the training gives them."""
    if not isinstance(record, dict) or not any(isinstance(value, list) for value in record.values()):
        return record
    flat: dict[str, Any] = {}
    for name, value in record.items():
        items = value if isinstance(value, list) else None
        flat |= {name: value} if items is None else {f"{name}[{at}]": item for at, item in enumerate(items)}
    return flat


def _instances(path: Path, lines: Iterator[str]) -> Iterator[Any]:
    """What stands for a row each: in `{"instances": [...]}`, in a list, or in a document a line."""
    first = next((line for line in lines if line.strip()), "")
    try:
        document = json.loads(first)
    except (json.JSONDecodeError, RecursionError):
        try:
            yield from _of(path, json.loads(first + "".join(lines)))
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{path} is neither JSON nor JSON Lines: {error}") from None
        return
    yield from _of(path, document)
    for number, line in enumerate(filter(str.strip, lines), 2):
        try:
            document = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{path} is neither JSON nor JSON Lines: document {number}: {error}") from None
        yield from _of(path, document)


def _of(path: Path, document: Any) -> list[Any]:
    found = document.get("instances", [document]) if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise DataError(f"{path}: its instances are not a list", hint='write {"instances": [{"features": [1.0, 2.0]}]}')
    return [found] if found and _is_row(found) else found


def _cells(path: Path, number: int, instance: Any, head: list[str], data: DeployedData) -> list[str]:
    """The values in the order of the names of the first instance; one that is not there is a gap."""
    if not isinstance(instance, dict):
        raise DataError(f"{path}, instance {number}: not an object with features by name, as the first is")
    if more := [name for name in instance if name not in head]:
        raise DataError(f"{path}, instance {number}: {more[0]!r} is no name of the first instance's")
    # A truth value that is a label is a class called 1 or 0, whatever the features are.
    return [cell(instance.get(name), raw=data.raw and name.strip() != data.label) for name in head]


def _is_named(instance: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(instance, dict) and not isinstance(instance.get("features"), list) and bool(instance)


def _is_row(value: Any) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)
