"""Finds the port that a container listens on, for programs that do not look at SAGEMAKER_BIND_TO_PORT (Linux only).

The sockets of the container's processes are matched with the system's table of listening sockets.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"


def listening_ports(pid: int) -> set[int]:
    """The ports that process `pid` and its descendants listen on; none where there is no /proc."""
    try:
        ports = dict(_listening(pid))
        inodes = {inode for process in family(pid) for inode in _sockets(process)}
    except OSError:
        return set()
    return {ports[inode] for inode in inodes if inode in ports}


def _listening(pid: int) -> list[tuple[str, int]]:
    """The sockets that listen in the network of a process: inode and port."""
    found = []
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == _LISTEN:
                found.append((fields[9], int(fields[1].rsplit(":", 1)[1], 16)))
    return found


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):  # it has ended
                stat = Path("/proc", name, "stat").read_text()
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(name))
    family, todo = [], [pid]
    while todo:
        process = todo.pop()
        family.append(process)
        todo += children.get(process, [])
    return family


def _sockets(pid: int) -> list[str]:
    """The inodes of a process's sockets."""
    found = []
    with suppress(OSError):  # the process has ended
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # this file is closed meanwhile
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    found.append(target[8:-1])
    return found
