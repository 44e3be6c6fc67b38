"""The channels of a training job in Pipe mode: named pipes, which the service feeds with their objects.

A pipe `<channel>_0` gives the whole channel once; when it has been read to the end (or closed) there is `<channel>_1`,
and so on, one an epoch, for as long as the job runs.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.local.containers.jobs.s3_inputs import DAMAGED, InputObject
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.containers.jobs.transform_records import RECORDIO_MAGIC, RecordError
from pipeline.local.s3.store import Objects, S3Error, StoredObject

_GZIP: Final = 31
"""zlib's number for a gzip header."""
_MOST: Final = 1 << 20
"""The bytes that are unpacked at once: a chunk of zeros can become a thousand times as long."""
_RECORD_LIMIT: Final = (1 << 29) - 1
_POLL: Final = 0.01


@dataclass(frozen=True)
class Pipe:
    """One channel in Pipe mode: `path` without the number of the epoch."""

    path: Path
    sources: tuple[InputObject, ...]
    gunzip: bool = False
    wrapper: str = "None"


class Pipes:
    """While it is entered, a thread for each pipe feeds whoever opens it."""

    def __init__(self, objects: Objects, pipes: list[Pipe], broken: Callable[[], object]) -> None:
        """`broken` is called where an object cannot be read to its end: its reader would take a part for the whole."""
        self._objects = objects
        self._pipes = pipes
        self._broken = broken
        self.failure = ""
        """After the end: why a pipe did not give all of its channel, or nothing."""
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Pipes:
        for pipe in self._pipes:
            pipe.path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(_numbered(pipe, 0))
        for pipe in self._pipes:
            thread = threading.Thread(target=self._feed, args=(pipe,), daemon=True, name=f"pipe-{pipe.path.name}")
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _feed(self, pipe: Pipe) -> None:
        epoch = 0
        while (descriptor := self._opened(_numbered(pipe, epoch))) is not None:
            # The next one must be there before the reader sees the end of this one.
            os.mkfifo(_numbered(pipe, epoch + 1))
            try:
                for chunk in _content(self._objects, pipe):
                    if not self._written(descriptor, chunk):
                        break
            except (S3Error, TransferError, OSError) as error:
                self.failure = str(error)
                self._broken()
                return
            finally:
                os.close(descriptor)
            epoch += 1

    def _opened(self, path: Path) -> int | None:
        """The pipe, opened for writing as soon as somebody reads it; None when the job is over."""
        while not self._end.is_set():
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return None
                self._end.wait(_POLL)
        return None

    def _written(self, descriptor: int, chunk: bytes) -> bool:
        """Write all of a chunk; False if the reader has gone or the job is over."""
        view = memoryview(chunk)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                if self._end.wait(_POLL):
                    return False
            except BrokenPipeError:
                return False
        return True


def _numbered(pipe: Pipe, epoch: int) -> Path:
    return pipe.path.with_name(f"{pipe.path.name}_{epoch}")


def _content(objects: Objects, pipe: Pipe) -> Iterator[bytes]:
    for source in pipe.sources:
        if source.path.endswith("/"):
            continue
        try:
            with objects.reading(source.bucket, source.key) as found:
                if pipe.wrapper == "RecordIO":
                    yield struct.pack("<II", RECORDIO_MAGIC, size := _record_size(objects, found, pipe))
                yield from _chunks(objects, found, pipe)
                if pipe.wrapper == "RecordIO":
                    yield bytes(-size % 4)
        except (RecordError, *DAMAGED) as error:
            raise TransferError(f"s3://{source.bucket}/{source.key}: {error}") from None


def _chunks(objects: Objects, found: StoredObject, pipe: Pipe) -> Iterator[bytes]:
    chunks = objects.blobs.read(found.blobs, 0, found.size)
    return _plain(chunks) if pipe.gunzip else chunks


def _record_size(objects: Objects, found: StoredObject, pipe: Pipe) -> int:
    """How long the object is as one record. What is packed is read for it, since its own word is not to be trusted."""
    size = sum(map(len, _chunks(objects, found, pipe))) if pipe.gunzip else found.size
    if size > _RECORD_LIMIT:
        raise RecordError("the object is larger than a RecordIO record can be")
    return size


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What a stream of gzip members holds. Raises DAMAGED."""
    unpack, begun = zlib.decompressobj(_GZIP), False
    for chunk in chunks:
        data = b""
        while chunk or (begun and len(data) == _MOST):
            data = unpack.decompress(chunk, _MOST)
            yield data
            chunk, begun = unpack.unconsumed_tail, not unpack.eof
            if unpack.eof:
                chunk, unpack = unpack.unused_data, zlib.decompressobj(_GZIP)
    if begun:
        raise EOFError("the gzip file is cut off")
