"""From a container's folders to S3: what a job wrote is uploaded without following links.

A job may still run meanwhile and swap a file for a link to what it may not read. All errors are `TransferError`, whose
text can stand in a FailureReason.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.local import trees
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.s3.store import Objects, S3Error

# A folder on the way need not be readable, where the system can open it so.
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPlain(OSError):
    """What lies at a path is a link, a folder or a device, or is reached by a link."""


@dataclass
class Mirror:
    """Sends the files of a folder to an S3 prefix; again only those that changed since the last time."""

    objects: Objects
    folder: Path
    uri: str
    _sent: dict[str, tuple[int, int]] = field(default_factory=dict)

    def sync(self) -> None:
        """Upload what is new or changed. Raises TransferError."""
        bucket, prefix = split_uri(self.uri)
        prefix = prefix.rstrip("/")
        for path, name in files(self.folder):
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue
            mark = (state.st_mtime_ns, state.st_size)
            if self._sent.get(name) == mark:
                continue
            self._put(bucket, f"{prefix}/{name}" if prefix else name, path)
            self._sent[name] = mark

    def know(self) -> None:
        """Take what is in the folder now as sent: it came from there."""
        for path, name in files(self.folder):
            state = path.stat()
            self._sent[name] = (state.st_mtime_ns, state.st_size)

    def _put(self, bucket: str, key: str, path: Path) -> None:
        try:
            key.encode()
            with opened(path) as file:
                self.objects.put(bucket, key, file)
        except UnicodeEncodeError:
            raise TransferError(f"the file name {os.fsencode(path.name)!r} is not UTF-8") from None
        except S3Error as error:
            raise TransferError(f"s3://{bucket}/{key}: {error.message}") from None
        except (FileNotFoundError, NotPlain):
            # Removed by the job between the listing and the upload, or replaced by a link.
            return
        except OSError as error:
            raise TransferError(f"s3://{bucket}/{key}: {error.strerror or error}") from None


def files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The regular files below a folder with their names relative to it, sorted; links are not followed.

    Raises TransferError for folders that are nested too deeply to be read.
    """
    if not is_plain(folder):
        return
    try:
        for entry in trees.walk(folder):
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path), Path(entry.path).relative_to(folder).as_posix()
    except OSError as error:
        raise TransferError(f"the folders below {folder.name} cannot be read: {error.strerror or error}") from None


def is_plain(path: Path) -> bool:
    """Whether no part of a path in the (resolved) state folder is a link, which a job may have put there."""
    return os.path.realpath(path) == str(path)


def opened(path: Path) -> BinaryIO:
    """A plain file, opened without following a link on any part of its (resolved) path. Raises OSError, NotPlain.

    A job that runs may put a link to what it may not read, or a pipe that nobody writes, where a file was a moment ago.
    """
    *folders, name = path.parts[1:]
    current = os.open(path.parts[0], _FOLDER)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER, dir_fd=current)
            os.close(current)
            current = inner
        descriptor = os.open(name, _FILE, dir_fd=current)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotPlain(error.errno, "there is a link on the way", str(path)) from None
        raise
    finally:
        os.close(current)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain(errno.EINVAL, "it is no plain file", str(path))
    return open(descriptor, "rb")


def content(path: Path, limit: int) -> bytes:
    """The first bytes of a file that a job may or may not have written; nothing of what a link leads to."""
    try:
        with opened(path) as file:
            return file.read(limit)
    except OSError:
        return b""
