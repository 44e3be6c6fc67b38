"""Which port a container listens on, for programs that do not look at SAGEMAKER_BIND_TO_PORT (Linux only).

The sockets of the container's processes are matched with the system's table of listening sockets.
"""

from __future__ import annotations

import os
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
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    family, todo = [], [pid]
    while todo:
        process = todo.pop()
        family.append(process)
        todo += children.get(process, [])
    return family


def _sockets(pid: int) -> list[str]:
    """The inodes of a process's sockets."""
    found = []
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(entry.path)
            if target.startswith("socket:["):
                found.append(target[8:-1])
    except OSError:
        pass
    return found
