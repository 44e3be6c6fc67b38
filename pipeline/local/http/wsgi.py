"""Between this server's requests and applications that speak WSGI: the S3 face and moto.

Two things that WSGI alone would lose are kept: the path as it came (RAW_URI), and header names with `_`, which S3's
metadata may have, as moto expects them and as a list of pairs in `pipeline.headers`. `pipeline.bucket` is the bucket
that the Host names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes

from pipeline.local.http.messages import FilePart, HttpAnswer, HttpRequest

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_MOTO_NAMES: Final = "moto.preserved_header_names"
_UNPREFIXED: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")


class FileWrapper:
    """`wsgi.file_wrapper`: a file from where it stands; with a Content-Length the kernel sends it."""

    def __init__(self, file: IO[bytes], size: int = 1 << 18) -> None:
        self.file = file
        self._size = size

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        part = self.file.read(self._size)
        if not part:
            raise StopIteration
        return part

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def environ_of(request: HttpRequest) -> Environ:
    """The WSGI environment of a request."""
    host, _, port = request.headers["host"].rpartition(":")
    target = f"{request.path}?{request.query}" if request.query else request.path
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": host or request.headers["host"],
        "SERVER_PORT": port if host else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": request.body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "pipeline.headers": request.pairs,
        "pipeline.bucket": request.bucket,
    }
    preserved: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if "_" in name:
            # A name with `_` must never stand in for the one with `-`.
            if not name.startswith("x-amz-meta-") or name.replace("_", "-") in request.headers:
                continue
            preserved[f"HTTP_{key}"] = next(sent for sent, _ in request.pairs if sent.lower() == name)
        environ[key if key in _UNPREFIXED else f"HTTP_{key}"] = value
    environ[_MOTO_NAMES] = preserved
    return environ


def run(application: Application, environ: Environ) -> HttpAnswer:
    """The application's answer. What it raises passes through."""
    started: list[tuple[int, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        started[:] = [(int(status.split(" ", 1)[0]), headers)]
        return written.append

    body = application(environ, start_response)
    if isinstance(body, FileWrapper) and not written:
        status, headers = started[0]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        if length is not None:
            return HttpAnswer(status, headers, FilePart(body.file, body.file.tell(), length))
    if isinstance(body, (list, tuple)) and started:
        return HttpAnswer(*started[0], b"".join([*written, *body]))
    return _begun(body, started, written)


def _begun(body: Iterable[bytes], started: list[tuple[int, list[tuple[str, str]]]], written: list[bytes]) -> HttpAnswer:
    """A generator may start its response only when it is asked for its first part."""
    parts = iter(body)
    first = next(parts, b"")
    return HttpAnswer(*started[0], _Rest([*written, first], parts, body))


class _Rest:
    """The first parts again, then the others; closing closes the application's own iterable."""

    def __init__(self, first: list[bytes], rest: Iterable[bytes], owner: object) -> None:
        self._first = first
        self._rest = rest
        self._owner = owner

    def __iter__(self) -> Any:
        yield from self._first
        yield from self._rest

    def close(self) -> None:
        done = getattr(self._owner, "close", None)
        if done is not None:
            done()
