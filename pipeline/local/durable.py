"""Acknowledgements that outlive a power loss: files and folders brought to the disk, commits many at a time.

SQLite's commits are written in WAL mode with `synchronous=NORMAL`, which survives a kill but not a power loss. Whoever
must acknowledge one waits in `GroupCommit.settle`, where one sync of the log serves all who wait. The log is
sequential, so what reaches the disk is always a beginning of what was committed.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.local import disk

if TYPE_CHECKING:
    import sqlite3

Sync = Callable[[Path], None]
"""Returns when the content of a file, or the names in a folder, are on the disk. Raises OSError."""

_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
"""On macOS fsync alone leaves the data in the drive's cache."""


def sync(path: Path) -> None:
    """Sync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _FULL_SYNC is not None:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_sync(path: Path) -> None:
    """For services whose state nobody will miss after a power loss."""


def sync_tree(folder: Path, sync: Sync) -> None:
    """Sync all files and folders below a folder, and the folder itself."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                sync(path)
        sync(Path(parent))


def database(path: Path, schema: str) -> sqlite3.Connection:
    """A database whose commits survive a kill, and once `GroupCommit` has settled them, a power loss."""
    import sqlite3

    opened = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    opened.execute("PRAGMA journal_mode=WAL")
    opened.execute("PRAGMA synchronous=NORMAL")
    opened.execute("PRAGMA foreign_keys=ON")
    opened.executescript(schema)
    return opened


class GroupCommit:
    """The log of one database: commits are numbered as they are written, and settled in groups."""

    def __init__(self, database: Path, sync: Sync) -> None:
        """`database` has opened it, and has written the schema, so that its log is there."""
        self._log = database.with_name(f"{database.name}-wal")
        self._sync = sync
        self._turn = threading.Condition()
        self._written = 0
        self._settled = 0
        self._syncing = False
        self._lost: OSError | None = None
        sync(database)
        sync(self._log)
        sync(database.parent)

    def written(self) -> int:
        """The number of a commit that has just been written; call it before another one can be."""
        with self._turn:
            self._written += 1
            return self._written

    def settle(self, number: int) -> None:
        """Wait until that commit is on the disk. Raises OSError; after an error of the disk, ever again.

        A system that could not write a page takes it for written from then on, so a second try proves nothing.
        """
        with self._turn:
            while self._settled < number:
                if self._lost is not None:
                    raise OSError(*self._lost.args)
                if self._syncing:
                    self._turn.wait()
                    continue
                self._syncing, reached = True, self._written
                self._turn.release()
                try:
                    self._sync(self._log)
                except OSError as error:
                    lost: OSError | None = error
                else:
                    lost = None
                finally:
                    self._turn.acquire()
                    self._syncing = False
                    self._turn.notify_all()
                if lost is not None:
                    self._lost = None if disk.is_full(lost) else lost
                    raise lost
                self._settled = reached
