"""The bodies of requests as they come from a connection: of known length, or in chunks.

Nothing is read before somebody asks, which is also when a client that waits for it gets its `100 Continue`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.local.front.messages import BadRequest

if TYPE_CHECKING:
    from pipeline.local.front.channel import Channel


class Sized:
    """A body of known length."""

    def __init__(self, channel: Channel, length: int, expects: bool) -> None:
        self._channel = channel
        self._left = length
        self._expects = expects and length > 0

    def read(self, size: int = -1, /) -> bytes:
        if self._expects:
            self._channel.proceed()
            self._expects = False
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        parts: list[bytes] = []
        while wanted:
            part = self._channel.receive(wanted)
            parts.append(part)
            wanted -= len(part)
            self._left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def drained(self) -> bool:
        if not self._expects:
            self._left -= self._channel.discard(self._left)
        return self._left == 0

    @property
    def comes(self) -> bool:
        return not self._expects


class Chunked:
    """A body in chunks (Transfer-Encoding)."""

    def __init__(self, channel: Channel, expects: bool) -> None:
        self._channel = channel
        self._left = 0
        self._ended = False
        self._expects = expects

    def read(self, size: int = -1, /) -> bytes:
        if self._expects:
            self._channel.proceed()
            self._expects = False
        parts: list[bytes] = []
        wanted = size if size is not None and size >= 0 else -1
        while wanted != 0 and not self._ended:
            if self._left == 0 and not self._next_chunk():
                break
            part = self._channel.receive(self._left if wanted < 0 else min(wanted, self._left))
            parts.append(part)
            self._left -= len(part)
            wanted -= len(part) if wanted > 0 else 0
            if self._left == 0 and self._channel.line():
                raise BadRequest(400, "a chunk is longer than it says")
        return b"".join(parts)

    def drained(self) -> bool:
        return self._ended

    @property
    def comes(self) -> bool:
        return not self._expects

    def _next_chunk(self) -> bool:
        size = self._channel.line().split(b";", 1)[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
            raise BadRequest(400, "a chunk has no size")
        self._left = int(size, 16)
        if self._left == 0:
            while self._channel.line():
                pass  # trailers
            self._ended = True
        return not self._ended
