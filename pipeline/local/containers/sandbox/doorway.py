"""The way into a container that has a network of its own, and its way out: to the service, and nowhere else.

A socket belongs to the network that it was made in, whoever holds it. So the container's first program makes sockets in
there and hands them out: one that listens at the service's own address, whose connections are relayed to the service,
and a new one for each connection into the container.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

_LOOPBACK: Final = "127.0.0.1"
_READ: Final = 1 << 16


class Doorway:
    """The service's side. Threads may share it."""

    def __init__(self, service_port: int) -> None:
        """`service_port` is the port of 127.0.0.1 by which the container reaches the service, as if it were outside."""
        self.service_port = service_port
        self._ours, self.theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None

    def connect(self, port: int, timeout: float) -> socket.socket:
        """A connection to a port of the container's loopback. Raises OSError."""
        with self._lock:
            self._ours.settimeout(timeout)
            if self._listening is None:
                self._listening = self._received()
                threading.Thread(target=self._relay, args=(self._listening,), daemon=True, name="doorway").start()
            self._ours.send(b"S")
            sock = self._received()
        try:
            sock.settimeout(timeout)
            sock.connect((_LOOPBACK, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """No more connections, in or out; those that there are last as long as the container."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)  # who waits for a socket of the container waits no more
        with self._lock:
            self._ours.close()
            self.theirs.close()
            if self._listening is not None:
                with contextlib.suppress(OSError):
                    self._listening.shutdown(socket.SHUT_RDWR)
                self._listening.close()

    def _received(self) -> socket.socket:
        _, descriptors, _, _ = socket.recv_fds(self._ours, 1, 1)
        if not descriptors:
            raise ConnectionError("the container has ended")
        return socket.socket(fileno=descriptors[0])

    def _relay(self, listening: socket.socket) -> None:
        while True:
            try:
                inner, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_join, args=(inner, self.service_port), daemon=True, name="doorway-out").start()


def _join(inner: socket.socket, port: int) -> None:
    with inner:
        try:
            outer = socket.create_connection((_LOOPBACK, port))
        except OSError:
            return
        with outer:
            back = threading.Thread(target=_pump, args=(outer, inner), daemon=True)
            back.start()
            _pump(inner, outer)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_READ):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
