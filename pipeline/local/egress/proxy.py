"""An HTTPS proxy on 127.0.0.1: for a host of AWS the service answers, every other connection goes where it is meant to.

It knows of HTTP the line `CONNECT` alone. What a client says to a host of AWS is decrypted and handed, byte for byte,
to the service's own address; what it says to others passes as it is, through the user's own proxy if he has one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import select
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.local.egress.authority import Authority
from pipeline.local.egress.proxy_address import named_upstream, token_of
from pipeline.local.http.hosts import is_aws
from pipeline.local.http.parsing import RequestParser, ResponseParser, head_of

_HEAD_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 5.0
_MOST: Final = 256
_BLOCK: Final = 1 << 16


class _Refused(Exception):
    """No connection: the answer's status and what it says."""

    def __init__(self, status: str, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        body = f"{message}\n".encode()
        about = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
        ]
        self.answer = head_of(f"HTTP/1.1 {status}", [*headers, *about]) + body


@dataclass(frozen=True)
class _Head:
    """What a client asks for."""

    host: str
    port: int
    upstream: str


class Proxy:
    """Listens as soon as somebody asks for its port; nothing is loaded before the first connection."""

    def __init__(self, folder: Path, secret: str, service: Callable[[], str]) -> None:
        """The authority lies in `folder`, and the port that clients were told last time; `service` gives its URL."""
        self._folder = folder
        self._token = token_of(secret)
        self._service = service
        self._authority = Authority(folder)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._waker, self._woken = socket.socketpair()
        # The loop itself holds on to no task, and one of an encrypted connection hangs in a circle that is collected.
        self._connections: set[asyncio.Task[None] | None] = set()

    @property
    def port(self) -> int:
        """The port of 127.0.0.1. Raises OSError."""
        with self._lock:
            if self._socket is None:
                self._socket = self._bound()
                self._thread.start()
            return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Stop listening, and end every connection."""
        with self._lock:
            with contextlib.suppress(OSError):
                self._waker.shutdown(socket.SHUT_RDWR)
            if self._socket is None:
                self._woken.close()
            else:
                self._thread.join(_CLOSE_SECONDS)
            self._waker.close()

    def _bound(self) -> socket.socket:
        """The port of last time if it is free: shells that were told of it may still be open."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        remembered = self._folder / "port"
        try:
            sock = _listening(int(remembered.read_text()))
        except (OSError, ValueError, OverflowError):
            sock = _listening(0)
            remembered.write_text(f"{sock.getsockname()[1]}\n")
        return sock

    def _run(self) -> None:
        sock = self._socket
        assert sock is not None, "the thread is started for it"
        with sock, self._woken:
            ready, _, _ = select.select([sock, self._woken], [], [])
            if self._woken not in ready:
                asyncio.run(self._serve(sock))

    async def _serve(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._woken.setblocking(False)
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=sock, limit=_BLOCK)
        async with server:
            with contextlib.suppress(OSError):
                await loop.sock_recv(self._woken, 1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            await self._answer(reader, writer)
        except _Refused as refused:
            with contextlib.suppress(OSError):
                writer.write(refused.answer)
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            pass  # one side is gone, or speaks no HTTP
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = self._checked(await reader.readuntil(b"\r\n\r\n"))
        if len(self._connections) > _MOST:
            raise _Refused("503 Service Unavailable", f"more than {_MOST} connections at once")
        aws = is_aws(head.host)
        if aws:
            there = await _connected("127.0.0.1", urlsplit(self._service()).port or 0)
        elif head.upstream:
            there = await _chained(head)
        else:
            there = await _connected(head.host, head.port)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            if aws:
                reader, writer = await self._encrypted(writer, head.host)
            await _joined((reader, writer), there, halves=not aws)
        finally:
            there[1].close()
            writer.close()

    def _checked(self, head: bytes) -> _Head:
        parser = RequestParser()
        parser.feed(head)
        if not parser.waiting:
            raise _Refused("400 Bad Request", str(parser.problem))
        asked = parser.waiting[0]
        headers = {name.lower(): value for name, value in asked.headers}
        if asked.method != "CONNECT":
            raise _Refused(
                "405 Method Not Allowed", "this proxy is for HTTPS: it answers CONNECT alone", ("Allow", "CONNECT")
            )
        via, _, token = _basic(headers.get("proxy-authorization", "")).partition(":")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            text = 'the proxy\'s password is not that of the service: eval "$(pipeline local env)" again'
            raise _Refused("407 Proxy Authentication Required", text, ("Proxy-Authenticate", 'Basic realm="localhost"'))
        host, _, port = asked.target.rpartition(":")
        if not host or not port.isdecimal() or len(port) > 5:
            raise _Refused("400 Bad Request", "CONNECT takes HOST:PORT")
        return _Head(host.strip("[]").lower().rstrip("."), int(port), named_upstream(via))

    async def _encrypted(
        self, writer: asyncio.StreamWriter, host: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The same connection, with the client's TLS taken off."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_BLOCK)
        protocol = asyncio.StreamReaderProtocol(reader)
        context = self._authority.context(host)
        transport = await loop.start_tls(
            writer.transport, protocol, context, server_side=True, ssl_handshake_timeout=_HEAD_SECONDS
        )
        if transport is None:
            raise EOFError
        protocol.connection_made(transport)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connected(host: str, port: int) -> _Ends:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await asyncio.open_connection(host, port, limit=_BLOCK)
    except (OSError, TimeoutError, UnicodeError, OverflowError) as error:
        raise _Refused("502 Bad Gateway", f"no connection to {host}:{port}: {error}") from None


async def _chained(head: _Head) -> _Ends:
    """A connection by the user's own proxy."""
    parts = urlsplit(head.upstream if "://" in head.upstream else f"http://{head.upstream}")
    if parts.scheme != "http" or not parts.hostname:
        raise _Refused("502 Bad Gateway", f"your own proxy must be an http:// one: {parts.scheme}://{parts.hostname}")
    reader, writer = await _connected(parts.hostname, parts.port or 80)
    host = f"[{head.host}]" if ":" in head.host else head.host
    headers = [("Host", f"{host}:{head.port}")]
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    writer.write(head_of(f"CONNECT {host}:{head.port} HTTP/1.1", headers))
    answer = ResponseParser()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            answer.feed(await reader.readuntil(b"\r\n\r\n"))
    except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise _Refused("502 Bad Gateway", f"your own proxy {parts.hostname} gives no answer: {error}") from None
    if answer.status != 200:
        writer.close()
        raise _Refused("502 Bad Gateway", f"your own proxy {parts.hostname} says: {answer.status} {answer.reason}")
    return reader, writer


async def _joined(here: _Ends, there: _Ends, *, halves: bool) -> None:
    """Carry both directions until both have ended, or one if TLS lets it not end by `halves`."""
    ways = [
        asyncio.create_task(_carried(here[0], there[1], halves)),
        asyncio.create_task(_carried(there[0], here[1], halves)),
    ]
    try:
        when = asyncio.ALL_COMPLETED if halves else asyncio.FIRST_COMPLETED
        await asyncio.wait(ways, return_when=when)
    finally:
        for way in ways:
            way.cancel()


async def _carried(source: asyncio.StreamReader, target: asyncio.StreamWriter, halves: bool) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(_BLOCK):
            target.write(block)
            await target.drain()
        if halves:
            target.write_eof()
            return
    if halves:
        target.close()


def _basic(value: str) -> str:
    scheme, _, text = value.partition(" ")
    with contextlib.suppress(ValueError):
        if scheme.lower() == "basic":
            return base64.b64decode(text).decode()
    return ""


def _listening(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(_MOST)
    except BaseException:
        sock.close()
        raise
    return sock
