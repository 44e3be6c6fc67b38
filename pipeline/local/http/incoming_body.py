"""The body of a request as it comes: nothing is read from the connection before somebody asks.

That is also when a client that waits for it gets its `100 Continue`.
"""

from __future__ import annotations

import sys
from typing import Protocol

from pipeline.local.http.parsing import Incoming


class BodySource(Protocol):
    """The connection that a body comes from."""

    def proceed(self) -> None:
        """Tell the client to send the body."""

    def more(self) -> None:
        """Read on. Raises Disconnected, BadRequest."""


class Streamed:
    """The body of one request of a connection."""

    def __init__(self, source: BodySource, incoming: Incoming, expects: bool) -> None:
        self._source = source
        self._incoming = incoming
        self._expects = expects

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, all that is left if negative. Raises Disconnected, BadRequest."""
        if self._expects:
            self._source.proceed()
            self._expects = False
        wanted = sys.maxsize if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted and (part := self._part(wanted)):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def drained(self) -> bool:
        """Whether nothing of the body is left to come, having dropped what nobody wanted of what has come."""
        self._incoming.parts.clear()
        return self._incoming.ended

    @property
    def comes(self) -> bool:
        """Whether the client sends the body by itself; one that waits for `100 Continue` does not."""
        return not self._expects

    def _part(self, most: int) -> bytes:
        parts = self._incoming.parts
        while not parts:
            if self._incoming.ended:
                return b""
            self._source.more()
        part = parts.pop(0)
        if len(part) > most:
            parts.insert(0, part[most:])
            part = part[:most]
        return part
