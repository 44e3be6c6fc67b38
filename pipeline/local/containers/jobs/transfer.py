"""Between S3 and a container's folders: which keys an input means, and how files go there and back.

Keys come from anywhere, so a key that would leave its folder is refused; what a job wrote is uploaded without
following links. All errors are `TransferError`, whose text can stand in a FailureReason.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.local import disk, trees
from pipeline.local.s3.store import Damaged, NoSuchBucket, NoSuchKey, Objects, S3Error

DAMAGED: Final = (EOFError, zlib.error)
"""What unpacking raises, besides OSError, for a gzip file that is cut off or damaged within."""

_READ: Final = 1 << 20
# A folder on the way need not be readable, where the system can open it so.
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SCHEME: Final = "s3://"
_HTTPS: Final = re.compile(r"https://(?:(?P<bucket>[^/]+)\.)?s3[.-][\w.-]*amazonaws\.com(?:\.cn)?/(?P<key>.*)\Z", re.S)


class TransferError(Exception):
    """Data cannot be brought in or out; says which and why."""


class NotPlain(OSError):
    """What lies at a path is a link, a folder or a device, or is reached by a link."""


@dataclass(frozen=True)
class InputObject:
    """One object of an input: where it lies and the path that it gets below the input's folder."""

    bucket: str
    key: str
    path: str


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`, or of S3's address of it by https. Raises TransferError."""
    if found := _HTTPS.match(uri):
        uri = f"{_SCHEME}{found['bucket']}/{found['key']}" if found["bucket"] else f"{_SCHEME}{found['key']}"
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not bucket:
        raise TransferError(f"{uri!r} is no S3 URI")
    return bucket, key


def sources(objects: Objects, uri: str, data_type: str = "S3Prefix") -> list[InputObject]:
    """The objects that an input names, in the order of their keys (of the manifest, for a manifest).

    A prefix is a prefix of keys, as in S3: `s3://b/x/test` also means `x/test_small/a`. Raises TransferError.
    """
    try:
        if data_type == "ManifestFile":
            return _manifest(objects, uri)
        bucket, prefix = split_uri(uri)
        return [InputObject(bucket, found.key, _relative(found.key, prefix)) for found in objects.list(bucket, prefix)]
    except NoSuchBucket:
        return []


def any_source(objects: Objects, uri: str) -> bool:
    """Whether at least one object lies under an S3 URI. Raises TransferError."""
    bucket, prefix = split_uri(uri)
    try:
        return next(iter(objects.list(bucket, prefix)), None) is not None
    except S3Error:
        return False


def shard(found: list[InputObject], index: int, count: int) -> list[InputObject]:
    """The part of an input that is sharded by S3 key which instance `index` of `count` gets."""
    return found[index::count]


def download(objects: Objects, found: list[InputObject], folder: Path, *, gunzip: bool = False) -> None:
    """Write objects below a folder, which is made. `gunzip` unpacks them (and drops `.gz`). Raises TransferError."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in found:
        target = _inside(folder, source)
        try:
            if source.path.endswith("/") or not source.path:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            objects.fetch(source.bucket, source.key, target)
            if gunzip:
                _gunzip(target)
        except (NoSuchBucket, NoSuchKey):
            raise TransferError(f"s3://{source.bucket}/{source.key} is gone") from None
        except Damaged as error:
            raise TransferError(error.message) from None
        except (OSError, *DAMAGED) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise TransferError(f"s3://{source.bucket}/{source.key}: {why}") from None


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


def _relative(key: str, prefix: str) -> str:
    if key == prefix and not key.endswith("/"):
        return key.rpartition("/")[2]
    rest = key[len(prefix) :]
    if prefix.endswith("/") or not prefix or rest.startswith("/"):
        return rest.removeprefix("/")
    return key[len(prefix.rpartition("/")[0]) :].removeprefix("/")


def _manifest(objects: Objects, uri: str) -> list[InputObject]:
    bucket, key = split_uri(uri)
    try:
        entries = json.loads(objects.get(bucket, key))
    except NoSuchKey:
        return []
    except Damaged as error:
        raise TransferError(error.message) from None
    except ValueError as error:
        raise TransferError(f"the manifest {uri} is no JSON: {error}") from None
    if (
        not isinstance(entries, list)
        or not entries
        or not isinstance(entries[0], dict)
        or not isinstance(entries[0].get("prefix"), str)
        or not all(isinstance(entry, str) for entry in entries[1:])
    ):
        raise TransferError(f'the manifest {uri} must be [{{"prefix": "s3://..."}}, "name", ...]')
    found = []
    for entry in entries[1:]:
        target, name = split_uri(entries[0]["prefix"] + entry)
        found.append(InputObject(target, name, entry.removeprefix("/")))
    return found


def _inside(folder: Path, source: InputObject) -> Path:
    target = Path(os.path.normpath(folder / source.path))
    if "\0" in source.path or not target.is_relative_to(folder):
        raise TransferError(f"the key {source.key!r} leaves the folder that it is downloaded to")
    return target


def _gunzip(path: Path) -> None:
    """Replace a gzip file by what it holds; other files stay, as they do on AWS."""
    with path.open("rb") as packed:
        if packed.read(2) != b"\x1f\x8b":
            return
    plain = path.with_name(path.name + ".part")
    limit = left = disk.room(path.parent)
    with gzip.open(path, "rb") as source, plain.open("wb") as target:
        while data := source.read(_READ):
            left -= len(data)
            if left < 0:
                raise TransferError(f"{path.name} unpacks to more than the {limit} bytes that there is room for")
            target.write(data)
    path.unlink()
    plain.rename(path.with_name(path.name.removesuffix(".gz")))
