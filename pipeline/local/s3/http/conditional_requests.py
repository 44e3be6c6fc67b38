"""Conditional requests and ranges: whether a read, a write or a copy may go on, and which bytes it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from pipeline.local.s3.http.request_errors import (
    InvalidArgument,
    InvalidRange,
    NotModified,
    PreconditionFailed,
    UnknownAction,
)
from pipeline.local.s3.store import NoSuchKey, StoredObject

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)\Z", re.ASCII)
_DIGITS: Final = 18
"""No object has a byte whose number is longer, and Python reads none that is much longer."""


def check_read(found: StoredObject, headers: Mapping[str, str], *, prefix: str = "") -> None:
    """If-Match and its kin for a read, or with `prefix` for the source of a copy, by the precedence of RFC 9110.

    Raises PreconditionFailed, NotModified.
    """
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since, unmodified = headers.get(f"{prefix}if-modified-since"), headers.get(f"{prefix}if-unmodified-since")
    if match is not None:
        if not _matches(match, found.etag):
            raise PreconditionFailed(Condition="If-Match")
    elif (time := _epoch(unmodified)) is not None and int(found.last_modified) > time:
        raise PreconditionFailed(Condition="If-Unmodified-Since")
    if none_match is not None:
        unchanged = _matches(none_match, found.etag)
    else:
        unchanged = (time := _epoch(since)) is not None and int(found.last_modified) <= time
    if unchanged:
        if prefix:
            raise PreconditionFailed(Condition="If-None-Match" if none_match is not None else "If-Modified-Since")
        raise NotModified(ETag=f'"{found.etag}"')


def write_condition(headers: Mapping[str, str], key: str) -> Callable[[StoredObject | None], None] | None:
    """What must hold of the object that a write replaces: `If-None-Match: *` or `If-Match: <etag>`, or nothing."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if none_match is not None and none_match.strip() != "*":
        raise UnknownAction("A write takes If-None-Match with the value * only.", Header="If-None-Match")
    if match is None and none_match is None:
        return None

    def check(current: StoredObject | None) -> None:
        if none_match is not None and current is not None:
            raise PreconditionFailed(Condition="If-None-Match")
        if match is not None and current is None:
            raise NoSuchKey(Key=key)
        if match is not None and current is not None and not _matches(match, current.etag):
            raise PreconditionFailed(Condition="If-Match")

    return check


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a Range header; None, the whole, for one that S3 does not understand. Raises InvalidRange."""
    found = _RANGE.match(text.replace(" ", ""))
    if not found or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(0, size - _position(last)), size
    else:
        start, end = _position(first), min(size, _position(last) + 1) if last else size
        if last and _position(last) < start:
            return None
    if start >= size or end <= start:
        raise InvalidRange(ActualObjectSize=str(size), RangeRequested=text)
    return start, end - start


def copied_range(text: str, size: int) -> tuple[int, int]:
    """(start, length) of the header x-amz-copy-source-range; all without one. Raises InvalidArgument."""
    if not text:
        return 0, size
    found = _RANGE.match(text)
    if not found or not found[1] or not found[2] or _position(found[1]) > _position(found[2]):
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    start, last = _position(found[1]), _position(found[2])
    if last >= size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    return start, last + 1 - start


def _position(digits: str) -> int:
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def _matches(header: str, etag: str) -> bool:
    wanted = [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]
    return "*" in wanted or etag in wanted


def _epoch(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
