"""GetLogEvents on the file of a stream: a page of it at a time, forwards or backwards, whatever its length.

A token holds a direction and a place in the file (`f/1024`), so a page costs what is on it and no more. A page has at
most 1 MiB and 10,000 events, as CloudWatch Logs' have; an empty one, or one that gives the token it was asked by, is
what clients know as the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from pipeline.local.api_errors import ApiError
from pipeline.local.kinds import Body
from pipeline.local.log_files import milliseconds

MOST_BYTES: Final = 1 << 20
MOST_EVENTS: Final = 10_000
_TOKEN: Final = re.compile(r"([fb])/([0-9]{1,18})")


class InvalidParameterException(ApiError):
    """A member of the request that CloudWatch Logs does not take."""


@dataclass(frozen=True)
class _Event:
    """One event and the bytes of the file that it takes."""

    start: int
    end: int
    time: int
    text: str


def log_events(path: Path, request: Mapping[str, Any]) -> Body:
    """The answer to GetLogEvents. Raises InvalidParameterException."""
    limit = request.get("limit", MOST_EVENTS)
    if not isinstance(limit, int) or not 1 <= limit <= MOST_EVENTS:
        raise InvalidParameterException(f"limit must be a whole number from 1 to {MOST_EVENTS}.")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        forwards, place = _asked(request, size)
        events = _forwards(file, place, limit) if forwards else _backwards(file, place, limit)
    start, end = (events[0].start, events[-1].end) if events else (place, place)
    return {
        "events": [
            {"timestamp": event.time, "message": event.text, "ingestionTime": event.time}
            for event in events
            if request.get("startTime", event.time) <= event.time < request.get("endTime", event.time + 1)
        ],
        "nextForwardToken": f"f/{end}",
        "nextBackwardToken": f"b/{start}",
    }


def _asked(request: Mapping[str, Any], size: int) -> tuple[bool, int]:
    """Whether the page goes forwards, and from where."""
    token = request.get("nextToken")
    if token is None:
        return (True, 0) if request.get("startFromHead") else (False, size)
    found = _TOKEN.fullmatch(token) if isinstance(token, str) else None
    if found is None:
        raise InvalidParameterException("The specified nextToken is invalid.")
    return found[1] == "f", min(int(found[2]), size)


def _forwards(file: IO[bytes], start: int, limit: int) -> list[_Event]:
    length = MOST_BYTES
    while True:
        file.seek(start)
        data = file.read(length)
        events = list(_parsed(data, start))
        if len(data) == length:  # the last event may go on
            events = events[:-1]
        if events or len(data) < length:
            return events[:limit]
        length *= 2  # one event is longer than a page


def _backwards(file: IO[bytes], end: int, limit: int) -> list[_Event]:
    length = MOST_BYTES
    while True:
        start = max(0, end - length)
        file.seek(start)
        data = file.read(end - start)
        # What comes before the first line that begins an event is the rest of another one.
        skipped = 0 if start == 0 else _first_event(data)
        events = list(_parsed(data[skipped:], start + skipped)) if skipped is not None else []
        if events or start == 0:
            return events[-limit:]
        length *= 2


def _first_event(data: bytes) -> int | None:
    at = data.find(b"\n") + 1
    while at and data[at : at + 1] == b"\t":
        at = data.find(b"\n", at) + 1
    return at or None


def _parsed(data: bytes, start: int) -> Iterator[_Event]:
    """The events of whole lines."""
    whole = data[: data.rfind(b"\n") + 1]
    for found in re.finditer(rb"[^\n]*\n(?:\t[^\n]*\n)*", whole):
        stamp, _, text = found[0][:-1].decode("utf-8", "replace").partition(" ")
        yield _Event(start + found.start(), start + found.end(), milliseconds(stamp), text.replace("\n\t", "\n"))
