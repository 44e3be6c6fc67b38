"""The connections that nobody serves: idle ones, those whose head has not come yet, those whose last answer is out.

One thread watches them all, so each costs a file and no thread; what has a request is handed on. There is a bound on
how many there are: beyond it the one that has waited longest is closed.
"""

from __future__ import annotations

import collections
import contextlib
import resource
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from pipeline.local.http.channel import ClientChannel
from pipeline.local.http.messages import Disconnected

_MOST: Final = 16_384
_AT_ONCE: Final = 64
_AGAIN_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.5


class Waiting:
    """Accepts on `sock`; `accepted` makes a channel of a connection, `ready` takes one that has a request."""

    def __init__(
        self,
        sock: socket.socket,
        accepted: Callable[[socket.socket], ClientChannel],
        ready: Callable[[ClientChannel], None],
        *,
        idle_seconds: float,
    ) -> None:
        self._sock = sock
        self._accepted = accepted
        self._ready = ready
        self._idle_seconds = idle_seconds
        self._most = _bound()
        self._until: dict[ClientChannel, float] = {}
        self._returned: collections.deque[ClientChannel] = collections.deque()
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._closing = False
        self._thread = threading.Thread(target=self._watch, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        for sock in (self._sock, self._woken, self._waker):
            sock.setblocking(False)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def add(self, channel: ClientChannel) -> None:
        """Watch a connection; called by whoever has served it."""
        self._returned.append(channel)
        self._wake()

    def close(self) -> None:
        """Stop accepting, and close every connection that waits."""
        self._closing = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(5)
        for channel in [*self._until, *self._returned]:
            channel.sock.close()
        self._selector.close()
        for sock in (self._sock, self._waker, self._woken):
            sock.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: there is a byte that wakes already; closed: nobody is there to wake
            self._waker.send(b"x")

    def _watch(self) -> None:
        looked = 0.0
        while not self._closing:
            for key, _ in self._selector.select(_LOOK_SECONDS):
                if key.fileobj is self._sock:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._take_back()
                else:
                    self._feed(key.data)
            now = time.monotonic()
            if now - looked > _LOOK_SECONDS / 2:
                looked = now
                self._end_overdue(now)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # no more files may be open, say: some are closed, or will be
                if not self._close_longest():
                    time.sleep(_AGAIN_SECONDS)
                return
            self._watch_over(self._accepted(sock))

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):
            self._woken.recv(4096)
        while self._returned:
            self._watch_over(self._returned.popleft())

    def _watch_over(self, channel: ClientChannel) -> None:
        channel.sock.setblocking(False)
        try:
            self._selector.register(channel.sock, selectors.EVENT_READ, channel)
        except (OSError, ValueError):  # the kernel watches no more
            channel.sock.close()
            return
        self._until[channel] = channel.deadline(self._idle_seconds)
        if len(self._until) > self._most:
            self._close_longest()

    def _feed(self, channel: ClientChannel) -> None:
        if channel not in self._until:  # closed for another since the events were read
            return
        try:
            ready = channel.feed()
        except Disconnected:
            self._let_go(channel).sock.close()
            return
        if ready:
            self._ready(self._let_go(channel))
        else:
            self._until[channel] = channel.deadline(self._idle_seconds)

    def _end_overdue(self, now: float) -> None:
        for channel in [channel for channel, until in self._until.items() if until < now]:
            # A head that comes too late is told so; a connection that is idle, or thrown away, is just closed.
            if channel.lingers or not channel.has_begun:
                self._let_go(channel).sock.close()
            else:
                self._ready(self._let_go(channel))

    def _close_longest(self) -> bool:
        longest = next(iter(self._until), None)
        if longest is not None:
            self._let_go(longest).sock.close()
        return longest is not None

    def _let_go(self, channel: ClientChannel) -> ClientChannel:
        self._selector.unregister(channel.sock)
        del self._until[channel]
        return channel


def _bound() -> int:
    """Half of the files that this process may open; the other half is for the rest of the service."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(_MOST, max(soft // 2, 16))
