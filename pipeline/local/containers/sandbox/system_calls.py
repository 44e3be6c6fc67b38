"""The calls to the kernel that the first program of a container makes, most of which Python has no function for."""

from __future__ import annotations

import ctypes
import os
from typing import Final

PARENT_DEATH_SIGNAL: Final = 1
DUMPABLE: Final = 4
DROP_BOUND: Final = 24
SUBREAPER: Final = 36


def libc() -> ctypes.CDLL:
    """The C library; its calls leave their error for `check_call`."""
    return ctypes.CDLL(None, use_errno=True)


def kernel_version() -> tuple[int, ...]:
    """Its first two numbers."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def prctl(option: int, value: int) -> None:
    """Set an option of this process, if the kernel has it."""
    libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def check_call(result: int, what: str) -> None:
    """Raises OSError for the result of a call that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def write_file(path: str, text: str) -> None:
    """Write to a file of /proc in one call. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
