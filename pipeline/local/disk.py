"""A disk that is full: how it shows in the many ways that files and SQLite have, and what is said of it.

Each who writes lets the error through; who must answer, or must end something, asks here whether that was the reason.
"""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

FULL: Final = "There is no space left on the disk of SageMaker on localhost; free some."


def is_full(error: Exception) -> bool:
    """Whether the error says that the disk, or the user's share of it, is full."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
