"""The server: a socket on 127.0.0.1, one thread a connection, and a bound on how many there are.

At the bound the connection that has been idle longest is closed; if none is idle, new ones wait in the kernel's queue.
So ten thousand clients at once are slow, never more threads or memory.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from pipeline.local.front.channel import Channel
from pipeline.local.front.messages import Answer, BadRequest, Disconnected, Request

Handler = Callable[[Request], Answer]

MAX_CONNECTIONS: Final = 256
_BACKLOG: Final = 4096
_IDLE_SECONDS: Final = 75.0
_HEAD_SECONDS: Final = 20.0
_BODY_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.05
_FRESH_SECONDS: Final = 5.0
_SERVED_SECONDS: Final = 0.5
"""How long a connection may be idle, before its first request and after one, when others wait for its place."""

_DRAIN: Final = 1 << 20


class Listener:
    """Accepts on `sock` once started, and answers every request by `handler`."""

    def __init__(self, sock: socket.socket, handler: Handler, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._sock = sock
        self._handler = handler
        self._max = max_connections
        self._state = threading.Condition()
        self._open: set[socket.socket] = set()
        self._idle: dict[socket.socket, float] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._sock.listen(_BACKLOG)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and close every connection."""
        with self._state:
            self._closing = True
            for sock in self._open:
                _shut(sock)
            self._state.notify_all()
        _shut(self._sock)
        self._sock.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def _accept(self) -> None:
        while self._room():
            try:
                sock, _ = self._sock.accept()
            except OSError:
                if self._closing:
                    return
                time.sleep(_AGAIN_SECONDS)  # no more files may be open, say: some will be closed
                continue
            with self._state:
                self._open.add(sock)
            try:
                threading.Thread(target=self._serve, args=(sock,), name="connection", daemon=True).start()
            except RuntimeError:  # no more threads may run, say: this client may come again
                self._forget(sock)

    def _room(self) -> bool:
        """Wait until one more connection may come; False when closing."""
        with self._state:
            while len(self._open) >= self._max and not self._closing:
                self._close_idle()
                self._state.wait(_AGAIN_SECONDS)
            return not self._closing

    def _close_idle(self) -> None:
        """Close the connection that has been idle longest, but none in its time of grace or with a request waiting."""
        now = time.monotonic()
        for sock, until in sorted(self._idle.items(), key=lambda item: item[1]):
            if until > now:
                return
            if not _pending(sock):
                self._idle.pop(sock, None)
                _shut(sock)
                return

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._converse(sock, Channel(sock, head_seconds=_HEAD_SECONDS, body_seconds=_BODY_SECONDS))
        except (OSError, Disconnected):
            pass
        finally:
            self._forget(sock)

    def _forget(self, sock: socket.socket) -> None:
        with self._state:
            self._open.discard(sock)
            self._idle.pop(sock, None)
            self._state.notify()
        sock.close()

    def _converse(self, sock: socket.socket, channel: Channel) -> None:
        grace = _FRESH_SECONDS
        while True:
            # Set and dict operations below are atomic; the lock would be contended on each request.
            self._idle[sock] = time.monotonic() + grace
            try:
                request = channel.read_request(_IDLE_SECONDS)
            except BadRequest as error:
                channel.write(_refusal(error), head_only=False, close=True)
                return
            finally:
                self._idle.pop(sock, None)
            if request is None or not self._answer(channel, request):
                return
            grace = _SERVED_SECONDS

    def _answer(self, channel: Channel, request: Request) -> bool:
        """Answer one request; False if the connection cannot carry another."""
        head_only = request.method == "HEAD"
        try:
            answer = self._handler(request)
        except BadRequest as error:
            channel.write(_refusal(error), head_only=head_only, close=True)
            return False
        try:
            keep = request.headers.get("connection", "").lower() != "close" and not self._closing
            keep = keep and request.body.drained(_DRAIN)
            channel.write(answer, head_only=head_only, close=not keep)
        finally:
            done = getattr(answer.body, "close", None)
            if done is not None:
                done()
        return keep


def bind(port: int) -> socket.socket:
    """A socket on 127.0.0.1; port 0 lets the system choose. Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def _refusal(error: BadRequest) -> Answer:
    return Answer(error.status, [("Content-Type", "text/plain; charset=utf-8")], error.message.encode() + b"\n")


def _pending(sock: socket.socket) -> bool:
    """Whether there is something to read that nobody has read yet."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
