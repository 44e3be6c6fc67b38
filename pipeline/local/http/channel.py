"""One connection: requests read from it with deadlines, answers written to it.

Bounded: a head has one deadline from its first byte to its last, so that a client cannot hold a place by dripping it,
and of a body no more is read than somebody asks for.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from pipeline.local.http.incoming_body import Streamed
from pipeline.local.http.messages import Disconnected, FilePart, HttpAnswer, HttpRequest, MalformedRequest
from pipeline.local.http.parsing import RequestParser, head_of

_LINGER_SECONDS: Final = 5.0
_SMALL: Final = 4 << 10
_LARGE: Final = 64 << 10
_BRIEF_SECONDS: Final = 1.0
_HEAD: Final = 1 << 16
_CHUNK: Final = 1 << 18


class ClientChannel:
    """One connection: buffered reading with deadlines, and writing."""

    def __init__(self, sock: socket.socket, *, head_seconds: float, body_seconds: float) -> None:
        self.sock = sock
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._parser = RequestParser()
        self._since = time.monotonic()
        self._lingers = False
        self._keeps = True

    @property
    def lingers(self) -> bool:
        """Whether what still comes is thrown away: the last answer has been written."""
        return self._lingers

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has come."""
        return self._parser.has_begun

    @property
    def keeps(self) -> bool:
        """Whether the client wants to send another request after the one that was read last."""
        return self._keeps

    def deadline(self, idle_seconds: float) -> float:
        """When this connection, from now on without a request, has waited long enough; by the monotonic clock."""
        if self._lingers:
            return self._since + _LINGER_SECONDS
        return self._since + self._head_seconds if self.has_begun else time.monotonic() + idle_seconds

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
            part = self.sock.recv(_HEAD)
        except (TimeoutError, BlockingIOError):
            return self._has_head()
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        if self._lingers:
            return False
        if not self.has_begun:
            self._since = time.monotonic()
        self._parser.feed(part)
        return self._has_head()

    def linger(self) -> None:
        """Write no more, and throw away what the other side still sends: it reads no answer before it has sent all."""
        self._lingers, self._since = True, time.monotonic()
        self.sock.shutdown(socket.SHUT_WR)

    def read_request(self) -> HttpRequest:
        """The request whose head has come. Raises MalformedRequest, also for a head that did not come in time."""
        if not self._parser.waiting:
            raise self._parser.problem or MalformedRequest(408, "the request's head did not arrive in time")
        incoming = self._parser.waiting.pop(0)
        self._since, self._keeps = time.monotonic(), incoming.keep_alive
        if not incoming.target.startswith("/"):
            raise MalformedRequest(400, "the path must begin with /")
        headers = incoming.by_name()
        length = _length(headers)
        expects = headers.get("expect", "").lower() == "100-continue"
        if expects and length == 0:
            # Nobody will read this body. Without the 100, botocore takes the status of this answer for that of the
            # next one on the connection.
            self.proceed()
        path, _, query = incoming.target.partition("?")
        body = Streamed(self, incoming, expects and length != 0)
        return HttpRequest(incoming.method, path, query, incoming.headers, headers, length, body)

    def write(self, answer: HttpAnswer, *, head_only: bool, close: bool) -> None:
        """Send the answer. Raises OSError, also at once where a small one does not go out.

        So are all answers to those who have not proven the key: whoever does not read his keeps no thread waiting.
        """
        body = answer.body
        size = len(body) if isinstance(body, bytes) else _LARGE
        self.sock.settimeout(0.0 if size <= _SMALL else _BRIEF_SECONDS if size < _LARGE else self._body_seconds)
        headers = [("Date", _date()), *answer.headers]
        named = {name.lower() for name, _ in answer.headers}
        chunked = False
        if "content-length" not in named and answer.status not in (204, 304):
            if isinstance(body, bytes):
                headers.append(("Content-Length", str(len(body))))
            elif isinstance(body, FilePart):
                headers.append(("Content-Length", str(body.length)))
            else:
                chunked = True
                headers.append(("Transfer-Encoding", "chunked"))
        headers.append(("Connection", "close" if close else "keep-alive"))
        head = head_of(f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Unknown')}", headers)
        if head_only or answer.status in (204, 304):
            self.sock.sendall(head)
        elif isinstance(body, bytes):
            self.sock.sendall(head + body)
        elif isinstance(body, FilePart):
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

    def more(self) -> None:
        """Read on in a body. Raises MalformedRequest, Disconnected."""
        if self._parser.problem is not None:
            raise self._parser.problem
        self.sock.settimeout(self._body_seconds)
        try:
            part = self.sock.recv(_CHUNK)
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        self._parser.feed(part)

    def _has_head(self) -> bool:
        parser = self._parser
        return bool(parser.waiting) or parser.problem is not None or (parser.has_begun and self._overdue())

    def _overdue(self) -> bool:
        return time.monotonic() > self._since + self._head_seconds


def _length(headers: dict[str, str]) -> int | None:
    """The body's length; None for one in chunks. Raises MalformedRequest for a coding that nobody here undoes."""
    coding = headers.get("transfer-encoding")
    if coding is None:
        return int(headers.get("content-length", 0))
    if coding.lower() != "chunked":
        raise MalformedRequest(400, "Transfer-Encoding must be chunked")
    return None


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date() -> str:
    now = time.gmtime()
    return (
        f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
        f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT"
    )
