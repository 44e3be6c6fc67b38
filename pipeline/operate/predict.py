"""Sends a file of rows to an endpoint in batches, and reads the answers by the training data's own names.

A header is matched by name, whatever its order, and a label among the columns is kept to be compared. What a
file holds its name says, as it does to the training; whether it is gzipped, its first bytes or the ending `.gz`.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import DataError, ServiceError
from pipeline.operate.deployed_model import DeployedData, deployed_data
from pipeline.operate.prediction_arrays import holds_arrays, sent_arrays
from pipeline.operate.prediction_csv import Sent, sent_csv
from pipeline.operate.prediction_json import sent_json, sent_records
from pipeline.service_errors import error_code, error_message, translated
from pipeline.user_files import unfit

_ROWS: Final = 500
_BYTES: Final = 5 * 1024 * 1024
"""An endpoint of linear-learner takes 6 MiB; some room is left."""


@dataclass(frozen=True)
class PredictedRow:
    """The answer to one row: its number from 1, the label (None for regression), the score or the scores.

    `name` is what the label's class is called, `truth` what the file says, each empty where it is not known.
    """

    row: int
    label: int | None
    score: float | list[float]
    name: str = ""
    truth: str = ""


def predict(clients: Clients, endpoint: str, path: Path) -> Iterator[PredictedRow]:
    """The endpoint's answers to every row of the file, in order, as they come.

    Raises DataError for a file that cannot be read or whose columns do not fit, ServiceError for what is refused.
    """
    if not path.exists():  # said before anybody is asked
        raise DataError(f"there is no file {path}")
    data = deployed_data(clients, endpoint)
    row = 0
    for batch in batches(rows(path, data)):
        answers = _answers(clients, endpoint, path, batch, row + 1)
        for sent, answer in zip(batch, answers, strict=True):
            row += 1
            label = None if answer.get("predicted_label") is None else int(answer["predicted_label"])
            yield PredictedRow(row, label, answer["score"], _name(data, label), sent.truth)


def _name(data: DeployedData | None, label: int | None) -> str:
    return "" if data is None or label is None or label >= len(data.classes) else data.classes[label]


def rows(path: Path, data: DeployedData | None = None) -> Iterator[Sent]:
    """The rows of a file as they are sent, for a model that learnt from `data`. Raises DataError."""
    from scripts.formats.columnar import JSON_LINES, PARQUET
    from scripts.formats.files import base_name, is_packed
    from scripts.formats.sources import kind_of

    try:
        if reason := unfit(path):
            raise DataError(f"{path} {reason}", hint="give a file")
        if path.is_dir():
            raise DataError(f"{path} is a folder", hint="give a file")
        kind = kind_of(path)
        if holds_arrays(path, kind):
            yield from sent_arrays(path, data)
            return
        with gzip.open(path) if path.name.lower().endswith(".gz") or is_packed(path) else path.open("rb") as file:
            if kind == PARQUET:
                yield from _parquet(path, file, data)
            elif kind == JSON_LINES or base_name(path).endswith(".json"):
                yield from sent_json(path, codecs.iterdecode(file, "utf-8-sig"), data)
            else:
                yield from sent_csv(path, file, data)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text: {error}", hint="save the file as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def batches(lines: Iterable[Sent]) -> Iterator[list[Sent]]:
    """Rows in requests of at most 500 rows and 5 MiB."""
    batch: list[Sent] = []
    size = 0
    for sent in lines:
        if batch and (len(batch) == _ROWS or size + len(sent.line) > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(sent)
        size += len(sent.line)
    if batch:
        yield batch


def _parquet(path: Path, file: Any, data: DeployedData | None) -> Iterator[Sent]:
    import pyarrow
    from pyarrow import parquet

    if data is None:
        raise DataError(
            f"{path} names its columns, and the endpoint's data, which would tell their order, cannot be found",
            hint="give the features as CSV without a header",
        )
    try:
        table = parquet.ParquetFile(file)
        found = (row for batch in table.iter_batches(_ROWS) for row in batch.to_pylist())
        yield from sent_records(path, enumerate(found, 1), data)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is no Parquet file that can be read: {error}") from None


class _RefusedError(Exception):
    """The model answered a request with an error of the client's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _answers(clients: Clients, endpoint: str, path: Path, batch: list[Sent], first: int) -> list[dict[str, Any]]:
    """The answers to a batch. Where the model refuses it, halves are sent until the first row at fault is found."""
    try:
        return _invoke(clients, endpoint, batch, first)
    except _RefusedError as refused:
        if len(batch) == 1:
            # A container numbers the rows of its request; here there is but one.
            reason = re.sub(r"^row 1(, |: )", "", refused.message)
            raise ServiceError(
                f"{path}, row {first}: the model refused it: {reason}",
                hint="`pipeline logs --endpoint` shows what the endpoint wrote; a row has the model's features alone, "
                "or with the label where its data had it",
            ) from None
    half = len(batch) // 2
    return [
        *_answers(clients, endpoint, path, batch[:half], first),
        *_answers(clients, endpoint, path, batch[half:], first + half),
    ]


def _invoke(clients: Clients, endpoint: str, batch: list[Sent], first: int) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    body = batch[0].header + b"".join(sent.line for sent in batch)
    with translated():
        try:
            answer = clients.runtime.invoke_endpoint(
                EndpointName=endpoint, Body=body, ContentType="text/csv", Accept="application/jsonlines"
            )
            reply = answer["Body"].read()
        except ClientError as error:
            if error_code(error) != "ModelError":
                raise
            status, said = error.response.get("OriginalStatusCode", 400), error.response.get("OriginalMessage")
            if int(str(status)) // 100 == 4:
                raise _RefusedError(str(said or error_message(error)).strip()) from None
            raise ServiceError(
                f"the model failed at rows {first} to {first + len(batch) - 1}: {error_message(error)}",
                hint="`pipeline logs --endpoint` shows what the endpoint wrote",
            ) from error
    try:
        answers: list[dict[str, Any]] = [json.loads(line) for line in reply.splitlines()]
        scored = all("score" in answer for answer in answers)
    except (ValueError, TypeError):
        scored = False
    if not scored:
        raise ServiceError(f"endpoint {endpoint} does not answer as linear-learner does: {reply[:80]!r}")
    if len(answers) != len(batch):
        raise ServiceError(f"endpoint {endpoint} gave {len(answers)} answers to {len(batch)} rows from row {first} on")
    return answers
