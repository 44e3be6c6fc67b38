"""A request's body as a stream of chunks that is checked on the way: length, MD5, checksums.

The last chunk comes only if everything held, so whoever stores the chunks stores nothing that was truncated or
altered. Bodies framed as `aws-chunked` are unframed, and their trailing checksums count like headers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final, Protocol

from pipeline.local.s3.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidDigest,
    InvalidRequest,
    MissingContentLength,
)

CHUNK: Final = 1 << 18
MAX_DOCUMENT: Final = 2 << 20
_MAX_SKIPPED: Final = 64 << 20
_PREFIX: Final = "x-amz-checksum-"
_BYTES: Final = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Digest(Protocol):
    """What hashlib's objects are, and `Crc32`."""

    def update(self, data: bytes, /) -> None:
        """Take in more of the body."""

    def digest(self) -> bytes:
        """The checksum so far, big-endian."""


class Crc32:
    """zlib's CRC as a digest."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take in more of the body."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """The four bytes."""
        return self._value.to_bytes(4, "big")


def new_digest(algorithm: str) -> Digest | None:
    """A digest of `crc32`, `sha1` or `sha256`; None for the checksums that Python cannot compute quickly."""
    match algorithm:
        case "crc32":
            return Crc32()
        case "sha1":
            return hashlib.sha1(usedforsecurity=False)
        case "sha256":
            return hashlib.sha256()
    return None


class Body:
    """The body of one request; read it once, by `chunks` or `document`."""

    def __init__(self, environ: dict[str, Any], headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._raw = _Limited(environ["wsgi.input"], _length(headers), bool(environ.get("wsgi.input_terminated")))
        self._trailers: dict[str, str] = {}
        self.checksums: dict[str, str] = {}
        """After the body was read: the checksums that came with it, lower-case algorithm to base64."""

    @property
    def framed(self) -> bool:
        """Whether the body is `aws-chunked`."""
        encoding = self._headers.get("content-encoding", "")
        streaming = self._headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        return streaming or "aws-chunked" in encoding

    def chunks(self, *, of_object: bool = False) -> Iterator[bytes]:
        """The body. Raises at its end what makes it unacceptable: IncompleteBody, BadDigest ...

        With `of_object` the checksums in the headers are those of an object that the body only speaks of.
        """
        checks = _Checks(
            {name: value for name, value in self._headers.items() if not (of_object and name.startswith(_PREFIX))}
        )
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
        if self._raw.length is None and not self._raw.terminated:
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
        while size := _frame_size(reader.readline(4096)):
            while size:
                chunk = reader.read(min(CHUNK, size))
                if not chunk:
                    raise IncompleteBody
                size -= len(chunk)
                yield chunk
            if reader.readline(16).strip():
                raise InvalidRequest("The chunks of the body are not framed as aws-chunked.")
        while line := reader.readline(4096).strip():
            name, _, value = line.decode("latin-1").partition(":")
            self._trailers[name.strip().lower()] = value.strip()
        while reader.read(CHUNK):
            continue


class _Limited(io.RawIOBase):
    """The server's stream up to the end of this request's body."""

    def __init__(self, stream: BinaryIO, length: int | None, terminated: bool) -> None:
        self._stream = stream
        self.length = length
        self.terminated = terminated
        self.taken = 0

    def readable(self) -> bool:
        """Yes."""
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


class _Checks:
    """All that a body must agree with."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._md5 = _claimed_md5(headers.get("content-md5", ""))
        self.claimed = {
            name.removeprefix(_PREFIX): value
            for name, value in headers.items()
            if name.startswith(_PREFIX) and name not in (f"{_PREFIX}type", f"{_PREFIX}algorithm", f"{_PREFIX}mode")
        }
        for algorithm, value in self.claimed.items():
            if not _can_be(algorithm, value):
                raise InvalidRequest(f"Value for {_PREFIX}{algorithm} header is invalid.")
        self._digests: dict[str, Digest] = {}
        for trailer in headers.get("x-amz-trailer", "").lower().split(","):
            self._watch(trailer.strip().removeprefix(_PREFIX))
        for algorithm in self.claimed:
            self._watch(algorithm)
        if self._md5:
            self._digests["md5"] = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def update(self, chunk: bytes) -> None:
        """Take in more of the body."""
        self._size += len(chunk)
        for digest in self._digests.values():
            digest.update(chunk)

    def finish(self, trailers: Mapping[str, str], *, length: str | None) -> None:
        """Raises if the body is not what the headers and trailers say."""
        if length is not None and length != str(self._size):
            raise IncompleteBody
        if self._md5 and self._digests["md5"].digest() != self._md5:
            raise BadDigest
        self.claimed |= {
            name.removeprefix(_PREFIX): value for name, value in trailers.items() if name.startswith(_PREFIX)
        }
        for algorithm, value in self.claimed.items():
            digest = self._digests.get(algorithm)
            if digest is not None and base64.b64encode(digest.digest()).decode() != value:
                raise BadDigest(f"The {algorithm.upper()} you specified did not match the calculated checksum.")

    def _watch(self, algorithm: str) -> None:
        digest = new_digest(algorithm)
        if digest is not None:
            self._digests[algorithm] = digest


def _can_be(algorithm: str, value: str) -> bool:
    """Whether a text may be a checksum of that kind."""
    try:
        return len(base64.b64decode(value, validate=True)) == _BYTES.get(algorithm, -1)
    except ValueError:
        return False


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _claimed_md5(text: str) -> bytes:
    try:
        claimed = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidDigest from None
    if text and len(claimed) != 16:
        raise InvalidDigest
    return claimed


def _frame_size(line: bytes) -> int:
    text = line.split(b";", 1)[0].strip()
    if not _SIZE.fullmatch(text):
        raise IncompleteBody
    return int(text, 16)
