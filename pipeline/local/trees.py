"""Trees of folders that jobs made, which may be deeper than Python's recursion and longer than a path may be."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DEEP: Final = 60
_LONG: Final = 2_000


def walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries below a folder that are no folders, by folder and name; links are not followed.

    Raises OSError (ENAMETOOLONG) for a tree that is deeper than a path can be long.
    """
    pending = [str(folder)]
    while pending:
        entries = sorted(_entries(pending.pop()), key=lambda entry: entry.name)
        yield from (entry for entry in entries if not entry.is_dir(follow_symlinks=False))
        pending += [entry.path for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]


def remove(folder: Path) -> None:
    """Remove a tree; what cannot be removed stays, without a word."""
    _flatten(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder: Path) -> None:
    """Bring the folders that lie too deep for `shutil.rmtree` up to the top."""
    top = str(folder)
    pending = [(top, 0)]
    while pending:
        path, depth = pending.pop()
        if depth > _DEEP or len(path) > len(top) + _LONG:
            raised = f"{top}/.{uuid.uuid4().hex}"
            try:
                os.rename(path, raised)
            except OSError:
                continue
            path, depth = raised, 1
        with contextlib.suppress(OSError):
            pending += [(entry.path, depth + 1) for entry in _entries(path) if entry.is_dir(follow_symlinks=False)]


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
        return []
