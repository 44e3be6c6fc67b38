"""A small HTTP/1.1 server for one process: an event loop over non-blocking sockets, keep-alive, nothing else.

The handler runs in the loop, so a process answers one request at a time; several processes may share one
listening socket. It costs about 20 us a request, which a framework would multiply.
"""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

HEAD_LIMIT: Final = 64 * 1024
CONNECTION_LIMIT: Final = 512
DRAIN_LIMIT: Final = 256 << 20
"""How much of a refused body is read all the same: an answer to a client that is still sending would be lost."""

_CHUNK: Final = 1 << 20
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What the handler answers."""

    status: int
    body: bytes = b""
    content_type: str = ""

    def encode(self, *, keep_alive: bool) -> bytes:
        """Head and body as they go over the wire."""
        head = f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}\r\n"
        if self.content_type:
            head += f"Content-Type: {self.content_type}\r\n"
        if self.status != 204:
            head += f"Content-Length: {len(self.body)}\r\n"
        if not keep_alive:
            head += "Connection: close\r\n"
        return (head + "\r\n").encode("latin-1") + (b"" if self.status == 204 else self.body)


Handler = Callable[[Request], Response]


class Refused(Exception):
    """The bytes are no request that this server takes; the connection is closed after the answer."""

    def __init__(self, status: int, message: str, *, unread: int = 0) -> None:
        super().__init__(message)
        self.unread = min(unread, DRAIN_LIMIT)
        self.response = Response(status, message.encode(), "text/plain")


@dataclass(frozen=True)
class Head:
    """The part of a request before its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    keep_alive: bool
    length: int
    """Bytes of the body; -1 where it comes in chunks."""


def parse_head(text: str) -> Head:
    """Parse the head without its closing blank line. Raises Refused."""
    first, *lines = text.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Refused(400, "this is not HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Refused(400, "a header has no colon")
        headers[name.lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = connection != "close" and (parts[2] == "HTTP/1.1" or connection == "keep-alive")
    return Head(parts[0], parts[1].partition("?")[0], headers, keep_alive, _length(headers))


def _length(headers: Mapping[str, str]) -> int:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return -1
    text = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(text):
        raise Refused(400, "Content-Length is not a number")
    return int(text)


def unchunk(data: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    """The body that comes in chunks from `start` on, and where it ends; None where more bytes are needed."""
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", start)) >= 0:
        text = bytes(data[start:line]).split(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(text):
            raise Refused(400, "a chunk has no size")
        size = int(text, 16)
        begin, end = line + 2, line + 2 + size
        if size == 0:
            closing = data.find(b"\r\n", begin)
            return None if closing < 0 else (b"".join(parts), closing + 2)
        if len(data) < end + 2:
            return None
        parts.append(bytes(data[begin:end]))
        start = end + 2
    return None


@dataclass
class _Connection:
    """Bytes that came and bytes that are to go, of one client."""

    sock: socket.socket
    body_limit: int
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    head: Head | None = None
    body_at: int = 0
    closing: bool = False
    unread: int = 0
    """Bytes of a refused body that are still to come."""

    def next_request(self) -> Request | None:
        """Take one whole request from what has come. Raises Refused."""
        if self.head is None and not self._take_head():
            return None
        head = self.head
        assert head is not None
        if head.length < 0:
            found = unchunk(self.received, self.body_at)
            if found is None:
                if len(self.received) - self.body_at > self.body_limit + HEAD_LIMIT:
                    raise Refused(413, "the body is too large")
                return None
            body, end = found
        else:
            end = self.body_at + head.length
            if len(self.received) < end:
                return None
            body = bytes(memoryview(self.received)[self.body_at : end])
        if len(body) > self.body_limit:
            raise Refused(413, "the body is too large")
        del self.received[:end]
        self.head = None
        self.closing = not head.keep_alive
        return Request(head.method, head.path, head.headers, body)

    def _take_head(self) -> bool:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            if len(self.received) > HEAD_LIMIT:
                raise Refused(431, "the headers are too large")
            return False
        self.head = parse_head(self.received[:end].decode("latin-1"))
        self.body_at = end + 4
        if self.head.length > self.body_limit:
            unread = self.body_at + self.head.length - len(self.received)
            raise Refused(413, "the body is too large", unread=unread)
        if self.head.headers.get("expect", "").lower() == "100-continue":
            self.to_send += _CONTINUE
        return True


class HttpLoop:
    """Serves a listening socket until `stop` is called (from a signal handler, say)."""

    def __init__(self, listener: socket.socket, handler: Handler, *, body_limit: int) -> None:
        self._listener = listener
        self._handler = handler
        self._body_limit = body_limit
        self._selector = selectors.DefaultSelector()
        self._connections = 0
        self._stopped = False
        self._woken, self._waker = socket.socketpair()

    def stop(self) -> None:
        """End `run` after the request that is being answered."""
        self._stopped = True
        self._waker.send(b"x")

    def run(self, *, alive: Callable[[], bool] = lambda: True, tick: float = 1.0) -> None:
        """Accept and answer, as long as `alive` says so each tick (a worker asks for its parent)."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        while not self._stopped and alive():
            for key, events in self._selector.select(tick):
                if key.data is None:
                    self._accept()
                else:
                    self._serve(key.data, events)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # another process was quicker, or the client is gone
            return
        if self._connections >= CONNECTION_LIMIT:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections += 1
        self._selector.register(sock, selectors.EVENT_READ, _Connection(sock, self._body_limit))

    def _serve(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = connection.sock.recv(_CHUNK)
                if not data:
                    self._close(connection)
                    return
                self._take(connection, data)
            if connection.unread <= 0:
                self._send(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)

    def _take(self, connection: _Connection, data: bytes) -> None:
        if connection.closing:
            connection.unread -= len(data)
        else:
            connection.received += data
            self._answer(connection)

    def _answer(self, connection: _Connection) -> None:
        try:
            while not connection.closing and (request := connection.next_request()) is not None:
                response = self._handler(request)
                connection.to_send += response.encode(keep_alive=not connection.closing)
        except Refused as refused:
            connection.closing = True
            connection.unread = refused.unread
            connection.received.clear()
            connection.to_send += refused.response.encode(keep_alive=False)

    def _send(self, connection: _Connection) -> None:
        if connection.to_send:
            sent = connection.sock.send(connection.to_send)
            del connection.to_send[:sent]
        if connection.to_send:
            self._selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
        elif connection.closing:
            self._close(connection)
        elif self._selector.get_key(connection.sock).events != selectors.EVENT_READ:
            self._selector.modify(connection.sock, selectors.EVENT_READ, connection)

    def _close(self, connection: _Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._connections -= 1
