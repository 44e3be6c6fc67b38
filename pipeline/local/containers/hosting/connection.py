"""HTTP to one container over kept-alive connections: what the hosting service's own client does, and no more.

It takes any answer that HTTP/1.1 allows: a length, chunks, or a body that ends with the connection. The time that a
request may take is that of the whole exchange, so that a container that drips its answer is as late as a silent one.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.local.http.parsing import ResponseParser, head_of

_CONNECT_SECONDS: Final = 5.0
_READ: Final = 1 << 18
_MOST: Final = 25 * 1024**2
_HEAD: Final = 1 << 16
"""What comes with a body: its head, the sizes of its chunks."""
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)


@dataclass(frozen=True)
class ContainerAnswer:
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


class TooLarge(NoAnswer):
    """The answer is larger than the caller takes."""


class Connections:
    """A pool of connections to 127.0.0.1:port, by `connect(port, timeout)` if given; threads may share it."""

    def __init__(self, port: int, connect: Callable[[int, float], socket.socket] | None = None) -> None:
        self.port = port
        self.by = connect or _outside
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        timeout: float,
        most: int = _MOST,
    ) -> ContainerAnswer:
        """Send a request and read the whole answer, of at most `most` bytes. Raises NoAnswer, TooLate, TooLarge.

        A kept connection that the container has closed meanwhile is replaced by a new one, once. With the header
        `Transfer-Encoding: chunked` the body has no length of its own.
        """
        sent = {"Host": f"127.0.0.1:{self.port}", **headers}
        if headers.get("Transfer-Encoding") == "chunked":
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            sent["Content-Length"] = str(len(body))
        message = head_of(f"{method} {path} HTTP/1.1", sent.items()) + body
        ends, kept = time.monotonic() + timeout, self._take()
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, message, ends, most)
                except _Stale:
                    pass
            return self._exchange(self._connect(timeout), message, ends, most)
        except TimeoutError as error:
            raise TooLate(f"no answer within {timeout:g} s") from error
        except (OSError, ValueError, _Stale) as error:
            raise NoAnswer(str(error)) from error

    def close(self) -> None:
        """Close the idle connections, and those in use when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for sock in idle:
            sock.close()

    def _connect(self, timeout: float) -> socket.socket:
        sock = self.by(self.port, min(timeout, _CONNECT_SECONDS))
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

    def _exchange(self, sock: socket.socket, message: bytes, ends: float, most: int) -> ContainerAnswer:
        keep = False
        try:
            _send(sock, message, ends)
            parser = _received(sock, ends, most)
            keep = parser.keep_alive
            return ContainerAnswer(parser.status, parser.headers, b"".join(parser.parts))
        finally:
            if keep:
                self._give_back(sock)
            else:
                sock.close()


class _Stale(Exception):
    """The connection ended before the first byte of an answer."""


def _outside(port: int, timeout: float) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def _send(sock: socket.socket, message: bytes, ends: float) -> None:
    _wait_until(sock, ends)
    try:
        sock.sendall(message)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server that refuses a large body may have answered before it closed


def _received(sock: socket.socket, ends: float, most: int) -> ResponseParser:
    """The whole answer. Raises ValueError, OSError, TooLarge, _Stale."""
    parser, received = ResponseParser(), 0
    while not parser.whole:
        _wait_until(sock, ends)
        if _QUICK_ACK is not None:
            # Many servers send head and body in two writes; the second waits for our acknowledgement of the first.
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        try:
            data = sock.recv(_READ)
        except ConnectionResetError as error:
            if received:
                raise
            raise _Stale("the container closed the connection") from error
        if not data and not received:
            raise _Stale("no answer")
        received += len(data)
        if received > most + _HEAD:
            parser.parts.clear()  # the error, which knows this parser, may live longer
            raise TooLarge(f"the answer is larger than {most} bytes")
        parser.feed(data)
    return parser


def _wait_until(sock: socket.socket, ends: float) -> None:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
