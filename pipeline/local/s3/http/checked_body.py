"""A request's body as a stream of chunks that is checked on the way: length, MD5, checksums, signatures of chunks.

The last chunk comes only if everything held, so whoever stores the chunks stores nothing that was truncated or
altered. Bodies framed as `aws-chunked` are unframed, and their trailing checksums count like headers.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from pipeline.local.http.signature_v4 import SignedChunks
from pipeline.local.s3.http.checksums import PREFIX, Checks
from pipeline.local.s3.http.request_errors import EntityTooLarge, IncompleteBody, InvalidRequest, MissingContentLength

CHUNK: Final = 1 << 18
MAX_DOCUMENT: Final = 2 << 20
_MAX_SKIPPED: Final = 64 << 20
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")


class S3Body:
    """The body of one request; read it once, by `chunks` or `document`."""

    def __init__(self, environ: dict[str, Any], headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._raw = _Limited(environ["wsgi.input"], _length(headers), bool(environ.get("wsgi.input_terminated")))
        self._chunks: SignedChunks | None = environ.get("pipeline.chunks")
        self._trailers: dict[str, str] = {}
        self.checksums: dict[str, str] = {}
        """After the body was read: the checksums that came with it, lower-case algorithm to base64."""

    @property
    def framed(self) -> bool:
        """Whether the body is `aws-chunked`."""
        if self._headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            return True
        named = "aws-chunked" in self._headers.get("content-encoding", "")
        return named and "x-amz-decoded-content-length" in self._headers

    def chunks(self, *, of_object: bool = False, compute: str = "") -> Iterator[bytes]:
        """The body. Raises at its end what makes it unacceptable: IncompleteBody, BadDigest ...

        With `of_object` the checksums in the headers are those of an object that the body only speaks of. `compute`
        is an algorithm whose checksum is wanted even if the client gives none.
        """
        given = {name: value for name, value in self._headers.items() if not (of_object and name.startswith(PREFIX))}
        checks = Checks(given, compute=compute)
        for chunk in self._unframed() if self.framed else self._raw.chunks():
            checks.update(chunk)
            yield chunk
        checks.finish(self._trailers, length=self._headers.get("x-amz-decoded-content-length") if self.framed else None)
        self.checksums = checks.claimed

    def document(self, *, of_object: bool = False) -> bytes:
        """A short body, whole. Raises EntityTooLarge and what `chunks` raises."""
        parts, size = [], 0
        for chunk in self.chunks(of_object=of_object):
            size += len(chunk)
            if size > MAX_DOCUMENT:
                raise EntityTooLarge(MaxSizeAllowed=str(MAX_DOCUMENT))
            parts.append(chunk)
        return b"".join(parts)

    def require_length(self) -> None:
        """Raises MissingContentLength if the body's end cannot be known."""
        unknown = self._raw.length is None and not self._raw.terminated
        if unknown or (self.framed and not self._headers.get("x-amz-decoded-content-length")):
            raise MissingContentLength

    def skip(self) -> None:
        """Read on after an error, up to 64 MiB: a client that is still sending would not see the answer otherwise.

        One that waits for `100 Continue` is not made to send.
        """
        waiting = self._raw.taken == 0 and self._headers.get("expect", "").lower() == "100-continue"
        if waiting or (self._raw.length or 0) > _MAX_SKIPPED:
            return
        try:
            for _ in self._raw.chunks():
                if self._raw.taken > _MAX_SKIPPED:
                    return
        except IncompleteBody:
            return

    def _unframed(self) -> Iterator[bytes]:
        reader = io.BufferedReader(self._raw, CHUNK)
        size = -1
        while size:
            size, signature = _frame(reader.readline(4096))
            yield from self._chunk(reader, size, signature)
            if size and reader.readline(16).strip():
                raise InvalidRequest("The chunks of the body are not framed as aws-chunked.")
        lines = b""
        while line := reader.readline(4096).strip():
            name, _, value = line.decode("latin-1").partition(":")
            self._trailers[name.strip().lower()] = value.strip()
            if name.strip().lower() != _TRAILER_SIGNATURE:
                lines += line + b"\n"
        if self._chunks is not None and lines:
            self._chunks.check_trailers(lines, self._trailers.get(_TRAILER_SIGNATURE, ""))
        while reader.read(CHUNK):
            continue

    def _chunk(self, reader: BinaryIO, size: int, signature: str) -> Iterator[bytes]:
        """The data of one frame; also of the last, which is empty and signed all the same."""
        digest = hashlib.sha256()
        while size:
            chunk = reader.read(min(CHUNK, size))
            if not chunk:
                raise IncompleteBody
            size -= len(chunk)
            if self._chunks is not None:
                digest.update(chunk)
            yield chunk
        if self._chunks is not None:
            self._chunks.check_chunk(digest.hexdigest(), signature)


class _Limited(io.RawIOBase):
    """The server's stream up to the end of this request's body."""

    def __init__(self, stream: BinaryIO, length: int | None, terminated: bool) -> None:
        self._stream = stream
        self.length = length
        self.terminated = terminated
        self.taken = 0

    def readable(self) -> bool:
        """Always, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer. Raises IncompleteBody if the client stops early."""
        chunk = self._take(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def chunks(self) -> Iterator[bytes]:
        """The rest of the body."""
        while chunk := self._take(CHUNK):
            yield chunk

    def _take(self, most: int) -> bytes:
        if self.length is None and not self.terminated:
            return b""
        if self.length is not None:
            most = min(most, self.length - self.taken)
        if most <= 0:
            return b""
        try:
            chunk = self._stream.read(most)
        except OSError as error:
            raise IncompleteBody from error
        if not chunk and self.length is not None:
            raise IncompleteBody
        self.taken += len(chunk)
        return chunk


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _frame(line: bytes) -> tuple[int, str]:
    """Size and signature of a frame, by its first line."""
    size, _, extension = line.partition(b";")
    if not _SIZE.fullmatch(size.strip()):
        raise IncompleteBody
    return int(size, 16), extension.strip().removeprefix(b"chunk-signature=").decode("latin-1")
