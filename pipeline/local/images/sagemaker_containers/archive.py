"""Tar archives from anywhere, unpacked member by member: nothing outside the folder, no more bytes than a limit.

`tarfile` reads the heads and decides nothing, since its filters had holes in several versions of Python. Every
folder on the way to a member is opened below its parent without following links, and a link is made only if it stays
inside whatever lies there later. It is also a program, so that the service can run it in a container.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

LIMIT: Final = 64 * 1024**3
_HEAD_LIMIT: Final = 1 << 20
_HEADS_LIMIT: Final = 256 << 20
"""The heads of all members, a bound on their number too."""
_DEEPEST: Final = 256
_READ: Final = 1 << 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PACKED: Final = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


class ArchiveError(Exception):
    """The archive is damaged or not to be trusted; says why."""


def unpack(archive: Path, folder: Path, *, limit: int = LIMIT) -> None:
    """Unpack a tar file, compressed or not, into a folder that is there. Raises ArchiveError; what it wrote stays."""
    try:
        with _opened(archive) as file:
            source = _Bounded(file, limit)
            stream = cast(IO[bytes], source)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Head) as tar, _descriptor(folder) as root:
                while (member := source.next_of(tar)) is not None:
                    source.allow(member.size + _HEAD_LIMIT)
                    try:
                        _unpack_member(tar, member, root)
                    except OSError as error:
                        raise ArchiveError(f"{member.name[:80]!r}: {error.strerror or error}") from None
            source.allow(limit)
            while source.read(_READ):
                pass  # to the end, where the checksum is
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise ArchiveError(str(getattr(error, "strerror", None) or error)) from None
    except (ValueError, OverflowError) as error:
        raise ArchiveError(f"the head of a member is damaged ({error})") from None
    except (MemoryError, RecursionError):
        raise ArchiveError("its heads are too large") from None


class _Bounded:
    """A stream of which no more can be read than the whole limit, and than is right where the archive stands."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = self._left = limit
        self._heads = _HEADS_LIMIT
        self._allowed = _HEAD_LIMIT  # tarfile reads the first head when it opens the stream

    def next_of(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        """The next member; its heads may be as large as heads are."""
        before = self._left
        self.allow(_HEAD_LIMIT)
        member = tar.next()
        self._heads -= before - self._left
        if self._heads < 0:
            raise ArchiveError("it has too many members")
        return member

    def allow(self, size: int) -> None:
        """So many bytes may be read now."""
        self._allowed = size

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        self._allowed -= len(data)
        if self._left < 0:
            raise ArchiveError(f"it unpacks to more than {self._limit} bytes")
        if self._allowed < 0:
            raise ArchiveError("the head of a member is too large")
        return data


class _Head(tarfile.TarInfo):
    """A head that is damaged is an error; to tarfile it is the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Head:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf).strip(b"\0"):
                raise ArchiveError(str(error)) from None
            raise


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    with archive.open("rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        unpacked: Any = next((of for magic, of in _PACKED.items() if start.startswith(magic)), None)
        with unpacked(raw) if unpacked else raw as file:
            yield file


@contextmanager
def _descriptor(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, root: int) -> None:
    parts = _parts(member.name)
    if member.isdir():
        os.close(_folder(root, parts))
        return
    if not parts:
        raise ArchiveError(f"{member.name!r} is not a file name")
    with _place(root, parts[:-1]) as parent:
        _remove(parts[-1], parent)
        if member.issym():
            _check_link(member, depth=len(parts) - 1)
            os.symlink(member.linkname, parts[-1], dir_fd=parent)
        elif member.islnk():
            _link(member, root, parts[-1], parent)
        elif member.isreg() and not member.issparse():
            _write(tar, member, parts[-1], parent)
        else:
            raise ArchiveError(f"{member.name!r} is neither a plain file, a folder nor a link")


def _parts(name: str) -> list[str]:
    """The parts of a member's name; a leading slash is dropped, as tar does."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ArchiveError(f"{name!r} leaves the folder that it is unpacked to")
    if len(parts) > _DEEPEST:
        raise ArchiveError(f"{name[:80]!r}... lies {len(parts)} folders deep; {_DEEPEST} are taken")
    return parts


def _folder(root: int, parts: list[str], *, make: bool = True) -> int:
    """A descriptor of a folder below `root`, which is made if need be. No part of it may be a link."""
    current = os.dup(root)
    for part in parts:
        try:
            if make:
                _make(part, current)
            inner = os.open(part, _FOLDER, dir_fd=current)
        except NotADirectoryError:
            raise ArchiveError(f"a member lies below {part!r}, which is a link or a file") from None
        finally:
            os.close(current)
        current = inner
    return current


@contextmanager
def _place(root: int, parts: list[str], *, make: bool = True) -> Iterator[int]:
    descriptor = _folder(root, parts, make=make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        pass


def _remove(name: str, parent: int) -> None:
    """A later member takes the place of an earlier one, unless that is a folder."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass


def _check_link(member: tarfile.TarInfo, *, depth: int) -> None:
    """A link may go up from its own folder, all of whose parents are folders, and then only down.

    So it stays inside even where a part of the way down is a link itself, which was checked in the same way.
    """
    parts = [part for part in member.linkname.split("/") if part not in ("", ".")]
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if member.linkname.startswith("/") or ups > depth or ".." in parts[ups:]:
        raise ArchiveError(f"the link {member.name!r} to {member.linkname!r} leaves the folder that it is unpacked to")


def _link(member: tarfile.TarInfo, root: int, name: str, parent: int) -> None:
    target = _parts(member.linkname)
    if not target:
        raise ArchiveError(f"the hard link {member.name!r} has no target")
    with _place(root, target[:-1], make=False) as there:
        if not stat.S_ISREG(os.stat(target[-1], dir_fd=there, follow_symlinks=False).st_mode):
            raise ArchiveError(f"the hard link {member.name!r} leads to {member.linkname!r}, which is no plain file")
        os.link(target[-1], name, src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, parent: int) -> None:
    source = tar.extractfile(member)
    assert source is not None, "a plain file"
    mode = 0o755 if member.mode & 0o100 else 0o644
    with open(os.open(name, _NEW_FILE, mode, dir_fd=parent), "wb") as target:
        while data := source.read(_READ):
            target.write(data)


def main(arguments: list[str]) -> int:
    """Unpack ARCHIVE into FOLDER, at most LIMIT bytes; the exit code, with the reason on standard output."""
    archive, folder, limit = arguments
    try:
        unpack(Path(archive), Path(folder), limit=int(limit))
    except ArchiveError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
