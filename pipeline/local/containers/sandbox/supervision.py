"""A container's job, run and watched from inside: its limits, lifeline and sockets, and an end that leaves nothing.

The lifeline is standard input: the byte `T` asks the job to end (SIGTERM), end of file kills whatever runs in the
container; so a service that was killed leaves nothing behind.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from typing import Any, Final, NoReturn

from pipeline.local.containers.sandbox.system_calls import DUMPABLE, PARENT_DEATH_SIGNAL, prctl, write_file

NOT_STARTED: Final = 125
KILLED: Final = 137
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126

LIFELINE: Final = 0


def supervise(spec: dict[str, Any]) -> NoReturn:
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
        prctl(DUMPABLE, 0)
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


def _listen_for_the_service(door: int, port: int) -> None:
    """Give the service a socket that listens, in this network, at its own address outside."""
    import socket

    with socket.socket(fileno=os.dup(door)) as service, socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
        socket.send_fds(service, [b"L"], [listening.fileno()])


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
                return exit_code(status)
        if LIFELINE in ready:
            if not os.read(LIFELINE, 4096):
                return KILLED
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
        prctl(DUMPABLE, 1)
        prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
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
        end_with(f'exec: "{argv[0]}": executable file not found in $PATH', _NOT_FOUND)
    except OSError as error:
        end_with(f'exec: "{argv[0]}": {(error.strerror or str(error)).lower()}', _NOT_EXECUTABLE)


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
        write_file("/proc/self/oom_score_adj", "900")
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


def exit_code(status: int) -> int:
    """The exit code as a shell and Docker give it: 128 plus the signal for a killed process."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def end_with(message: str, code: int) -> NoReturn:
    """Say why no job runs, where the job would have written, and end."""
    os.write(2, (message + "\n").encode())
    os._exit(code)
