"""What an endpoint was asked and answered: the JSON Lines that data capture writes to S3, read hour by hour.

A line holds a request and its answer, of any content type, and a request may hold many rows. Lines that cannot be read
are counted, with the first reason, and never end a watch.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.endpoints.endpoint import VALIDATION
from scripts.features.request_rows import Block, RowReader, columns_of
from scripts.monitoring.answered import answer_lines
from scripts.monitoring.drift import Values

_MOST_CELLS: Final = 20_000_000
_FEWEST_KEPT: Final = 1000
_HOUR: Final = timedelta(hours=1)
_BROKEN: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Window:
    """From when to when; the end is not part of it."""

    start: datetime
    end: datetime

    @classmethod
    def until(cls, end: datetime, hours: int) -> Window:
        """The hours before `end`."""
        return cls(end - hours * _HOUR, end)

    def hours(self) -> Iterator[str]:
        """The folders of the hours that may hold it: what is captured is written a little later."""
        at = self.start.replace(minute=0, second=0, microsecond=0)
        while at <= self.end + _HOUR:
            yield at.strftime("%Y/%m/%d/%H/")
            at += _HOUR

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class CapturedRequest:
    """One request: by which ids its labels may name it, its rows, and the answers as JSON Lines, or none."""

    ids: tuple[str, ...]
    rows: Block
    answers: list[bytes]


@dataclass
class Captured:
    """The requests that were kept; `rows` counts all that were seen, `unread` the lines that could not be read."""

    asked: list[CapturedRequest] = field(default_factory=list)
    rows: int = 0
    unread: int = 0
    why: str = ""

    @property
    def kept(self) -> int:
        """How many rows are looked at."""
        return sum(len(one.rows) for one in self.asked)

    def columns(self, reader: RowReader) -> list[Values]:
        """The columns of the rows that are kept."""
        return columns_of([one.rows for one in self.asked], len(reader.names()))

    def answers(self) -> bytes:
        """The answers that are kept, as JSON Lines."""
        return b"\n".join(line for one in self.asked for line in one.answers)


def read_captured(s3: Any, uri: str, endpoint: str, window: Window, reader: RowReader) -> Captured:
    """What was captured of an endpoint below `uri`; of more than fits into memory, each second, fourth, ... request."""
    found = Captured()
    most = max(_FEWEST_KEPT, _MOST_CELLS // len(reader.names()))
    every, kept, count = 1, 0, 0
    for line in _lines(s3, uri, endpoint, window):
        try:
            asked = _asked(line, window, reader)
        except _BROKEN as error:
            found.unread += 1
            found.why = found.why or f"{type(error).__name__}: {error}"[:200]
            continue
        if asked is None:
            continue
        count += 1
        found.rows += len(asked.rows)
        if (count - 1) % every:
            continue
        found.asked.append(asked)
        kept += len(asked.rows)
        while kept > most and len(found.asked) > 1:
            found.asked, every = found.asked[::2], 2 * every
            kept = found.kept
    return found


def _lines(s3: Any, uri: str, endpoint: str, window: Window) -> Iterator[bytes]:
    place = urlsplit(uri, allow_fragments=False)
    root = "/".join(part for part in (place.path.strip("/"), endpoint) if part) + "/"
    pages = s3.get_paginator("list_objects_v2")
    variants = [
        found["Prefix"]
        for page in pages.paginate(Bucket=place.netloc, Prefix=root, Delimiter="/")
        for found in page.get("CommonPrefixes", [])
    ]
    for variant in variants:
        for hour in window.hours():
            for page in pages.paginate(Bucket=place.netloc, Prefix=variant + hour):
                for item in page.get("Contents", []):
                    body = s3.get_object(Bucket=place.netloc, Key=item["Key"])["Body"]
                    yield from (line for line in body.iter_lines() if line.strip())


def _asked(line: bytes, window: Window, reader: RowReader) -> CapturedRequest | None:
    """The request of a line, or None if it is of another time, or the validation's. Raises one of `_BROKEN`."""
    record = json.loads(line)
    event = record["eventMetadata"]
    if event.get("inferenceId") == VALIDATION:
        return None
    if datetime.strptime(event["inferenceTime"], _STAMP).replace(tzinfo=UTC) not in window:
        return None
    data = record["captureData"]
    kind, body = _part(data["endpointInput"])
    rows = reader.rows(kind, body)
    answers = answer_lines(*_part(data["endpointOutput"])) if "endpointOutput" in data else []
    if len(answers) != len(rows):
        answers = []
    return CapturedRequest(tuple(event[name] for name in ("eventId", "inferenceId") if name in event), rows, answers)


def _part(part: dict[str, Any]) -> tuple[str, bytes]:
    text = part["data"]
    data = base64.b64decode(text) if part["encoding"] == "BASE64" else text.encode()
    return str(part.get("observedContentType", "")).partition(";")[0].strip().lower(), data
