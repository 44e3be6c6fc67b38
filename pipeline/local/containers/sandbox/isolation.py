"""The first program of a container: it makes the container's own view of the system, runs the job, ends it wholly.

It runs by path with `python -I -S`, so it imports nothing but the standard library. Its standard input first gives
the length of a JSON text in ten digits and the text (`Container.start` writes both), and is then the container's
lifeline: the byte `T` asks the job to end (SIGTERM), end of file kills whatever runs in the container; so a service
that was killed leaves nothing behind. Where namespaces are allowed the job and all its descendants live in a process
namespace that dies as one.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, Final, NoReturn

_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_PDEATHSIG, _SUBREAPER, _DUMPABLE, _BOUNDS_DROP = 1, 36, 4, 24
_CAPABILITIES: Final = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31})
"""What a container may do as root: Docker's, without raw sockets, device files and the audit log. None of these
mounts or unmounts, follows other processes, or lifts a limit."""
_CAPABILITIES_VERSION = 0x20080522
_UP, _SET_FLAGS = 1, 0x8914
_NOT_FOUND, _NOT_EXECUTABLE, _NOT_STARTED, _KILLED = 127, 126, 125, 137

OPT: Final = "/opt"
LIFELINE: Final = 0
LENGTH: Final = 10


def main() -> NoReturn:
    """Read the specification, set the container up, run it, exit with the job's code."""
    spec = json.loads(_exactly(int(_exactly(LENGTH))))
    door = [spec["door"]] if spec["door"] is not None else []
    for descriptor in door:
        os.set_inheritable(descriptor, False)
    if spec["namespace"]:
        try:
            _unshare(spec["namespace"], spec["network"])
        except OSError as error:
            _end(f"the container cannot be set apart: {error}", _NOT_STARTED)
        inner = os.fork()
        if inner:
            for descriptor in (LIFELINE, 1, 2, *door):
                os.close(descriptor)
            os._exit(_code(os.waitpid(inner, 0)[1]))
        _prctl(_PDEATHSIG, signal.SIGKILL)
        try:
            _mount_all(spec)
            _drop_capabilities()
        except OSError as error:
            _end(f"the container's file system cannot be set up: {error}", _NOT_STARTED)
    elif sys.platform == "linux":
        _prctl(_SUBREAPER, 1)
    _supervise(spec)


def _exactly(size: int) -> bytes:
    """The next bytes of the lifeline and no more: what follows may already be a `T`."""
    data = b""
    while len(data) < size:
        more = os.read(LIFELINE, size - len(data))
        if not more:
            os._exit(_KILLED)
        data += more
    return data


# the file system


def _unshare(mode: str, network: bool) -> None:
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNS | _NEWPID | (_NEWUSER if mode == "user" else 0) | (0 if network else _NEWNET)
    _check(_libc().unshare(flags), "unshare")
    if mode == "user":
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
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


def _listen_for_the_service(door: int, port: int) -> None:
    """Give the service a socket that listens, in this network, at its own address outside."""
    import socket

    with socket.socket(fileno=os.dup(door)) as service, socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
        socket.send_fds(service, [b"L"], [listening.fileno()])


def _mount_all(spec: dict[str, Any]) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    try:
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
        if _kernel() >= (6, 14):  # before, the number is the whole machine's
            # Bounds a fork bomb even for root, whom RLIMIT_NPROC does not bind. The kernel takes no less than 301.
            _write("/proc/sys/kernel/pid_max", str(max(spec["limits"]["processes"] + 1, 301)))
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
    _check(_libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def _drop_capabilities() -> None:
    """From here on nothing in the container can undo what was mounted, or trace its first process."""
    wanted = 0
    for capability in _CAPABILITIES:
        wanted |= 1 << capability
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if capability not in _CAPABILITIES:
            _check(_libc().prctl(_BOUNDS_DROP, ctypes.c_ulong(capability), 0, 0, 0), "drop capabilities")
    low, high = wanted & 0xFFFFFFFF, wanted >> 32
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    # Effective, permitted and inheritable, of the lower and of the higher capabilities.
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(_libc().capset(head, sets), "drop capabilities")


# the processes


def _supervise(spec: dict[str, Any]) -> NoReturn:
    """Run the job as a child; reap, obey the lifeline, kill what is left, exit with the job's code."""
    if spec["door"] is not None:
        _listen_for_the_service(spec["door"], spec["service_port"])
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    if sys.platform == "linux":
        # Nobody in the container opens the lifeline by /proc, which would then not end with the service.
        _prctl(_DUMPABLE, 0)
    job = os.fork()
    if job == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _run(spec)
    for descriptor in (1, 2):
        os.close(descriptor)
    code = _watch(job, woken, spec["door"])
    if not spec["namespace"]:
        _kill_descendants(job)
    os._exit(code)


def _watch(job: int, woken: int, door: int | None) -> int:
    poll = select.poll()
    poll.register(LIFELINE, select.POLLIN | select.POLLHUP)
    poll.register(woken, select.POLLIN)
    if door is not None:
        poll.register(door, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if woken in ready:
            os.read(woken, 4096)
            status = _reap(job)
            if status is not None:
                return _code(status)
        if LIFELINE in ready:
            if not os.read(LIFELINE, 4096):
                return _KILLED
            os.kill(job, signal.SIGTERM)
        if door in ready and not _hand_out(door):
            poll.unregister(door)


def _hand_out(door: int) -> bool:
    """Give the service a socket of this network that it has asked for; False when it asks no more."""
    import socket

    with socket.socket(fileno=os.dup(door)) as service:
        if not service.recv(1):
            return False
        with socket.socket() as fresh:
            socket.send_fds(service, [b"S"], [fresh.fileno()])
        return True


def _reap(job: int) -> int | None:
    """Collect all children that have ended; the job's status if it is among them."""
    found = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return found
            if pid == job:
                found = status
    except ChildProcessError:
        return found


def _run(spec: dict[str, Any]) -> NoReturn:
    os.setsid()
    if sys.platform == "linux":
        _prctl(_DUMPABLE, 1)
        _prctl(_PDEATHSIG, signal.SIGKILL)
        _more_willing_to_die()
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), LIFELINE)
    _limit(spec["limits"])
    argv, env = spec["argv"], spec["env"]
    try:
        os.chdir(spec["cwd"])
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        _end(f'exec: "{argv[0]}": executable file not found in $PATH', _NOT_FOUND)
    except OSError as error:
        _end(f'exec: "{argv[0]}": {(error.strerror or str(error)).lower()}', _NOT_EXECUTABLE)


def _limit(limits: dict[str, int | None]) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: limits["processes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_FSIZE: limits["file_size"],
        resource.RLIMIT_AS: limits["address_space"],
    }
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        if most is not None and (hard == resource.RLIM_INFINITY or most < hard):
            resource.setrlimit(kind, (most, most))


def _more_willing_to_die() -> None:
    """When memory runs out the kernel ends the job, not the service or the user's other programs."""
    try:
        _write("/proc/self/oom_score_adj", "900")
    except OSError:
        pass


def _kill_descendants(job: int) -> None:
    """Without a process namespace: the job's group, then every child that has come to us, until none is left."""
    for _ in range(100):
        try:
            os.killpg(job, signal.SIGKILL)
        except OSError:
            pass
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _code(status: int) -> int:
    """The exit code as a shell and Docker give it: 128 plus the signal for a killed process."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _end(message: str, code: int) -> NoReturn:
    os.write(2, (message + "\n").encode())
    os._exit(code)


# the kernel


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def _prctl(option: int, value: int) -> None:
    _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
