"""The server: a socket on 127.0.0.1, one thread a request that is being answered, and a bound on how many there are.

Connections without a request cost no thread (`waiting`), and at the bound those that have one wait for a thread to be
free. So ten thousand clients at once are slow, never more threads or memory.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable
from typing import Final

from pipeline.local.http.channel import ClientChannel
from pipeline.local.http.messages import Disconnected, HttpAnswer, HttpRequest, MalformedRequest
from pipeline.local.http.waiting import Waiting

_log: Final = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpAnswer]

MAX_CONNECTIONS: Final = 256
"""Answered at once."""

_MOST_READY: Final = 1024
_BACKLOG: Final = 4096
_IDLE_SECONDS: Final = 75.0
_HEAD_SECONDS: Final = 20.0
_BODY_SECONDS: Final = 60.0
_STAY_SECONDS: Final = 0.5
"""How long a thread stays with its connection for the next request, if no other needs it."""


class Listener:
    """Accepts on `sock` once started, and answers every request by `handler`."""

    def __init__(self, sock: socket.socket, handler: Handler, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._sock = sock
        self._handler = handler
        self._max = max_connections
        self._lock = threading.Condition()
        self._served: set[ClientChannel] = set()
        self._ready: collections.deque[ClientChannel] = collections.deque()
        self._closing = False
        self._waiting = Waiting(sock, _channel, self._begin, idle_seconds=_IDLE_SECONDS)

    def start(self) -> None:
        """Begin to accept."""
        self._sock.listen(_BACKLOG)
        self._waiting.start()

    def close(self, grace: float = 0.0) -> None:
        """Stop accepting and close every connection; the answers under way get `grace` seconds, new requests none."""
        with self._lock:
            self._closing = True
            for channel in self._served:
                _shut(channel.sock, socket.SHUT_RD)
            for channel in self._ready:
                channel.sock.close()
            self._ready.clear()
            self._lock.notify_all()
        self._waiting.close()
        with self._lock:
            self._lock.wait_for(lambda: not self._served, grace)
            for channel in self._served:
                _shut(channel.sock, socket.SHUT_RDWR)

    def _begin(self, channel: ClientChannel) -> None:
        """Serve a connection that has a request, now or when a thread is free.

        While very many wait for a thread this does not return, so that those to come wait in the kernel's queue.
        """
        with self._lock:
            self._lock.wait_for(lambda: len(self._ready) < _MOST_READY or self._closing)
            if len(self._served) >= self._max:
                self._ready.append(channel)
                return
            self._served.add(channel)
        try:
            threading.Thread(target=self._serve, args=(channel,), name="connection", daemon=True).start()
        except RuntimeError:  # no more threads may run, say: this client may come again
            with self._lock:
                self._served.discard(channel)
            channel.sock.close()

    def _serve(self, first: ClientChannel) -> None:
        channel: ClientChannel | None = first
        while channel is not None:
            try:
                stays = self._converse(channel)
            except (OSError, Disconnected):
                stays = False
            except Exception:  # a fault of ours is the end of one connection, and must not keep its place
                _log.exception("a connection ends")
                stays = False
            channel = self._next(channel, stays)

    def _next(self, served: ClientChannel, stays: bool) -> ClientChannel | None:
        """Let go of a connection, and take one that waits for a thread."""
        with self._lock:
            self._served.discard(served)
            following = self._ready.popleft() if self._ready and not self._closing else None
            if following is not None:
                self._served.add(following)
            self._lock.notify_all()
        if stays and not self._closing:
            self._waiting.add(served)
        else:
            served.sock.close()
        return following

    def _converse(self, channel: ClientChannel) -> bool:
        """Answer a connection's requests; whether it stays open when there are no more for now."""
        while channel.fill(0.0 if self._ready else _STAY_SECONDS):
            try:
                request = channel.read_request()
            except MalformedRequest as error:
                channel.write(_refusal(error), head_only=False, close=True)
                channel.linger()
                return True
            if not self._answer(channel, request):
                return channel.lingers
        return True

    def _answer(self, channel: ClientChannel, request: HttpRequest) -> bool:
        """Answer one request; False if the connection cannot carry another."""
        try:
            answer = self._handler(request)
        except MalformedRequest as error:
            answer, keep = _refusal(error), False
        else:
            keep = channel.keeps and not self._closing
        try:
            drained = request.body.drained()
            channel.write(answer, head_only=request.method == "HEAD", close=not (keep and drained))
        finally:
            done = getattr(answer.body, "close", None)
            if done is not None:
                done()
        if not drained and request.body.comes:
            channel.linger()
        return keep and drained


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


def _refusal(error: MalformedRequest) -> HttpAnswer:
    return HttpAnswer(error.status, [("Content-Type", "text/plain; charset=utf-8")], error.message.encode() + b"\n")


def _channel(sock: socket.socket) -> ClientChannel:
    with contextlib.suppress(OSError):  # gone already
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ClientChannel(sock, head_seconds=_HEAD_SECONDS, body_seconds=_BODY_SECONDS)


def _shut(sock: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(how)
