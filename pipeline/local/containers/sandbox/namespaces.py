"""A container's own view of the system, made from inside: namespaces, network, file system, and no right to undo it.

What lies in /opt beside `ml` stays where it is. Whatever cannot be set up raises OSError.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

from pipeline.local.containers.sandbox.system_calls import DROP_BOUND, check_call, kernel_version, libc, write_file

_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_CAPABILITIES: Final = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31})
"""What a container may do as root: Docker's, without raw sockets, device files and the audit log. None of these
mounts or unmounts, follows other processes, or lifts a limit."""
_CAPABILITIES_VERSION = 0x20080522
_UP, _SET_FLAGS = 1, 0x8914

OPT: Final = "/opt"


def enter_namespaces(mode: str, network: bool) -> None:
    """From here on the mounts, and the processes begun, are the container's own; without `network` that is too."""
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWPID | (_NEWUSER if mode == "user" else 0) | (0 if network else _NEWNET)
    check_call(libc().unshare(flags), "unshare")
    if mode == "user":
        write_file("/proc/self/setgroups", "deny")
        write_file("/proc/self/uid_map", f"0 {uid} 1")
        write_file("/proc/self/gid_map", f"0 {gid} 1")
    if not network:
        _loopback_up()


def _loopback_up() -> None:
    """A network of its own has a loopback interface that is down; processes of one container talk over it."""
    import fcntl
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _UP)
        fcntl.ioctl(any_socket, _SET_FLAGS, request)


def mount_all(spec: dict[str, Any]) -> None:
    """Show the container what its specification says, and cover what it must not see."""
    _mount(None, "/", None, _REC | _PRIVATE)
    try:
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
        if kernel_version() >= (6, 14):  # before, the number is the whole machine's
            # Bounds a fork bomb even for root, whom RLIMIT_NPROC does not bind. The kernel takes no less than 301.
            write_file("/proc/sys/kernel/pid_max", str(max(spec["limits"]["processes"] + 1, 301)))
    except OSError:
        pass
    for target, source in spec["binds"].items():
        if os.path.exists(target):
            _mount(source, target, None, _BIND)
    _mount_opt_ml(spec["root"])
    for path in spec["covers"]:
        if os.path.isdir(path):
            _mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV | _RDONLY, "size=4k,mode=755")
        elif os.path.exists(path):
            _mount("/dev/null", path, None, _BIND)


def _mount_opt_ml(root: str) -> None:
    """Put `root` at /opt/ml; what else lies in /opt stays where it is, by a bind mount each."""
    target = f"{OPT}/ml"
    if not os.path.isdir(target):
        below = os.open(OPT, os.O_RDONLY | os.O_DIRECTORY)
        source = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        _mount("tmpfs", OPT, "tmpfs", _NOSUID | _NODEV, "mode=755")
        for entry in os.scandir(below):
            _bind_entry(entry, f"/proc/self/fd/{below}/{entry.name}", f"{OPT}/{entry.name}")
        os.mkdir(target)
        _mount(f"/proc/self/fd/{source}", target, None, _BIND | _REC)
        os.close(below)
        os.close(source)
    else:
        _mount(root, target, None, _BIND | _REC)


def _bind_entry(entry: os.DirEntry[str], source: str, target: str) -> None:
    if entry.is_symlink():
        os.symlink(os.readlink(source), target)
        return
    if entry.is_dir():
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, target, None, _BIND | _REC)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    check_call(libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def drop_capabilities() -> None:
    """From here on nothing in the container can undo what was mounted, or trace its first process."""
    wanted = 0
    for capability in _CAPABILITIES:
        wanted |= 1 << capability
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in _CAPABILITIES:
            check_call(libc().prctl(DROP_BOUND, ctypes.c_ulong(capability), 0, 0, 0), "drop capabilities")
    low, high = wanted & 0xFFFFFFFF, wanted >> 32
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    # Effective, permitted and inheritable, of the lower and of the higher capabilities.
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    check_call(libc().capset(head, sets), "drop capabilities")
