"""Bodies of requests: read whole within a limit, or checked against the hash that was signed while they stream."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pipeline.local.http.messages import HttpRequest, MalformedRequest, RequestBody

SIGNED_CHUNKS: Final = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
_UNCHECKED: Final = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", *SIGNED_CHUNKS)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


class Mismatch(Exception):
    """The body is not the one that was signed."""

    code = "XAmzContentSHA256Mismatch"
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."


class NoHash(Mismatch):
    """What was signed in place of the body's hash is none, and no word for a body without."""

    code = "InvalidArgument"
    message = (
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
    )


def checked(body: RequestBody, length: int | None, expected: str) -> RequestBody | Checked:
    """The body of a request to S3 by what was signed for it. Raises Mismatch.

    An empty body is looked at now, since nobody may ever read it.
    """
    if expected in _UNCHECKED:
        return body
    if not _SHA256.fullmatch(expected):
        raise NoHash
    if length == 0 and expected != _EMPTY:
        raise Mismatch
    return Checked(body, length, expected)


def read_all(request: HttpRequest, limit: int) -> bytes:
    """The whole body. Raises MalformedRequest (413) above `limit` bytes."""
    if request.length is not None:
        if request.length > limit:
            raise MalformedRequest(413, f"HTTP content length exceeded {limit} bytes.")
        return request.body.read() if request.length else b""
    body = request.body.read(limit + 1)
    if len(body) > limit:
        raise MalformedRequest(413, f"HTTP content length exceeded {limit} bytes.")
    return body


class Checked:
    """A body that is hashed as it is read. With the last byte Mismatch is raised if the hash is another."""

    def __init__(self, body: RequestBody, length: int | None, expected: str) -> None:
        self._body = body
        self._left = length
        self._expected = expected
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """As a file's. Raises Mismatch."""
        part = self._body.read(size)
        self._hash.update(part)
        if self._left is not None:
            self._left -= len(part)
        ended = self._left == 0 if self._left is not None else not part and size != 0
        if ended and self._hash.hexdigest() != self._expected:
            raise Mismatch
        return part
