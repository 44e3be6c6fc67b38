"""Meddling with boto3's calls: a process killed at the n-th of them, somebody else at work between two of them, and
answers that AWS would give but no emulator does.

It works by botocore's events, so everything from the pipeline's own code to the HTTP request is the real thing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]


class KilledError(BaseException):
    """The process is gone; no `except Exception` has a say."""


class _OfThread(threading.local):
    """The number of the call that a thread has sent last, and whether it is doing what was asked at a call."""

    number = -1
    busy = False


@dataclass
class Calls:
    """Counts the calls of a session, and does something at the n-th, before it is sent or after its answer came.

    Calls may be sent from several threads at once: each is numbered when it is sent, and so is its answer.
    """

    at: int = -1
    when: When = "before"
    do: Callable[[], None] | None = None
    names: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _mine: _OfThread = field(default_factory=_OfThread)

    def listen(self, client: Any) -> None:
        """Listen to a boto3 client; to several, if all together are to be counted."""
        client.meta.events.register_first("before-send", self._sent)
        client.meta.events.register_last("after-call", self._answered)

    def again(self, at: int) -> None:
        """Count anew, up to another call."""
        self.at = at
        self.names.clear()

    def _sent(self, event_name: str, **_: object) -> None:
        if not self._mine.busy:
            with self._lock:
                self._mine.number = len(self.names)
                self.names.append(event_name.rpartition(".")[2])
            self._reach("before")

    def _answered(self, **_: object) -> None:
        if not self._mine.busy:
            self._reach("after")

    def _reach(self, when: When) -> None:
        if when != self.when or self._mine.number != self.at:
            return
        if self.do is None:
            raise KilledError
        self.at, self._mine.busy = -1, True
        try:
            self.do()
        finally:
            self._mine.busy = False


@dataclass(frozen=True)
class Refusal:
    """An error as AWS answers it."""

    operation: str
    code: str
    message: str
    status: int = 400
    times: int = 1000


class Refusing:
    """Gives operations their refusals instead of sending them; `given` tells which ones."""

    def __init__(self, *refusals: Refusal) -> None:
        self._refusals = refusals
        self.given: list[str] = []

    def listen(self, client: Any) -> None:
        """Refuse calls of a boto3 client."""
        client.meta.events.register_first("before-send", self.answer)

    def answer(self, event_name: str, request: Any, **_: object) -> Any:
        """The handler of botocore's event."""
        operation = event_name.rpartition(".")[2]
        for refusal in self._refusals:
            if refusal.operation == operation and self.given.count(operation) < refusal.times:
                self.given.append(operation)
                return _response(request.url, refusal, xml=".s3." in event_name or ".sts." in event_name)
        return None


@contextmanager
def refusing(client: Any, operation: str, code: str, message: str = "no") -> Iterator[None]:
    """An operation of a client answers an error of AWS meanwhile."""
    answer = Refusing(Refusal(operation, code, message)).answer
    client.meta.events.register_first("before-send", answer)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send", answer)


@contextmanager
def recording(client: Any, operation: str, answer: dict[str, Any]) -> Iterator[list[Any]]:
    """The requests of an operation that the emulator lacks, each answered with `answer`; what is sent fits AWS's model,
    as botocore checks it before."""
    from botocore.validate import validate_parameters

    sent: list[Any] = []

    def answered(params: dict[str, Any], model: Any, **_: object) -> Any:
        return type("Response", (), {"status_code": 200})(), answer

    def given(params: dict[str, Any], model: Any, **_: object) -> None:
        validate_parameters(params, model.input_shape)
        sent.append(dict(params))

    events = client.meta.events
    service = client.meta.service_model.service_id.hyphenize()
    names = (f"provide-client-params.{service}.{operation}", f"before-call.{service}.{operation}")
    events.register(names[0], given)
    events.register(names[1], answered)
    try:
        yield sent
    finally:
        events.unregister(names[0], given)
        events.unregister(names[1], answered)


@contextmanager
def refused(*refusals: Refusal) -> Iterator[Refusing]:
    """Every client that is made meanwhile, by whatever session, gets these answers to these operations."""
    from botocore import handlers

    refusing = Refusing(*refusals)
    entry = ("before-send", refusing.answer)
    handlers.BUILTIN_HANDLERS.insert(0, entry)
    try:
        yield refusing
    finally:
        handlers.BUILTIN_HANDLERS.remove(entry)


@contextmanager
def recorded() -> Iterator[list[tuple[str, bytes]]]:
    """Operation and body of every request of the clients that are made meanwhile."""
    from botocore import handlers

    sent: list[tuple[str, bytes]] = []

    def record(event_name: str, request: Any, **_: object) -> None:
        body = request.body
        if hasattr(body, "read"):
            content = body.read()
            body.seek(0)
        else:
            content = body or b""
        sent.append((event_name.rpartition(".")[2], content.encode() if isinstance(content, str) else bytes(content)))

    entry = ("before-send", record)
    handlers.BUILTIN_HANDLERS.insert(0, entry)
    try:
        yield sent
    finally:
        handlers.BUILTIN_HANDLERS.remove(entry)


def _response(url: str, refusal: Refusal, *, xml: bool) -> Any:
    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders

    if xml:
        text = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
        if "sts" in url:
            text = f"<ErrorResponse>{text}</ErrorResponse>"
        body, kind = text.encode(), "text/xml"
    else:
        body, kind = (
            json.dumps({"__type": refusal.code, "message": refusal.message}).encode(),
            "application/x-amz-json-1.1",
        )
    headers = HTTPHeaders()
    headers["Content-Type"] = kind
    return AWSResponse(url, refusal.status, headers, _Raw(body))


class _Raw:
    """A body as urllib3 gives it, as far as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: object) -> bytes:
        return self._body
