"""HTTP/1.1 messages on a socket: reading a request head and its body, writing an answer.

Strict and bounded: a head of more than 64 KB, two lengths, folded or unnamed headers are refused, so that no two
readers of one request can disagree. A body is read only when somebody asks for it, which is also when
`100 Continue` is sent.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Final, Protocol

MAX_HEAD: Final = 64 * 1024
MAX_HEADERS: Final = 128
_CHUNK: Final = 1 << 18
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD: Final = re.compile(r"[A-Z]{3,10}")
_TARGET: Final = re.compile(r"/[\x21-\x7e]*")


class BadRequest(Exception):
    """No request that can be answered further; the connection is closed after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Disconnected(Exception):
    """The other side went away, or took too long."""


@dataclass(frozen=True)
class File:
    """A part of a file as the body of an answer, sent by the kernel."""

    file: IO[bytes]
    offset: int
    length: int

    def close(self) -> None:
        """Close the file, sent or not."""
        self.file.close()


@dataclass(frozen=True)
class Answer:
    """What goes back. A body that is an iterable without Content-Length is sent in chunks."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | File | Iterable[bytes] = b""


class Body(Protocol):
    """The body of a request: `read` as a file's, b"" at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, all that is left if negative. Raises Disconnected, BadRequest."""

    def drained(self, limit: int) -> bool:
        """Whether nothing of the body is left, having read up to `limit` bytes that nobody wanted."""


@dataclass(frozen=True)
class Request:
    """One request: the path and the query as they came (still quoted), headers in order, and by lower-case name."""

    method: str
    path: str
    query: str
    pairs: list[tuple[str, str]]
    headers: dict[str, str]
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    body: Body


class Channel:
    """One connection: buffered reading with deadlines, and writing."""

    def __init__(self, sock: socket.socket, *, head_seconds: float, body_seconds: float) -> None:
        self.sock = sock
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._buffer = bytearray()

    def read_request(self, idle_seconds: float) -> Request | None:
        """The next request, or None when the other side has closed or stayed idle. Raises BadRequest, Disconnected."""
        if not self._buffer and not self._wait_first(idle_seconds):
            return None
        head = self._read_head()
        method, path, query, lines = _request_line(head)
        pairs, headers = _headers(lines)
        length = _length(headers)
        expects = headers.get("expect", "").lower() == "100-continue"
        if expects and length == 0:
            # Nobody will read this body. Without the 100, botocore takes the status of this answer for that of the
            # next one on the connection.
            self.proceed()
        body = _Sized(self, length, expects) if length is not None else _Chunked(self, expects)
        return Request(method, path, query, pairs, headers, length, body)

    def write(self, answer: Answer, *, head_only: bool, close: bool) -> None:
        """Send the answer. Raises OSError."""
        self.sock.settimeout(self._body_seconds)
        body = answer.body
        lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Unknown')}", f"Date: {_date()}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
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
            self.sock.sendfile(body.file, body.offset, body.length)
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

    def _wait_first(self, idle_seconds: float) -> bool:
        self.sock.settimeout(idle_seconds)
        try:
            part = self.sock.recv(65536)
        except OSError:
            return False
        self._buffer += part
        return bool(part)

    def _read_head(self) -> str:
        """Up to the empty line; the whole head has one deadline, so that a client cannot drip it."""
        deadline = time.monotonic() + self._head_seconds
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadRequest(431, f"the request's head is longer than {MAX_HEAD} bytes")
            left = deadline - time.monotonic()
            if left <= 0:
                raise BadRequest(408, "the request's head did not arrive in time")
            self.sock.settimeout(left)
            try:
                part = self.sock.recv(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise Disconnected from error
            if not part:
                raise Disconnected
            self._buffer += part
        if end > MAX_HEAD:
            raise BadRequest(431, f"the request's head is longer than {MAX_HEAD} bytes")
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        return head


class _Sized:
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

    def drained(self, limit: int) -> bool:
        if self._left == 0:
            return True
        if self._expects or self._left > limit:
            return False
        self.read()
        return True


class _Chunked:
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

    def drained(self, limit: int) -> bool:
        return self._ended

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


def _request_line(head: str) -> tuple[str, str, str, list[str]]:
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not _METHOD.fullmatch(parts[0]):
        raise BadRequest(400, "the first line is not `METHOD /path HTTP/1.1`")
    if not _TARGET.fullmatch(parts[1]):
        raise BadRequest(400, "the path must begin with / and be quoted")
    path, _, query = parts[1].partition("?")
    return parts[0], path, query, lines


def _headers(lines: list[str]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, f"more than {MAX_HEADERS} headers")
    pairs: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\0" in value or "\r" in value:
            raise BadRequest(400, "a header is not `Name: value`")
        value, lower = value.strip(" \t"), name.lower()
        if lower in headers:
            if lower in ("host", "content-length", "transfer-encoding", "authorization"):
                raise BadRequest(400, f"two headers named {lower}")
            headers[lower] += "," + value
        else:
            headers[lower] = value
        pairs.append((name, value))
    return pairs, headers


def _length(headers: dict[str, str]) -> int | None:
    """The body's length; None for chunked."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadRequest(400, "Transfer-Encoding must be chunked, and stand without a Content-Length")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise BadRequest(400, "Content-Length is no number")
    return int(length)


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date() -> str:
    now = time.gmtime()
    return (
        f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
        f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT"
    )
