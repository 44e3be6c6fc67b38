"""Sends a file of features to an endpoint in batches and reads the answers: CSV, NPZ, JSON or JSON Lines.

CSV goes as it is, a few hundred rows a request, and comes back as JSON Lines; the other forms are read first.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients, error_code, error_message, translated
from pipeline.errors import DataError, ServiceError

_ROWS: Final = 500
_BYTES: Final = 5 * 1024 * 1024
"""An endpoint of linear-learner takes 6 MiB; some room is left."""


@dataclass(frozen=True)
class Prediction:
    """The answer to one row: its number from 1, the label (None for regression), the score or the scores."""

    row: int
    label: int | None
    score: float | list[float]


def predict(clients: Clients, endpoint: str, path: Path) -> Iterator[Prediction]:
    """The endpoint's answers to every row of the file, in order, as they come.

    Raises DataError for a file that cannot be read, ServiceError for what the endpoint refuses.
    """
    row = 0
    for body in batches(rows(path)):
        for answer in _invoke(clients, endpoint, body, row + 1):
            row += 1
            label = answer.get("predicted_label")
            yield Prediction(row, None if label is None else int(label), answer["score"])


def rows(path: Path) -> Iterator[bytes]:
    """The rows of a file as lines of CSV without a label. Raises DataError."""
    try:
        name = path.name.removesuffix(".gz").lower()
        if name.endswith(".npz"):
            yield from _npz(path)
        elif name.endswith((".json", ".jsonl", ".jsonlines")):
            yield from _json(path)
        else:
            with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
                yield from (line.strip() + b"\n" for line in file if line.strip())
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def batches(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines in requests of at most 500 rows and 5 MiB."""
    body: list[bytes] = []
    size = 0
    for line in lines:
        if body and (len(body) == _ROWS or size + len(line) > _BYTES):
            yield b"".join(body)
            body, size = [], 0
        body.append(line)
        size += len(line)
    if body:
        yield b"".join(body)


def _npz(path: Path) -> Iterator[bytes]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = next((name for name in ("x", "X", "features", *arrays.files) if name in arrays.files), None)
            if name is None or arrays[name].ndim < 2:
                raise DataError(f"{path} has no array of rows", hint="save the features as a 2-dimensional array x")
            features = arrays[name].reshape(len(arrays[name]), -1)
    except (ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no NPZ file of plain arrays: {error}") from None
    for row in features:
        yield ",".join(map(repr, row.tolist())).encode() + b"\n"


def _json(path: Path) -> Iterator[bytes]:
    text = path.read_text(encoding="utf-8")
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError:
        lines = [_whole(path, text)]
    found = lines[0].get("instances", lines) if len(lines) == 1 and isinstance(lines[0], dict) else lines
    for number, instance in enumerate(found, 1):
        features = instance.get("features") if isinstance(instance, dict) else instance
        if not isinstance(features, list) or not all(isinstance(value, int | float) for value in features):
            raise DataError(f"{path}, instance {number}: no list of numbers", hint='write {"features": [1.0, 2.0]}')
        yield ",".join(map(repr, features)).encode() + b"\n"


def _whole(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is neither JSON nor JSON Lines: {error}") from None


def _invoke(clients: Clients, endpoint: str, body: bytes, first: int) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    with translated():
        try:
            answer = clients.runtime.invoke_endpoint(
                EndpointName=endpoint, Body=body, ContentType="text/csv", Accept="application/jsonlines"
            )
            text = answer["Body"].read().decode()
        except ClientError as error:
            if error_code(error) != "ModelError":
                raise
            last = first + body.count(b"\n") - 1
            raise ServiceError(
                f"the model refused rows {first} to {last}: {error_message(error)}",
                hint="a row has as many comma-separated numbers as the model has features, with no label and no header",
            ) from error
    return [json.loads(line) for line in text.splitlines()]
