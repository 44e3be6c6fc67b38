"""HTTP messages as data: a request that was read, an answer to be written, and what can go wrong in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Protocol


class MalformedRequest(Exception):
    """No request that can be answered further; the connection is closed after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Disconnected(Exception):
    """The other side went away, or took too long."""


@dataclass(frozen=True)
class FilePart:
    """A part of a file as the body of an answer, sent by the kernel."""

    file: IO[bytes]
    offset: int
    length: int

    def close(self) -> None:
        """Close the file, sent or not."""
        self.file.close()


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back. A body that is an iterable without Content-Length is sent in chunks."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | FilePart | Iterable[bytes] = b""


class RequestBody(Protocol):
    """The body of a request: `read` as a file's, b"" at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, all that is left if negative. Raises Disconnected, MalformedRequest."""

    def drained(self) -> bool:
        """Whether nothing of the body is left to come, having dropped what nobody wanted of what has come."""

    @property
    def comes(self) -> bool:
        """Whether the client sends the body by itself; one that waits for `100 Continue` does not."""


@dataclass(frozen=True)
class HttpRequest:
    """One request: the path and the query as they came (still quoted), headers in order, and by lower-case name."""

    method: str
    path: str
    query: str
    pairs: list[tuple[str, str]]
    headers: dict[str, str]
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    body: RequestBody
    bucket: str = ""
    """The bucket that the Host names, if it does; it is no part of the path then."""
