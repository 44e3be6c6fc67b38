"""The client of containers, against servers that answer in every way that HTTP/1.1 allows, and in some it does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pipeline.local.containers.hosting.connection import Connections, ContainerAnswer, NoAnswer, TooLarge, TooLate
from pipeline.local.containers.hosting.serving_container import ask
from tests.support.waiting import PATIENCE

Script = Callable[[socket.socket, int], None]


class Server:
    """Runs a script for each connection; the script gets the socket and the number of the connection."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._run, args=(sock, self.accepted), daemon=True).start()

    def _run(self, sock: socket.socket, number: int) -> None:
        with sock:
            try:
                self._script(sock, number)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Script], tuple[Server, Connections]]]:
    opened: list[Server | Connections] = []

    def start(script: Script) -> tuple[Server, Connections]:
        server = Server(script)
        connections = Connections(server.port)
        opened.extend((connections, server))
        return server, connections

    yield start
    for thing in opened:
        thing.close()


def request(sock: socket.socket) -> bytes:
    """One whole request with Content-Length; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(*answers: bytes) -> Script:
    """Each request on a connection gets the next answer."""

    def script(sock: socket.socket, number: int) -> None:
        for answer in answers:
            if not request(sock):
                return
            sock.sendall(answer)

    return script


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"hello",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", 404, b"no"),
        (b"HTTP/1.0 500\r\n\r\nuntil the end", 500, b"until the end"),
    ],
)
def test_every_kind_of_body_is_read(
    serve: Callable[[Script], tuple[Server, Connections]], wire: bytes, status: int, body: bytes
) -> None:
    _, connections = serve(answering(wire))
    answer = connections.request("POST", "/x", {"A": "b"}, b"data", timeout=PATIENCE)
    assert (answer.status, answer.body) == (status, body)


def test_connections_are_kept(serve: Callable[[Script], tuple[Server, Connections]]) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok"
    server, connections = serve(answering(*[ok] * 20))
    for _ in range(20):
        answer = connections.request("GET", "/", {}, timeout=PATIENCE)
        assert answer == ContainerAnswer(200, [("Content-Length", "2"), ("X-A", "1")], b"ok")
        assert answer.header("x-a") == "1" and answer.header("x-b") == ""
    assert server.accepted == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", b"HTTP/1.0 200 OK\r\n"])
def test_connections_that_are_not_to_be_kept_are_not(
    serve: Callable[[Script], tuple[Server, Connections]], head: bytes
) -> None:
    server, connections = serve(answering(head + b"Content-Length: 2\r\n\r\nok"))
    for _ in range(3):
        assert connections.request("GET", "/", {}, timeout=PATIENCE).body == b"ok"
    assert server.accepted == 3


def test_a_kept_connection_that_was_closed_is_replaced(serve: Callable[[Script], tuple[Server, Connections]]) -> None:
    server, connections = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    for _ in range(3):
        assert connections.request("GET", "/", {}, timeout=PATIENCE).body == b"ok"
    assert server.accepted == 3


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello, \r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
)
def test_what_is_no_whole_answer_is_none(serve: Callable[[Script], tuple[Server, Connections]], wire: bytes) -> None:
    _, connections = serve(answering(wire))
    with pytest.raises(NoAnswer):
        connections.request("GET", "/", {}, timeout=PATIENCE)


def test_an_answer_that_comes_too_late(serve: Callable[[Script], tuple[Server, Connections]]) -> None:
    release = threading.Event()
    _, connections = serve(lambda sock, number: (request(sock), release.wait(PATIENCE), None)[2])
    with pytest.raises(TooLate):
        connections.request("GET", "/", {}, timeout=0.1)
    release.set()


def test_a_container_that_drips_its_answer_is_as_late_as_a_silent_one(
    serve: Callable[[Script], tuple[Server, Connections]],
) -> None:
    ended = threading.Event()

    def drip(sock: socket.socket, number: int) -> None:
        request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not ended.wait(0.02):
            sock.sendall(b"x")

    _, connections = serve(drip)
    with pytest.raises(TooLate):
        connections.request("GET", "/", {}, timeout=0.3)
    ended.set()


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        connections = Connections(probe.getsockname()[1])
        with pytest.raises(NoAnswer):
            connections.request("GET", "/", {}, timeout=1)


def test_a_server_that_refuses_a_large_body_early_is_heard(
    serve: Callable[[Script], tuple[Server, Connections]],
) -> None:
    def script(sock: socket.socket, number: int) -> None:
        sock.recv(100)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        while sock.recv(1 << 20):
            pass

    _, connections = serve(script)
    assert connections.request("POST", "/", {}, b"x" * 5_000_000, timeout=PATIENCE).status == 413


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["of known length", "until the end"],
)
def test_an_answer_without_end_is_read_no_further_than_the_limit(
    serve: Callable[[Script], tuple[Server, Connections]], head: bytes
) -> None:
    sent = 0

    def script(sock: socket.socket, number: int) -> None:
        nonlocal sent
        request(sock)
        sock.sendall(head)
        while True:
            sock.sendall(b"x" * 65536)
            sent += 65536

    _, connections = serve(script)
    with pytest.raises(TooLarge):
        connections.request("GET", "/", {}, timeout=PATIENCE, most=1 << 20)
    assert sent < 64 << 20


def test_the_time_of_an_invocation_is_that_of_the_whole_chain() -> None:
    given: list[float] = []

    class Slow:
        def request(self, *_: object, timeout: float, most: int) -> ContainerAnswer:
            given.append(timeout)
            threading.Event().wait(0.05)
            return ContainerAnswer(200, [("Content-Type", "text/csv")], b"1")

    ask([Slow(), Slow(), Slow()], {}, b"", 60.0)  # type: ignore[list-item]
    assert given[0] <= 60.0 and given[1] <= 59.95 and given[2] <= 59.9
