"""The checksums of bodies: which the headers and the trailers of a request claim, and whether the body has them.

Headers that contradict each other are refused before a byte is read, since nobody could say which of them is meant.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from pipeline.local.s3.http.crc import Crc
from pipeline.local.s3.http.request_errors import (
    BadDigest,
    IncompleteBody,
    InvalidDigest,
    InvalidRequest,
    MalformedTrailer,
)

PREFIX: Final = "x-amz-checksum-"
BYTES: Final = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
"""How long the checksum of each algorithm is."""
_OTHER_HEADERS: Final = (f"{PREFIX}type", f"{PREFIX}algorithm", f"{PREFIX}mode")
_SINGLE: Final = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."


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
    """A digest of one of the algorithms; None for the name of none."""
    match algorithm:
        case "crc32":
            return Crc32()
        case "crc32c" | "crc64nvme":
            return Crc(algorithm)
        case "sha1":
            return hashlib.sha1(usedforsecurity=False)
        case "sha256":
            return hashlib.sha256()
    return None


def claimed(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksum that the headers claim, by its algorithm; at most one. Raises InvalidRequest."""
    found = {
        name.removeprefix(PREFIX): value
        for name, value in headers.items()
        if name.startswith(PREFIX) and name not in _OTHER_HEADERS
    }
    for algorithm, value in found.items():
        if algorithm not in BYTES:
            raise InvalidRequest("The algorithm type you specified in x-amz-checksum- header is invalid.")
        if not _can_be(algorithm, value):
            raise InvalidRequest(f"Value for {PREFIX}{algorithm} header is invalid.")
    if len(found) > 1:
        raise InvalidRequest(_SINGLE)
    return found


def known_algorithm(text: str) -> str:
    """The algorithm of a header, in lower case. Raises InvalidRequest."""
    if text.lower() not in BYTES:
        raise InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(name.upper() for name in BYTES)}]"
        )
    return text.lower()


class Checks:
    """All that a body must agree with."""

    def __init__(self, headers: Mapping[str, str], *, compute: str = "") -> None:
        """`compute` is an algorithm whose checksum is wanted even if the client gives none. Raises InvalidRequest."""
        self._md5 = _claimed_md5(headers["content-md5"]) if "content-md5" in headers else b""
        self.claimed = claimed(headers)
        self._announced = announced(headers)
        if self.claimed and self._announced:
            raise InvalidRequest(_SINGLE)
        _check_algorithm(headers, {*self.claimed, self._announced} - {""})
        self._compute = "" if self.claimed or self._announced else compute
        self._digests: dict[str, Digest] = {}
        for algorithm in (*self.claimed, self._announced, self._compute):
            if (digest := new_digest(algorithm)) is not None:
                self._digests[algorithm] = digest
        if self._md5:
            self._digests["md5"] = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def update(self, chunk: bytes) -> None:
        """Take in more of the body."""
        self._size += len(chunk)
        for digest in self._digests.values():
            digest.update(chunk)

    def finish(self, trailers: Mapping[str, str], *, length: str | None) -> None:
        """Raises if the body is not what the headers and trailers say; then `claimed` is complete."""
        if length is not None and length != str(self._size):
            raise IncompleteBody
        if self._md5 and self._digests["md5"].digest() != self._md5:
            raise BadDigest
        came = {name.removeprefix(PREFIX): value for name, value in trailers.items() if name.startswith(PREFIX)}
        if set(came) != ({self._announced} - {""}):
            raise MalformedTrailer
        for algorithm, value in came.items():
            if not _can_be(algorithm, value):
                raise InvalidRequest(f"Value for {PREFIX}{algorithm} trailing header is invalid.")
        self.claimed |= came
        for algorithm, value in self.claimed.items():
            if self._computed(algorithm) not in (None, value):
                raise BadDigest(f"The {algorithm.upper()} you specified did not match the calculated checksum.")
        if (own := self._computed(self._compute)) is not None:
            self.claimed[self._compute] = own

    def _computed(self, algorithm: str) -> str | None:
        digest = self._digests.get(algorithm)
        return None if digest is None else base64.b64encode(digest.digest()).decode()


class Taking:
    """A body on its way, whose checksum is taken if an algorithm is named."""

    def __init__(self, chunks: Iterable[bytes], algorithm: str) -> None:
        self._chunks = chunks
        self._algorithm = algorithm
        self.checksums: dict[str, str] = {}
        """After the last chunk."""

    def __iter__(self) -> Iterator[bytes]:
        digest = new_digest(self._algorithm)
        for chunk in self._chunks:
            if digest is not None:
                digest.update(chunk)
            yield chunk
        if digest is not None:
            self.checksums = {self._algorithm: base64.b64encode(digest.digest()).decode()}


def announced(headers: Mapping[str, str]) -> str:
    """The algorithm of the checksum that is to come as a trailer; "" for none."""
    name = headers.get("x-amz-trailer", "").strip().lower()
    if name and name.removeprefix(PREFIX) not in BYTES:
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return name.removeprefix(PREFIX)


def _check_algorithm(headers: Mapping[str, str], given: set[str]) -> None:
    text = headers.get("x-amz-sdk-checksum-algorithm", "")
    if not text:
        return
    algorithm = known_algorithm(text)
    if not given:
        raise InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
    if given != {algorithm}:
        raise BadDigest(f"The {algorithm.upper()} you specified did not match the calculated checksum.")


def _can_be(algorithm: str, value: str) -> bool:
    """Whether a text may be a checksum of that kind."""
    try:
        return len(base64.b64decode(value, validate=True)) == BYTES[algorithm]
    except ValueError:
        return False


def _claimed_md5(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidDigest from None
    if len(found) != 16:
        raise InvalidDigest
    return found
