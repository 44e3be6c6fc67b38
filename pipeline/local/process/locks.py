"""The two locks of a state folder: one service at a time, and how many others are using it.

`lock` is held by the service's process for as long as it lives and holds its process id. `users` is shared by everybody
who needs the service for a while; one that lives only as long as it is needed takes it whole before it ends. The system
gives both back when a process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from pipeline.local.state_folder import StateFolder

_LOOK_SECONDS: Final = 0.02


class Held(Exception):
    """Another service has the folder."""


@contextlib.contextmanager
def owning(folder: StateFolder) -> Iterator[None]:
    """Be the one service on the folder. Raises Held, OSError."""
    with open(folder.lock, "a+") as lock:
        end = time.monotonic() + _LOOK_SECONDS * 5
        while not _take(lock, fcntl.LOCK_EX):  # another process that looks for the holder takes it for a moment, too
            if time.monotonic() > end:
                raise Held
            time.sleep(_LOOK_SECONDS / 4)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(folder: StateFolder) -> int | None:
    """The process id of the service on the folder, or None."""
    try:
        with open(folder.lock) as lock:
            if _take(lock, fcntl.LOCK_SH):
                return None
            text = lock.read()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def wait_free(folder: StateFolder, seconds: float) -> bool:
    """Wait until no service has the folder."""
    end = time.monotonic() + seconds
    while holder(folder) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


@contextlib.contextmanager
def using(folder: StateFolder) -> Iterator[None]:
    """Keep a service on the folder from ending by itself; waits while one is about to."""
    with open(_users(folder), "a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


def used(folder: StateFolder) -> bool:
    """Whether others are using the service; False also while it is ending."""
    with open(_users(folder), "a") as users:
        return not _take(users, fcntl.LOCK_EX) and _take(users, fcntl.LOCK_SH)


def wait_unused(folder: StateFolder) -> IO[str]:
    """Wait until nobody uses the service; nobody begins to as long as the returned file is open."""
    users = open(_users(folder), "a")
    fcntl.flock(users, fcntl.LOCK_EX)
    return users


def _users(folder: StateFolder) -> Path:
    return folder.root / "users"


def _take(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
