"""What keeps a container apart from the machine: namespaces, limits, and the files that it must not see.

`container.py` starts it so, `isolation.py` puts it into effect from inside.
"""

from __future__ import annotations

import functools
import os
import sysconfig
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.limits import Row

INSTALLED: Final = Path(__file__).parents[4]
"""The folder that this project is imported from."""
_PACKAGES: Final = ("pipeline", "scripts", "steps")

PARITY: Final = (
    Row(
        area="jobs",
        subject="isolation",
        here="A process group in a mount and process namespace with /opt/ml of its own; the rest of the file system,"
        " the user and the network are the machine's. ~/.aws and this project's packages are covered, and a job has no"
        " right to uncover them; started as root, a job is root, without mounts, tracing and raw sockets. Without"
        " namespaces /opt/ml is re-rooted in the entry point, the arguments, the environment and the configuration"
        " files, nothing is covered or bounded for good, and the log says so.",
        aws="A Docker container on an instance of its own.",
    ),
    Row(
        area="jobs",
        subject="SIGTERM for a program that does not handle it",
        here="Ends the job at once. The toolkit of script mode does not pass the signal on to the script.",
        aws="The first process of a container ignores it then, that toolkit too: the job runs on until it is killed.",
    ),
    Row(
        area="jobs",
        subject="limits",
        here="At most 2,048 processes and threads a container, no core files, a file no larger than VolumeSizeInGB; no"
        " memory limit, but the kernel takes a job before the service when memory runs out. Started as root on a kernel"
        " before 6.14 there is no bound on processes.",
        aws="The instance's.",
    ),
)


class Isolation(StrEnum):
    """What keeps a container apart: namespaces made as root, by a user namespace, or none."""

    ROOT = "root"
    USER = "user"
    NONE = ""


@dataclass(frozen=True)
class Limits:
    """What one container may use; sizes in bytes, None is no limit."""

    processes: int | None = 2048
    open_files: int | None = 65_536
    file_size: int | None = None
    address_space: int | None = None


def covered() -> list[str]:
    """What a job must not see: this project's packages, what puts them on the path, and the user's AWS files."""
    hidden = [INSTALLED / package for package in _PACKAGES]
    return [str(path) for path in (*hidden, *_path_files(), Path.home() / ".aws") if path.exists()]


@functools.cache
def _path_files() -> list[Path]:
    """The .pth files of an editable install: a covered package that they lead to could be imported, though empty."""
    files = Path(sysconfig.get_path("purelib")).glob("*.pth")
    return [file for file in files if str(INSTALLED) in file.read_text(encoding="utf-8", errors="replace").split("\n")]


def bounded(limits: Limits, kind: Isolation) -> Limits:
    """The limits for that kind: without a namespace of its own the number of processes counts all that the user has."""
    if kind is not Isolation.NONE or limits.processes is None:
        return limits
    there = _tasks_of_user()
    return replace(limits, processes=None if there is None else there + limits.processes)


def _tasks_of_user() -> int | None:
    """How many threads this user has on the machine; None where there is no /proc to tell."""
    if not os.path.isdir("/proc/self/task"):
        return None
    count = 0
    for process in os.listdir("/proc"):
        try:
            if process.isdigit() and os.stat(f"/proc/{process}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{process}/task"))
        except OSError:
            # It has ended since.
            pass
    return count
