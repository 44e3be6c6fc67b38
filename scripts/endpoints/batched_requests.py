"""The test set sent to an endpoint: one record alone, then batches, each answer read and each request timed.

Of a large test set so many rows are sent, at equal distances, so that a file sorted by class is sent from all over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from scripts.endpoints.endpoint import Deployment
from scripts.errors import ScriptError
from scripts.scoring.answer_comparison import Rows, compare
from scripts.scoring.predictions import Answers, parse_answers, sent_rows

_MOST_BYTES: Final = 5 * 1024 * 1024
_ONE_CONVERSION: Final = "both must come from the same conversion"


@dataclass(frozen=True)
class Replies:
    """The answers of all rows, and how long each request took, in seconds: first the single one."""

    answers: Answers
    seconds: list[float]


def ask(deployment: Deployment, features: Path, *, rows: Rows, there: int, batches: int, task: str) -> Replies:
    """One record, then these rows of those that are there. Raises `ScriptError` for a refusal, and too few answers."""
    parts: list[Answers] = []
    seconds: list[float] = []
    content_type, held = sent_rows(features)
    requests = batches_of(_picked(held, rows, there), len(rows), batches)
    first = next(requests)
    for place, lines in _numbered(first, requests):
        started = time.perf_counter()
        reply = deployment.invoke(b"".join(lines), place, content_type)
        seconds.append(time.perf_counter() - started)
        answers = parse_answers(reply, task, f"the answer to {place}")
        if len(answers) != len(lines):
            raise ScriptError(f"endpoint {deployment.name}: {len(answers)} answers to the {len(lines)} rows of {place}")
        parts.append(answers)
    single, *rest = parts
    if compare(single, rest[0].of_rows(slice(1))).reason:
        raise ScriptError(f"endpoint {deployment.name}: a record alone is answered otherwise than within its batch")
    return Replies(Answers.joined(rest), seconds)


def chosen_rows(there: int, most: int) -> Rows:
    """All rows, or so many at equal distances."""
    count = min(there, most)
    return np.arange(count) * there // count


def batches_of(lines: Iterator[bytes], rows: int, batches: int) -> Iterator[list[bytes]]:
    """The lines in so many nearly equal batches, or more where one would exceed the endpoint's payload limit."""
    ends = np.linspace(0, rows, min(max(batches, 1), rows) + 1).round().astype(int)[1:].tolist()
    batch: list[bytes] = []
    size = done = 0
    for line in lines:
        if batch and size + len(line) > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
        done += 1
        if done == ends[0]:
            yield batch
            batch, size = [], 0
            ends.pop(0)


def _picked(lines: Iterator[bytes], rows: Rows, there: int) -> Iterator[bytes]:
    """The lines of these rows. Raises `ScriptError` where there are fewer or more lines than rows."""
    wanted = iter(rows.tolist())
    following = next(wanted, -1)
    number = -1
    for number, line in enumerate(lines):
        if number == there:
            raise ScriptError(f"more than {there} rows of features for {there} labels; {_ONE_CONVERSION}")
        if number == following:
            yield line
            following = next(wanted, -1)
    if number + 1 < there:
        raise ScriptError(f"{number + 1} rows of features for {there} labels; {_ONE_CONVERSION}")


def _numbered(first: list[bytes], rest: Iterator[list[bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    yield "the single record", first[:1]
    yield "batch 1", first
    for number, lines in enumerate(rest, 2):
        yield f"batch {number}", lines
