"""Definitions composed before, in a folder: one file a definition, named by the hash of everything that it depends on.

The name covers settings, code address, our own composing code, the versions of the SDK and what it rests on, and
Python's. So an entry is never out of date, only unused; a damaged or half-written one fails its checksum and counts
as absent, and a folder that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

# Entries beyond this many, those least recently written first, are removed.
KEPT: Final = 50

_PACKAGES: Final = (
    "sagemaker",
    "sagemaker-core",
    "sagemaker-train",
    "sagemaker-serve",
    "sagemaker-mlops",
    "boto3",
    "botocore",
    "pydantic",
)


@dataclass(frozen=True)
class Memo:
    """One entry, there or not."""

    path: Path

    @classmethod
    def of(cls, folder: Path, *inputs: str) -> Memo | None:
        """The entry for these inputs, with the code and the packages that are installed.

        None where the code on disk is no longer the code that this process runs: its results belong to neither.
        """
        code = _digest(_code())
        if code != _LOADED:
            return None
        name = _digest((code.encode(), *(text.encode() for text in inputs), *_versions()))
        return cls(folder / f"{name}.definition")

    def read(self) -> str | None:
        """The text, or None where there is none that is whole."""
        try:
            checksum, _, content = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum.decode("ascii", "replace") != hashlib.sha256(content).hexdigest():
            return None
        return content.decode()

    def write(self, text: str) -> None:
        """Keep the text: the whole of it or nothing."""
        content = text.encode()
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".composing-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                os.replace(name, self.path)
            except OSError:
                os.unlink(name)
                raise
            self._prune()

    def _prune(self) -> None:
        entries = sorted(self.path.parent.glob("*.definition"), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-KEPT]:
            entry.unlink(missing_ok=True)


def _digest(parts: Iterable[bytes]) -> str:
    """Lengths go before the parts, so that no two lists of parts run together into the same text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _code() -> Iterator[bytes]:
    """All modules that an engineer's command can reach; a list of those that matter would one day miss one.

    SageMaker on localhost composes nothing, and has most of the files.
    """
    package = Path(__file__).parents[1]
    local = package / "local"
    rooms = [place for place in package.iterdir() if place.is_dir() and place != local]
    files = [
        *package.glob("*.py"),
        *(file for room in (*rooms, package.parent / "steps") for file in room.rglob("*.py")),
    ]
    for file in sorted(files):
        yield file.relative_to(package.parent).as_posix().encode()
        yield file.read_bytes()


@functools.cache
def _versions() -> tuple[bytes, ...]:
    """Those that this process found when it first asked: it goes on with what it has loaded."""
    found = [sys.version.encode()]
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{package} {metadata.version(package)}".encode())
    return tuple(found)


# The code as it is when this process loads it.
_LOADED: Final = _digest(_code())
