"""What is read from the bytes of a connection, against h11, which writes and reads HTTP on its own."""

from __future__ import annotations

from dataclasses import dataclass

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.http.parsing import MAX_HEAD, Incoming, RequestParser, ResponseParser, head_of

_TOKEN = st.text("abcXYZ019-_", min_size=1, max_size=8)
_VALUE = st.text('abc ,;="%/äü\t', max_size=12).map(lambda text: text.strip(" \t"))
_PATH = st.text("abc/%+~?&=", max_size=12).map(lambda text: "/" + text)


@dataclass(frozen=True)
class Sent:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: list[bytes]
    chunked: bool

    def wire(self, client: h11.Connection) -> bytes:
        """As h11 writes it."""
        length = str(sum(map(len, self.body)))
        framing = ("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", length)
        headers = [("Host", "a"), framing, *((f"x-{name}", value.encode("latin-1")) for name, value in self.headers)]
        written = [client.send(h11.Request(method=self.method, target=self.target, headers=headers))]
        written += [client.send(h11.Data(data=part)) for part in self.body]
        written.append(client.send(h11.EndOfMessage()))
        return b"".join(part or b"" for part in written)


REQUEST = st.builds(
    Sent,
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    _PATH,
    st.lists(st.tuples(_TOKEN, _VALUE), max_size=4),
    st.lists(st.binary(min_size=1, max_size=9), max_size=3),
    st.booleans(),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


def fed(*parts: bytes) -> tuple[list[Incoming], RequestParser]:
    parser = RequestParser()
    for part in parts:
        parser.feed(part)
    return list(parser.waiting), parser


@given(st.lists(REQUEST, min_size=1, max_size=3), st.lists(st.integers(0, 2000), max_size=12))
def test_requests_are_read_as_they_were_written_wherever_they_are_cut(sent: list[Sent], cuts: list[int]) -> None:
    data = b""
    for request in sent:
        data += request.wire(h11.Connection(h11.CLIENT))
    found, parser = fed(*pieces(data, cuts))
    assert parser.problem is None and not parser._in_head
    assert len(found) == len(sent)
    for one, request in zip(found, sent, strict=True):
        assert (one.method, one.target, one.ended) == (request.method, request.target, True)
        assert b"".join(one.parts) == b"".join(request.body)
        assert one.headers[2:] == [(f"x-{name}", value) for name, value in request.headers]


@given(
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    st.lists(st.tuples(_TOKEN, _VALUE), max_size=4),
    st.binary(max_size=30),
    st.sampled_from(["sized", "chunked", "until the end"]),
    st.booleans(),
    st.lists(st.integers(0, 2000), max_size=12),
)
def test_answers_are_read_as_they_were_written_wherever_they_are_cut(
    status: int, headers: list[tuple[str, str]], body: bytes, kind: str, informed: bool, cuts: list[int]
) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    while server.next_event() is not h11.NEED_DATA and server.their_state is not h11.DONE:
        continue
    framing = {
        "sized": [("Content-Length", str(len(body)))],
        "chunked": [("Transfer-Encoding", "chunked")],
        "until the end": [("Connection", "close"), ("Content-Length", str(len(body)))],
    }[kind]
    given = [(f"x-{name}", value.encode("latin-1")) for name, value in headers]
    before = server.send(h11.InformationalResponse(status_code=100, headers=[])) if informed else b""
    head = server.send(h11.Response(status_code=status, headers=[*given, *framing]))
    rest = (server.send(h11.Data(data=body)) or b"") + (server.send(h11.EndOfMessage()) or b"")
    wire = (before or b"") + (head or b"") + rest
    if kind == "until the end":
        wire = wire.replace(b"Content-Length: %d\r\n" % len(body), b"").replace(b"content-length", b"x-length")
    parser = ResponseParser()
    for part in pieces(wire, cuts):
        if part:
            parser.feed(part)
    if kind == "until the end":
        assert not parser.whole
        parser.feed(b"")
    assert parser.whole and parser.keep_alive == (kind != "until the end")
    assert (parser.status, b"".join(parser.parts)) == (status, body)
    assert [pair for pair in parser.headers if pair[0].startswith("x-")] == [(f"x-{n}", v) for n, v in headers]


@pytest.mark.parametrize("cut", range(1, 60))
def test_an_answer_that_breaks_off_is_none(cut: int) -> None:
    whole = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
    parser = ResponseParser()
    parser.feed(whole[:cut])
    if cut < len(whole):
        with pytest.raises(ValueError, match="breaks off"):
            parser.feed(b"")
    else:
        assert parser.whole


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_make_a_parser_raise_anything_else(first: bytes, second: bytes) -> None:
    for start in (b"", b"GET / HTTP/1.1\r\n", b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"):
        fed(start + first, second)
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        parser = ResponseParser()
        try:
            for part in (start + first, second, b""):
                parser.feed(part)
        except ValueError:
            continue


def test_what_comes_before_something_that_is_no_request_is_still_read() -> None:
    found, parser = fed(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
    assert [one.target for one in found] == ["/a"]
    assert parser.problem is not None and parser.problem.status == 400


def test_another_protocol_that_a_client_offers_is_ignored_and_refused_where_it_hides_the_body() -> None:
    offer = b"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    found, parser = fed(b"GET /a HTTP/1.1\r\n" + offer + b"\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [one.target for one in found] == ["/a", "/b"] and parser.problem is None
    found, parser = fed(
        b"POST /a HTTP/1.1\r\n" + offer + b"Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert not found
    assert parser.problem is not None and parser.problem.status == 400


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/0.9", b"GET / HTTP/2.0", b"GET /\xff HTTP/1.1"],
    ids=["0.9", "2.0", "not quoted"],
)
def test_what_is_no_request_of_http_1_is_refused(first: bytes) -> None:
    found, parser = fed(first + b"\r\nHost: a\r\n\r\n")
    assert not found
    assert parser.problem is not None and parser.problem.status == 400


@pytest.mark.parametrize(
    ("start", "endless", "status"),
    [
        (b"GET / HTTP/1.1\r\n", b"X: a\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 1000, 431),
        (b"GET /", b"a" * 1000, 431),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 1000, 431),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ", b"a" * 1000, 431),
    ],
    ids=["headers", "a header", "the target", "a chunk's extension", "a trailer"],
)
def test_nothing_is_read_without_end(start: bytes, endless: bytes, status: int) -> None:
    _, parser = fed(start, *[endless] * (2 * MAX_HEAD // len(endless)))
    assert parser.problem is not None and parser.problem.status == status


def test_a_head_that_comes_at_once_has_the_same_bound() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(100))
    found, parser = fed(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
    assert not found
    assert parser.problem is not None and parser.problem.status == 431


def test_no_header_that_is_sent_becomes_two() -> None:
    assert (
        head_of("GET / HTTP/1.1", [("X", "a\r\nY: b"), ("Z", "ü€")])
        == b"GET / HTTP/1.1\r\nX: a  Y: b\r\nZ: \xfc?\r\n\r\n"
    )
