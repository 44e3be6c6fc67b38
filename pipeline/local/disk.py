"""A disk that is full: how it shows in the many ways that files and SQLite have, and what is said of it.

Code that writes lets the error through. Code that answers a request asks here whether a full disk was the reason, and
code that must record how something ended waits here until there is room.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

FULL: Final = "There is no space left on the disk of SageMaker on localhost; free some."
AGAIN_SECONDS: Final = 0.5
_RESERVE: Final = 256 << 20
"""What is left for the service's own writing by those who do not know how much they will write."""


def is_full(error: Exception) -> bool:
    """Whether the error says that the disk, or the user's share of it, is full."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def room(folder: Path) -> int:
    """The bytes that something whose size nobody knows beforehand may take on the disk of a folder."""
    return max(0, shutil.disk_usage(folder).free - _RESERVE)


def once_there_is_room(
    write: Callable[[], T], *, closed: Callable[[], bool], make_room: Callable[[], None] = lambda: None
) -> T:
    """What `write` answers; where the disk is full, tried again until there is room or the service goes down."""
    while True:
        try:
            return write()
        except (sqlite3.OperationalError, OSError) as error:
            if closed() or not is_full(error):
                raise
            make_room()
            time.sleep(AGAIN_SECONDS)
