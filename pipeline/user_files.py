"""Files that a user names: only regular ones are read, since a pipe or a device may never end, or never begin."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def unfit(path: Path) -> str:
    """Why a path that is there is no file to be read: "is a pipe"; empty for a regular file or a folder.

    Raises OSError for one that is not there.
    """
    mode = os.stat(path).st_mode
    return next((f"is {kind}, no regular file" for is_kind, kind in _KINDS if is_kind(mode)), "")
