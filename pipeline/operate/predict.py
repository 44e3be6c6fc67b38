"""Sends a file of features to an endpoint in batches and reads the answers: CSV, NPZ, JSON or JSON Lines.

CSV goes as it is, a few hundred rows a request, and comes back as JSON Lines; the other forms are read first. Text may
be gzipped, as the ending `.gz` says.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from pipeline.clients import Clients, error_code, error_message, translated
from pipeline.errors import DataError, ServiceError
from pipeline.user_files import unfit

_ROWS: Final = 500
_BYTES: Final = 5 * 1024 * 1024
"""An endpoint of linear-learner takes 6 MiB; some room is left."""


@dataclass(frozen=True)
class PredictedRow:
    """The answer to one row: its number from 1, the label (None for regression), the score or the scores."""

    row: int
    label: int | None
    score: float | list[float]


def predict(clients: Clients, endpoint: str, path: Path) -> Iterator[PredictedRow]:
    """The endpoint's answers to every row of the file, in order, as they come.

    Raises DataError for a file that cannot be read, ServiceError for what the endpoint refuses.
    """
    row, header = 0, b""
    for body in batches(rows(path)):
        answers, asked = _invoke(clients, endpoint, header + body, row + 1), body.count(b"\n")
        if not row and len(answers) == asked - 1:
            # The model knows its columns and took the first line for their names: so the other requests need it too.
            header, asked = body[: body.index(b"\n") + 1], asked - 1
        if len(answers) != asked:
            raise ServiceError(f"endpoint {endpoint} gave {len(answers)} answers to {asked} rows from row {row + 1} on")
        for answer in answers:
            row += 1
            label = answer.get("predicted_label")
            yield PredictedRow(row, None if label is None else int(label), answer["score"])


def rows(path: Path) -> Iterator[bytes]:
    """The rows of a file as lines of CSV without a label. Raises DataError."""
    try:
        if reason := unfit(path):
            raise DataError(f"{path} {reason}", hint="give a file")
        if path.name.lower().endswith(".npz"):
            yield from _npz(path)
            return
        packed = path.name.lower().endswith(".gz")
        with gzip.open(path) if packed else path.open("rb") as file:
            if path.name.lower().removesuffix(".gz").endswith((".json", ".jsonl", ".jsonlines")):
                yield from _json(path, file.read().decode("utf-8-sig"))
            else:
                yield from _lines(file)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(file):
        row = (line.removeprefix(codecs.BOM_UTF8) if number == 0 else line).strip()
        if row:
            yield row + b"\n"


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
            if name is None or not isinstance(arrays[name], np.ndarray) or arrays[name].ndim < 2:
                raise DataError(f"{path} has no array of rows", hint="save the features as a 2-dimensional array x")
            features = arrays[name].reshape(len(arrays[name]), -1)
    except (
        ValueError,
        TypeError,
        KeyError,
        EOFError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path} is not an NPZ file of plain arrays: {error}") from None
    for row in features:
        yield ",".join(map(repr, row.tolist())).encode() + b"\n"


def _json(path: Path, text: str) -> Iterator[bytes]:
    for number, instance in enumerate(_instances(path, text), 1):
        features = instance.get("features") if isinstance(instance, dict) else instance
        if not _is_row(features):
            raise DataError(f"{path}, instance {number}: not a list of numbers", hint='write {"features": [1.0, 2.0]}')
        yield ",".join(map(repr, features)).encode() + b"\n"


def _instances(path: Path, text: str) -> list[Any]:
    """What stands for a row each: in `{"instances": [...]}`, in a list, or in a document a line."""
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{path} is neither JSON nor JSON Lines: {error}") from None
    if isinstance(found, dict):
        found = found.get("instances", [found])
    if not isinstance(found, list):
        raise DataError(f"{path}: its instances are not a list", hint='write {"instances": [{"features": [1.0, 2.0]}]}')
    return [found] if found and _is_row(found) else found


def _is_row(value: Any) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)


def _invoke(clients: Clients, endpoint: str, body: bytes, first: int) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    with translated():
        try:
            answer = clients.runtime.invoke_endpoint(
                EndpointName=endpoint, Body=body, ContentType="text/csv", Accept="application/jsonlines"
            )
            reply = answer["Body"].read()
        except ClientError as error:
            if error_code(error) != "ModelError":
                raise
            last = first + body.count(b"\n") - 1
            raise ServiceError(
                f"the model refused rows {first} to {last}: {error_message(error)}",
                hint="a row has as many comma-separated numbers as the model has features, with no label and no header",
            ) from error
    try:
        answers: list[dict[str, Any]] = [json.loads(line) for line in reply.splitlines()]
        scored = all("score" in answer for answer in answers)
    except (ValueError, TypeError):
        scored = False
    if not scored:
        raise ServiceError(f"endpoint {endpoint} does not answer as linear-learner does: {reply[:80]!r}")
    return answers
