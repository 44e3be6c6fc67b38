"""The server on raw sockets: what a well-behaved client gets, and what a bad one cannot do."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.local.http import listener, waiting
from pipeline.local.http.listener import Listener, bind
from pipeline.local.http.messages import FilePart, HttpAnswer, HttpRequest
from tests.support.waiting import PATIENCE


def echo(request: HttpRequest) -> HttpAnswer:
    """The method, the path and the body of the request."""
    if request.path == "/unread":
        return HttpAnswer(403, [], b"no")
    body = request.body.read()
    return HttpAnswer(200, [("X-Path", request.path)], f"{request.method} {len(body)} ".encode() + body)


@contextmanager
def serving(handler: listener.Handler = echo, *, connections: int = 8) -> Iterator[int]:
    sock = bind(0)
    server = Listener(sock, handler, max_connections=connections)
    server.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def exchange(port: int, sent: bytes) -> bytes:
    """Everything that comes back until the server closes, which it does since nothing more will be asked."""
    with connected(port) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(OSError):
            while part := sock.recv(65536):
                received += part
        return received


def test_a_connection_carries_one_request_after_another() -> None:
    with serving() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for size in (0, 5, 300_000):
            connection.request("PUT", "/a%2Fb", body=b"x" * size)
            response = connection.getresponse()
            assert response.getheader("X-Path") == "/a%2Fb"
            assert len(response.read()) == len(f"PUT {size} ") + size
        connection.close()


def test_two_requests_in_one_packet_get_two_answers() -> None:
    with serving() as port:
        received = exchange(port, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b"X-Path: /b" in received


def test_continue_is_sent_when_the_body_is_wanted_and_not_before() -> None:
    head = b" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with serving() as port:
        assert exchange(port, b"PUT /unread" + head).startswith(b"HTTP/1.1 403")
        with connected(port) as sock:
            sock.sendall(b"PUT /wanted" + head)
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(b"body")
            assert sock.recv(4096).endswith(b"PUT 4 body")


def test_an_empty_body_that_expects_continue_does_not_hang() -> None:
    with serving() as port:
        received = exchange(port, b"PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
    assert b"200 OK" in received


def test_a_body_in_chunks_is_read() -> None:
    chunks = b"3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n"
    with serving() as port:
        head = b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b"PUT 7 abcdefg" in exchange(port, head + chunks)
        assert exchange(port, head + b"zz\r\nabc\r\n").startswith(b"HTTP/1.1 400")
        assert exchange(port, head + b"3\r\nabcdefgh\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1 more\r\nHost: a",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: a",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a",
        b"OPTIONS * HTTP/1.1\r\nHost: a",
        b"get / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/2\r\nHost: a",
        b"GET /a b HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: x",
        b"GET / HTTP/1.1\r\nHost: a\r\nNo colon",
        b"GET / HTTP/1.1\r\nHost : a",
        b"GET / HTTP/1.1\r\nHost: a\nX: y\x00",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(head: bytes) -> None:
    with serving() as port:
        received = exchange(port, head + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400")
    assert b"Connection: close" in received


def test_a_head_without_end_is_refused() -> None:
    with serving() as port:
        received = exchange(port, b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 100_000)
        assert received.startswith(b"HTTP/1.1 431")
        many = b"".join(b"X-%d: a\r\n" % number for number in range(200))
        assert exchange(port, b"GET / HTTP/1.1\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431")


def test_a_client_that_speaks_tls_is_told_at_once_that_nobody_here_does() -> None:
    with serving() as port, connected(port) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert b"without TLS" in b"".join(iter(lambda: sock.recv(4096), b""))


def test_a_connection_of_http_1_0_ends_with_its_answer_unless_it_asks_for_more() -> None:
    with serving() as port:
        with connected(port) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert b"".join(iter(lambda: sock.recv(4096), b"")).endswith(b"GET 0 ")
        asked = exchange(port, b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" * 2)
    assert asked.count(b"200 OK") == 2


def test_an_answer_that_breaks_off_costs_its_connection_and_no_place(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    def answer(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(200, [], broken() if request.path == "/broken" else b"whole")

    with serving(answer, connections=1) as port:
        for _ in range(3):
            assert b"half" in exchange(port, b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"whole" in exchange(port, ASK)
    assert "ValueError: no more" in caplog.text


def test_a_dripped_head_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_HEAD_SECONDS", 0.3)
    with serving() as port, connected(port) as sock:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for char in b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaa":
                sock.sendall(bytes([char]))
                time.sleep(0.05)
        assert sock.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < PATIENCE


def test_a_file_is_sent_from_its_offset_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(bytes(range(256)) * 4096)
    files = []

    def part(request: HttpRequest) -> HttpAnswer:
        files.append(path.open("rb"))
        return HttpAnswer(206, [], FilePart(files[-1], 256, 512))

    with serving(part) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for method, size in (("GET", 512), ("HEAD", 0)):
            connection.request(method, "/")
            response = connection.getresponse()
            assert response.read() == (bytes(range(256)) * 2)[:size]
            assert response.getheader("Content-Length") == "512"
        connection.close()
        ends = time.monotonic() + PATIENCE
        while not all(file.closed for file in files):
            assert time.monotonic() < ends, "a file that was sent is still open"
            time.sleep(0.005)


def test_a_body_of_unknown_length_is_chunked() -> None:
    with serving(lambda request: HttpAnswer(200, [], iter([b"abc", b"", b"de"]))) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"abcde"
        connection.close()


ASK = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost"], ids=["idle", "half a head"])
def test_connections_without_a_request_cost_no_thread_and_nobody_waits_for_them(begun: bytes) -> None:
    with serving(connections=2) as port, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(300)]
        for sock in held:
            sock.sendall(begun)
        assert b"200 OK" in exchange(port, ASK)
        assert sum(thread.name == "connection" for thread in threading.enumerate()) <= 2
        held[0].sendall(ASK.removeprefix(begun))
        assert held[0].recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_beyond_the_bound_the_connection_that_waits_longest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_bound", lambda: 10)
    with serving() as port, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(12)]
        assert [held[0].recv(1), held[1].recv(1)] == [b"", b""]
        held[-1].sendall(ASK)
        assert held[-1].recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_a_connection_that_was_idle_for_long_still_carries_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_STAY_SECONDS", 0.05)
    with serving() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"GET 0 "
            time.sleep(0.2)
        connection.close()


def test_an_idle_connection_is_closed_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_IDLE_SECONDS", 0.2)
    with serving() as port, connected(port) as sock:
        assert sock.recv(1) == b""


def test_a_client_whose_body_nobody_wants_can_send_it_and_read_why() -> None:
    with serving() as port, connected(port) as sock:
        size = 20_000_000
        sock.sendall(b"PUT /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 403") and answer.endswith(b"no")


def test_bodies_that_nobody_wants_and_that_never_come_hold_no_thread() -> None:
    with serving(connections=2) as port, contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(connected(port))
            sock.sendall(b"PUT /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx")
            assert sock.recv(4096).startswith(b"HTTP/1.1 403")
        assert b"200 OK" in exchange(port, ASK)


def test_hundreds_of_clients_at_once_are_answered_by_few_threads() -> None:
    most = 0

    def slow(request: HttpRequest) -> HttpAnswer:
        nonlocal most
        most = max(most, sum(thread.name == "connection" for thread in threading.enumerate()))
        time.sleep(0.001)
        return HttpAnswer(200, [], b"ok")

    answered = []

    def ask(port: int) -> None:
        with connected(port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answered.append(sock.recv(4096)[:15])

    with serving(slow, connections=16) as port:
        threads = [threading.Thread(target=ask, args=(port,)) for _ in range(300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answered == [b"HTTP/1.1 200 OK"] * 300
    assert most <= 17


def test_a_flood_of_connections_cuts_none_that_has_something_to_ask() -> None:
    answered = []
    with serving(connections=4) as port, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connected(port)) for _ in range(200)]
        for sock in sockets:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for sock in sockets:
            answered.append(sock.recv(4096)[:15])
            sock.close()
    assert answered == [b"HTTP/1.1 200 OK"] * 200


def test_a_client_that_goes_away_in_the_middle_of_its_body_harms_nobody() -> None:
    with serving() as port:
        with connected(port) as sock:
            sock.sendall(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        assert b"200 OK" in exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")


def test_a_thread_that_cannot_be_started_costs_one_connection_and_not_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, refused = threading.Thread.start, list[str]()

    def start_or_not(thread: threading.Thread) -> None:
        if thread.name == "connection" and not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_not)
    with serving(connections=1) as port:
        assert exchange(port, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        assert b"200 OK" in exchange(port, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert refused


def test_a_header_never_becomes_two(tmp_path: Path) -> None:
    with serving(lambda request: HttpAnswer(200, [("X-Given", "a\r\nX-Made: b\r\n\r\nc\0")])) as port:
        head, _, body = exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").partition(b"\r\n\r\n")
    assert b"X-Given: a  X-Made: b    c \r\n" in head + b"\r\n"
    assert body == b""


def test_an_answer_lets_go_of_its_body_when_the_client_is_gone_before_it() -> None:
    closed = threading.Event()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"never sent"

        def close(self) -> None:
            closed.set()

    with serving(lambda request: HttpAnswer(200, [], Body())) as port:
        with connected(port) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        assert closed.wait(PATIENCE)


def test_a_fault_of_a_handler_costs_one_connection_and_no_place(caplog: pytest.LogCaptureFixture) -> None:
    def fail_or_echo(request: HttpRequest) -> HttpAnswer:
        if request.path == "/fail":
            raise ValueError("a fault of ours")
        return echo(request)

    with serving(fail_or_echo, connections=1) as port:
        for _ in range(2):
            assert exchange(port, b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        assert b"200 OK" in exchange(port, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert "a fault of ours" in caplog.text


def test_an_answer_under_way_goes_out_when_the_server_closes_and_no_new_request_is_taken() -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(request: HttpRequest) -> HttpAnswer:
        asked.set()
        release.wait(PATIENCE)
        return HttpAnswer(200, [], b"in time")

    sock = bind(0)
    server = Listener(sock, slow)
    server.start()
    with (
        socket.create_connection(sock.getsockname(), timeout=PATIENCE) as busy,
        socket.create_connection(sock.getsockname(), timeout=PATIENCE) as idle,
    ):
        busy.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert asked.wait(PATIENCE)
        closing = threading.Thread(target=server.close, args=(20.0,))
        closing.start()
        assert idle.recv(1) == b"", "who asks nothing is let go of"
        release.set()
        answer = b"".join(iter(lambda: busy.recv(4096), b""))
        assert answer.endswith(b"in time") and b"Connection: close" in answer
        closing.join(PATIENCE)
        assert not closing.is_alive()


def test_a_body_is_read_no_faster_than_somebody_wants_it() -> None:
    release = threading.Event()

    def hold(request: HttpRequest) -> HttpAnswer:
        first = request.body.read(1)
        release.wait(PATIENCE)
        return HttpAnswer(200, [], b"%d" % (len(first) + len(request.body.read())))

    size = 64 << 20
    with serving(hold) as port, connected(port) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        sock.setblocking(False)
        sent, piece = 0, b"x" * (1 << 20)
        with contextlib.suppress(BlockingIOError):
            while sent < size and select.select([], [sock], [], 0.5)[1]:
                sent += sock.send(piece[: size - sent])
        assert sent < size, "more was taken than the sockets themselves hold"
        sock.settimeout(20)
        release.set()
        sock.sendall(b"x" * (size - sent))
        assert sock.recv(4096).endswith(b"%d" % size)


def test_clients_that_read_none_of_their_answers_hold_up_nobody_else() -> None:
    """Whoever has no key gets small answers only: refusals."""

    def refuse(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(403, [], b"x" * 1000)

    flood = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
    with serving(refuse, connections=4) as port, contextlib.ExitStack() as opened:
        for _ in range(8):
            sock = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            sock.settimeout(0.2)
            with contextlib.suppress(OSError):  # full, or closed by the server
                while True:
                    sock.sendall(flood)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)  # half of what the server waited before
        connection.request("GET", "/mine")
        assert connection.getresponse().status == 403
        connection.close()


def test_a_large_answer_waits_for_a_client_that_reads_slowly() -> None:
    size = 8 << 20
    with serving(lambda request: HttpAnswer(200, [], b"x" * size)) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            threading.Event().wait(1.5)
            received = 0
            while part := sock.recv(1 << 20):
                received += len(part)
    assert received > size
