"""Input files: found in a folder, and opened whether gzipped or not.

Whether a file is gzipped is read from its first bytes, since names lie. What it unpacks to is bounded by the memory of
the machine, since every reader keeps it there and a small archive can unpack to anything.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from scripts.errors import ScriptError

_PART_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_READ: Final = 1 << 24


def found(place: Path) -> list[Path]:
    """The files at or below `place`, by name; hidden ones are left out. `ScriptError` where there are none."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise ScriptError(f"{place}: there is no such file or folder; check the data URL or path")
    files = sorted(
        path
        for path in place.rglob("*")
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(place).parts)
    )
    if not files:
        raise ScriptError(f"{place}: the folder is empty; give it data, or check the data URL or path")
    return files


def is_empty(place: Path) -> bool:
    """Whether there is no file at or below `place`."""
    return place.is_dir() and not any(path.is_file() for path in place.rglob("*"))


def base_name(path: Path) -> str:
    """The file's name in lower case, without `.gz`."""
    return path.name.lower().removesuffix(".gz")


def same_content(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes once they are unpacked."""
    with opened(one) as first, opened(other) as second:
        while True:
            part = first.read(_PART_BYTES)
            if part != second.read(_PART_BYTES):
                return False
            if not part:
                return True


def is_packed(path: Path) -> bool:
    """Whether the file is gzip."""
    with path.open("rb") as raw:
        return raw.read(2) == _GZIP_MAGIC


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The content of `path`, unpacked if it is gzip whatever its name; a damaged archive is a `ScriptError`."""
    try:
        with cast(IO[bytes], io.BufferedReader(_Unpacked(path)) if is_packed(path) else path.open("rb")) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ScriptError(f"{path.name}: the gzip archive is damaged or cut short ({error}); fetch it again") from None


def read_up_to(stream: IO[bytes], size: int) -> bytes:
    """At most `size` bytes; a size that a file only claims costs no memory."""
    parts, left = [], size
    while left > 0 and (part := stream.read(min(left, _READ))):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def memory() -> int:
    """The bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, as long as it can be held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = gzip.open(path)
        self._limit = memory()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        if self._file.tell() > self._limit:
            raise ScriptError(
                f"{self._path.name}: it unpacks to more than the {self._limit} bytes of memory that there are; check "
                "the file, or use a larger instance type"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
