"""One connection: requests read from it with deadlines, answers written to it.

Bounded: a head of more than 64 KB is refused, and it has one deadline from its first byte to its last, so that a client
cannot hold a place by dripping it.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from pipeline.local.front.bodies import Chunked, Sized
from pipeline.local.front.heads import body_length, headers_of, request_line
from pipeline.local.front.messages import Answer, BadRequest, Disconnected, File, Request

MAX_HEAD: Final = 64 * 1024
_LINGER_SECONDS: Final = 5.0
_OLD: Final = re.compile(r"\A[^\r]* HTTP/1\.0\r")
_TLS: Final = 0x16
"""The first byte of a client that wants to speak TLS; it would wait for an answer, and so would the server."""
_CHUNK: Final = 1 << 18
_NO_LINES: Final = str.maketrans("\r\n\0", "   ")
"""What a client or a container has put into a header must not become a header of its own, or a body."""


class Channel:
    """One connection: buffered reading with deadlines, and writing."""

    def __init__(self, sock: socket.socket, *, head_seconds: float, body_seconds: float) -> None:
        self.sock = sock
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._buffer = bytearray()
        self._since = time.monotonic()
        self._lingers = False

    @property
    def lingers(self) -> bool:
        """Whether what still comes is thrown away: the last answer has been written."""
        return self._lingers

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has come."""
        return bool(self._buffer)

    def deadline(self, idle_seconds: float) -> float:
        """When this connection, from now on without a request, has waited long enough; by the monotonic clock."""
        if self._lingers:
            return self._since + _LINGER_SECONDS
        return self._since + self._head_seconds if self._buffer else time.monotonic() + idle_seconds

    def fill(self, seconds: float) -> bool:
        """Wait for a head; False if it is not there in time. Raises Disconnected."""
        ends = time.monotonic() + seconds
        while not self._has_head():
            left = ends - time.monotonic()
            if left <= 0:
                return False
            self.sock.settimeout(left)
            self.feed()
        return True

    def feed(self) -> bool:
        """Take in what has come; whether `read_request` has something to say of it. Raises Disconnected."""
        try:
            part = self.sock.recv(65536)
        except (TimeoutError, BlockingIOError):
            return self._has_head()
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        if self._lingers:
            return False
        if not self._buffer:
            self._since = time.monotonic()
        self._buffer += part
        return self._has_head()

    def linger(self) -> None:
        """Write no more, and throw away what the other side still sends: it reads no answer before it has sent all."""
        self._lingers, self._since = True, time.monotonic()
        self.sock.shutdown(socket.SHUT_WR)

    def read_request(self) -> Request:
        """The request whose head has come. Raises BadRequest, also for a head that did not come in time."""
        head = self._head()
        method, path, query, lines = request_line(head)
        pairs, headers = headers_of(lines)
        if _OLD.search(head):
            headers.setdefault("connection", "close")
        length = body_length(headers)
        expects = headers.get("expect", "").lower() == "100-continue"
        if expects and length == 0:
            # Nobody will read this body. Without the 100, botocore takes the status of this answer for that of the
            # next one on the connection.
            self.proceed()
        body = Sized(self, length, expects) if length is not None else Chunked(self, expects)
        return Request(method, path, query, pairs, headers, length, body)

    def write(self, answer: Answer, *, head_only: bool, close: bool) -> None:
        """Send the answer. Raises OSError."""
        self.sock.settimeout(self._body_seconds)
        body = answer.body
        lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Unknown')}", f"Date: {_date()}"]
        lines += [f"{name}: {value}".translate(_NO_LINES) for name, value in answer.headers]
        named = {name.lower() for name, _ in answer.headers}
        chunked = False
        if "content-length" not in named and answer.status not in (204, 304):
            if isinstance(body, bytes):
                lines.append(f"Content-Length: {len(body)}")
            elif isinstance(body, File):
                lines.append(f"Content-Length: {body.length}")
            else:
                chunked = True
                lines.append("Transfer-Encoding: chunked")
        lines.append("Connection: close\r\n\r\n" if close else "Connection: keep-alive\r\n\r\n")
        head = "\r\n".join(lines).encode("latin-1", "replace")
        if head_only or answer.status in (204, 304):
            self.sock.sendall(head)
        elif isinstance(body, bytes):
            self.sock.sendall(head + body)
        elif isinstance(body, File):
            self.sock.sendall(head)
            if self.sock.sendfile(body.file, body.offset, body.length) != body.length:
                raise Disconnected  # the file was shortened: what comes next would be read as its rest
        else:
            self._write_parts(head, body, chunked)

    def _write_parts(self, head: bytes, body: Iterable[bytes], chunked: bool) -> None:
        for part in body:
            if not part:
                continue
            framed = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
            self.sock.sendall(head + framed if head else framed)
            head = b""
        self.sock.sendall(head + (b"0\r\n\r\n" if chunked else b""))

    def proceed(self) -> None:
        """Tell a client that waits for it to send the body."""
        try:
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError as error:
            raise Disconnected from error

    def receive(self, size: int) -> bytes:
        """At least one and at most `size` bytes of the body. Raises Disconnected."""
        if self._buffer:
            part = bytes(self._buffer[:size])
            del self._buffer[:size]
            return part
        self.sock.settimeout(self._body_seconds)
        try:
            part = self.sock.recv(min(size, _CHUNK))
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        return part

    def line(self, limit: int = 1024) -> bytes:
        """A line of the body's framing, without its end. Raises BadRequest, Disconnected."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > limit:
                raise BadRequest(400, "a line of the chunked body is too long")
            self._buffer += self.receive_more()
        found = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return found

    def receive_more(self) -> bytes:
        """More bytes from the socket, whatever is buffered. Raises Disconnected."""
        self.sock.settimeout(self._body_seconds)
        try:
            part = self.sock.recv(65536)
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        return part

    def discard(self, size: int) -> int:
        """Drop at most `size` bytes of those that have come; how many they were."""
        dropped = min(size, len(self._buffer))
        del self._buffer[:dropped]
        return dropped

    def _has_head(self) -> bool:
        if not self._buffer:
            return False
        if self._buffer[0] == _TLS or len(self._buffer) > MAX_HEAD:
            return True
        return b"\r\n\r\n" in self._buffer or self._overdue()

    def _overdue(self) -> bool:
        return time.monotonic() > self._since + self._head_seconds

    def _head(self) -> str:
        if self._buffer[0] == _TLS:
            raise BadRequest(400, "this address speaks HTTP without TLS: it begins with http://")
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0 and len(self._buffer) > MAX_HEAD:
            raise BadRequest(431, f"the request's head is longer than {MAX_HEAD} bytes")
        if end < 0:
            raise BadRequest(408, "the request's head did not arrive in time")
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        self._since = time.monotonic()
        return head


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date() -> str:
    now = time.gmtime()
    return (
        f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
        f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT"
    )
