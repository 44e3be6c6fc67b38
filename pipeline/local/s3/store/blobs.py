"""Bodies as files: written once, in order, under a name that no client has a say in; read in chunks; never changed.

A blob that is being read can be released: its file goes when the last reader has let go. A row of the database
makes a blob part of an object, so a file that no row names is a leftover of a crash, and `sweep` removes it. A file
that is not as long as its row says has been damaged from outside: it is `Broken`, and none of it is given out.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.local.durable import Sync
from pipeline.local.s3.store.stored_objects import Blob

CHUNK: Final = 1 << 20


class Broken(Exception):
    """The file of a blob has gone or has another length than was acknowledged; the text says which."""


class Blobs:
    """The blob folder: `<folder>/<run>/<number>`, where each run of the service has a subfolder of its own."""

    def __init__(self, folder: Path, sync: Sync) -> None:
        self._folder = folder
        self._sync = sync
        self._run = uuid.uuid4().hex
        (folder / self._run).mkdir(parents=True, mode=0o700)
        sync(folder)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._pins: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def write(self, chunks: Iterable[bytes]) -> Blob:
        """Write a body as it arrives, to the disk. If `chunks` raises, nothing is left behind."""
        name = f"{self._run}/{next(self._numbers):x}"
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with open(self._folder / name, "xb", buffering=0, opener=_private) as file:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    _write_all(file.fileno(), chunk)
            self._sync(self._folder / name)
            self._sync(self._folder / self._run)
        except BaseException:
            (self._folder / name).unlink(missing_ok=True)
            raise
        return Blob(name, size, digest.hexdigest())

    def release(self, blobs: Iterable[Blob]) -> None:
        """Remove the files, or leave that to their last reader. Call it after the row has gone."""
        with self._lock:
            names = [blob.name for blob in blobs]
            self._doomed.update(name for name in names if self._pins[name])
            free = [name for name in names if not self._pins[name]]
        for name in free:
            (self._folder / name).unlink(missing_ok=True)

    def pin(self, blobs: Iterable[Blob]) -> None:
        """Keep the files until `unpin`, whatever becomes of the row. Call it while the row is known to be there."""
        with self._lock:
            self._pins.update(blob.name for blob in blobs)

    def unpin(self, blobs: Collection[Blob]) -> None:
        """Let go of the files."""
        with self._lock:
            self._pins.subtract(blob.name for blob in blobs)
            for blob in blobs:
                if self._pins[blob.name] <= 0:
                    del self._pins[blob.name]
            free = [blob.name for blob in blobs if blob.name in self._doomed and not self._pins[blob.name]]
            self._doomed.difference_update(free)
        for name in free:
            (self._folder / name).unlink(missing_ok=True)

    def read(self, blobs: Iterable[Blob], start: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `start` on of the blobs laid end to end, in chunks of at most 1 MiB. Raises Broken."""
        for blob, offset, count in _pieces(blobs, start, length):
            with self._opened(blob) as file:
                file.seek(offset)
                while count:
                    chunk = file.read(min(CHUNK, count))
                    if not chunk:
                        raise Broken(f"a file of {blob.size} bytes was shortened while it was read")
                    count -= len(chunk)
                    yield chunk

    def open(self, blobs: Iterable[Blob], start: int, length: int) -> BinaryIO | None:
        """A file that stands where those bytes begin, if they lie in one blob; it stays readable without a pin.

        Raises Broken for any blob of those bytes, before the first of them has been read.
        """
        pieces = list(_pieces(blobs, start, length))
        if len(pieces) != 1:
            for blob, _, _ in pieces:
                self._opened(blob).close()
            return None
        blob, offset, _ = pieces[0]
        file = self._opened(blob)
        file.seek(offset)
        return file

    def copy(self, blobs: Collection[Blob], path: Path) -> None:
        """Write the blobs laid end to end to `path`, by the kernel (and by reference where the file system can).

        Raises Broken, then with a part of them written.
        """
        with open(path, "wb") as target:
            for blob in blobs:
                with self._opened(blob) as source:
                    _copy(source.fileno(), target.fileno(), blob.size)
            done, size = os.fstat(target.fileno()).st_size, sum(blob.size for blob in blobs)
        if done != size:
            raise Broken(f"{done} of {size} bytes could be copied")

    def sweep(self, known: Collection[str], stop: threading.Event) -> None:
        """Remove the files of earlier runs that no row names; `known` must hold all names of the database."""
        for folder in self._folder.iterdir():
            if folder.name == self._run:
                continue
            for file in folder.iterdir():
                if stop.is_set():
                    return
                if f"{folder.name}/{file.name}" not in known:
                    file.unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()

    def _opened(self, blob: Blob) -> BinaryIO:
        """The file of a blob, which is whole. Raises Broken."""
        try:
            file = open(self._folder / blob.name, "rb", buffering=0)
        except FileNotFoundError:
            raise Broken(f"a file of {blob.size} bytes is missing") from None
        size = os.fstat(file.fileno()).st_size
        if size != blob.size:
            file.close()
            raise Broken(f"a file has {size} bytes instead of {blob.size}")
        return file

    @contextmanager
    def pinned(self, blobs: Collection[Blob]) -> Iterator[None]:
        """Unpin at the end what was pinned before."""
        try:
            yield
        finally:
            self.unpin(blobs)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _pieces(blobs: Iterable[Blob], start: int, length: int) -> Iterator[tuple[Blob, int, int]]:
    for blob in blobs:
        if length <= 0:
            return
        if start < blob.size:
            count = min(length, blob.size - start)
            yield blob, start, count
            length -= count
        start = max(0, start - blob.size)


def _copy(source: int, target: int, size: int) -> None:
    while size and hasattr(os, "copy_file_range"):
        try:
            done = os.copy_file_range(source, target, min(size, 1 << 30))
        except OSError:  # the file system cannot, or the two are on different ones
            break
        if not done:
            break
        size -= done
    if size:
        with open(source, "rb", closefd=False) as rest, open(target, "wb", closefd=False) as out:
            shutil.copyfileobj(rest, out, CHUNK)
