"""HTTP to one container over kept-alive connections: what the hosting service's own client does, and no more.

It is written for the cost of a small request (about 40 us beside http.client's 150), and takes any answer that
HTTP/1.1 allows: a length, chunks, or a body that ends with the connection.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HEAD_LIMIT: Final = 64 * 1024
_READ: Final = 1 << 18
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the names of headers as they came."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header by its lower-case name, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class NoAnswer(Exception):
    """The container gave no (whole) answer: not reachable, connection broken, no HTTP."""


class TooLate(NoAnswer):
    """The container gave no answer in time."""


class Connections:
    """A pool of connections to 127.0.0.1:port, by `connect(port, timeout)` if given; threads may share it."""

    def __init__(self, port: int, connect: Callable[[int, float], socket.socket] | None = None) -> None:
        self.port = port
        self.by = connect or _outside
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, timeout: float
    ) -> Answer:
        """Send a request and read the whole answer. Raises NoAnswer, TooLate.

        A kept connection that the container has closed meanwhile is replaced by a new one, once. With the header
        `Transfer-Encoding: chunked` the body has no length of its own.
        """
        head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        if headers.get("Transfer-Encoding") == "chunked":
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            head.append(f"Content-Length: {len(body)}")
        head += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body
        kept = self._take()
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, message, timeout, head_only=method == "HEAD")
                except _Stale:
                    pass
            return self._exchange(self._connect(timeout), message, timeout, head_only=method == "HEAD")
        except TimeoutError as error:
            raise TooLate(f"no answer within {timeout:g} s") from error
        except (OSError, _Stale) as error:
            raise NoAnswer(str(error)) from error

    def close(self) -> None:
        """Close the idle connections, and those in use when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for sock in idle:
            sock.close()

    def _connect(self, timeout: float) -> socket.socket:
        sock = self.by(self.port, min(timeout, 5.0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _take(self) -> socket.socket | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, sock: socket.socket) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(sock)
                return
        sock.close()

    def _exchange(self, sock: socket.socket, message: bytes, timeout: float, *, head_only: bool) -> Answer:
        done = False
        try:
            sock.settimeout(timeout)
            answer, keep = _Reader(sock).answer(message, head_only=head_only)
            done = keep
            return answer
        finally:
            if done:
                self._give_back(sock)
            else:
                sock.close()


def _outside(port: int, timeout: float) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


class _Stale(Exception):
    """The connection ended before the first byte of an answer."""


class _Reader:
    """Reads one answer from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = bytearray()

    def answer(self, message: bytes, *, head_only: bool) -> tuple[Answer, bool]:
        """The answer to `message`, and whether the connection may be used again."""
        try:
            self._sock.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server that refuses a large body may have answered before it closed
        try:
            status, headers = self._head()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _Stale("the container closed the connection") from error
        while status // 100 == 1:
            status, headers = self._head()
        lower = {name.lower(): value for name, value in headers}
        if head_only or status in (204, 304):
            body, whole = b"", True
        else:
            body, whole = self._body(lower)
        keep = whole and not self._data and lower.get("connection", "").lower() != "close" and self._version == "1.1"
        return Answer(status, headers, body), keep

    def _head(self) -> tuple[int, list[tuple[str, str]]]:
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > HEAD_LIMIT:
                raise NoAnswer("the headers of the answer are too large")
            if not self._more():
                raise NoAnswer("the answer ends in its headers") if self._data else _Stale("no answer")
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        parts = first.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise NoAnswer("the container does not speak HTTP/1.1")
        self._version = parts[0][5:]
        pairs = (line.partition(":") for line in lines)
        return int(parts[1]), [(name, value.strip()) for name, _, value in pairs]

    def _body(self, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks(), True
        length = headers.get("content-length")
        if length is None:
            while self._more():
                pass
            body = bytes(self._data)
            self._data.clear()
            return body, False
        if not _LENGTH.fullmatch(length):
            raise NoAnswer(f"Content-Length of the answer is {length[:20]!r}")
        return self._exactly(int(length)), True

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while True:
            text = self._line().split(b";")[0].strip()
            if not _CHUNK_SIZE.fullmatch(text):
                raise NoAnswer("a chunk of the answer has no size")
            size = int(text, 16)
            if size == 0:
                while self._line():
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size))
            self._line()

    def _line(self) -> bytes:
        while (end := self._data.find(b"\r\n")) < 0:
            if len(self._data) > HEAD_LIMIT or not self._more():
                raise NoAnswer("the answer ends within a chunk")
        line = bytes(self._data[:end])
        del self._data[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            if not self._more():
                raise NoAnswer(f"the answer ends after {len(self._data)} of {size} bytes")
        body = bytes(memoryview(self._data)[:size])
        del self._data[:size]
        return body

    def _more(self) -> bool:
        if _QUICK_ACK is not None:
            # Many servers send head and body in two writes; the second waits for our acknowledgement of the first.
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        data = self._sock.recv(_READ)
        self._data += data
        return bool(data)
