"""Input files: found in a folder, and opened whether gzipped or not.

Whether a file is gzipped is read from its first bytes, since names lie.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from scripts.errors import ScriptError

_GZIP_MAGIC: Final = b"\x1f\x8b"


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


def base_name(path: Path) -> str:
    """The file's name in lower case, without `.gz`."""
    return path.name.lower().removesuffix(".gz")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The content of `path`, unpacked if it is gzip whatever its name; a damaged archive is a `ScriptError`."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
    try:
        with cast(IO[bytes], gzip.open(path) if packed else path.open("rb")) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ScriptError(f"{path.name}: the gzip archive is damaged or cut short ({error}); fetch it again") from None
