"""One container as a process group: an /opt/ml of its own, an end that leaves nothing behind, bounded resources.

On Linux the container is a mount and process namespace where the kernel allows one (as root, or by a user
namespace), so programs with hard-coded /opt/ml paths run unchanged. Elsewhere the paths that begin with /opt/ml
are re-rooted in command line and environment. `isolation.py` is the part that runs inside.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

from pipeline.local.containers.sandbox.confinement import INSTALLED, Isolation, Limits, bounded, covered
from pipeline.local.containers.sandbox.doorway import Doorway

KILLED: Final = 137
"""The exit code of a container that was ended by SIGKILL."""

LINE_LIMIT: Final = 262_144 - 26
"""The bytes of one line that are kept: the largest CloudWatch event without its overhead."""

_FIRST_PROGRAM: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from pipeline.local.containers.sandbox import isolation; isolation.main()"
)
"""As modules the code is compiled once and not by every container."""
_PATH: Final = Path(__file__).with_name("path")
_OPT_ML: Final = re.compile(r"(?<![\w/.\-])/opt/ml(?=/|$|[^\w.\-])")


@functools.cache
def best_isolation() -> Isolation:
    """The best that this machine allows; tried once, by starting a container."""
    if sys.platform != "linux":
        return Isolation.NONE
    for candidate in (Isolation.ROOT, Isolation.USER) if os.geteuid() == 0 else (Isolation.USER,):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "here").touch()
            trial = Container.start(
                ["/bin/sh", "-c", "test -e /opt/ml/here"], {}, root=Path(folder), isolation=candidate
            )
            if trial.wait(10) == 0:
                return candidate
            trial.kill()
    return Isolation.NONE


def visible(root: Path, kind: Isolation | None = None) -> str:
    """The path by which a container sees `root`: /opt/ml, or `root` itself where paths are re-rooted."""
    kind = best_isolation() if kind is None else kind
    return str(root.absolute()) if kind is Isolation.NONE else "/opt/ml"


class Container:
    """A running (or ended) container. Threads may share it."""

    def __init__(self, process: subprocess.Popen[bytes], on_lines: Callable[[list[str]], None]) -> None:
        self._process = process
        self._on_lines = on_lines
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"container-{process.pid}-output")
        self._reader.start()
        threading.Thread(target=self._watch, daemon=True, name=f"container-{process.pid}").start()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        root: Path,
        cwd: Path | str = "/",
        on_line: Callable[[str], None] = lambda line: None,
        on_lines: Callable[[list[str]], None] | None = None,
        own_code: bool = False,
        binds: Mapping[str, Path] | None = None,
        network: bool = True,
        doorway: Doorway | None = None,
        limits: Limits | None = None,
        isolation: Isolation | None = None,
    ) -> Container:
        """Run `argv` with exactly `env`, with the folder `root` as /opt/ml; stdout and stderr go to `on_line`.

        `on_lines` gets as many lines at once as there are, for those who can do more with them than one by one.
        `binds` puts files of this machine at other paths, and without `network` there is none but the container's own
        loopback, which has a `doorway` if one is given; all of these where there are namespaces. `own_code` is for
        stand-ins that are part of this project: all other containers do not see its packages.
        A program that cannot be found ends with exit code 127, one that cannot be executed with 126, as in Docker.
        """
        kind = best_isolation() if isolation is None else isolation
        argv, env, cwd = list(argv), dict(env), str(cwd)
        if kind is Isolation.NONE:
            argv, env, cwd = _re_rooted(argv, env, cwd, root.absolute(), own_code)
        spec = {
            "argv": argv,
            "env": env,
            "cwd": cwd,
            "root": str(root.absolute()),
            "namespace": kind.value,
            "network": network and doorway is None,
            "door": doorway.theirs.fileno() if doorway is not None else None,
            "service_port": doorway.service_port if doorway is not None else 0,
            "covers": [] if own_code else covered(),
            "binds": {target: str(source) for target, source in (binds or {}).items()},
            "limits": asdict(bounded(limits or Limits(), kind)),
        }
        process = _first_process(doorway)
        try:
            container = cls(process, on_lines or functools.partial(_one_by_one, on_line))
        except RuntimeError:  # no thread is left to look after it
            process.kill()
            process.communicate()
            raise
        text = json.dumps(spec).encode()
        container._say(b"%010d" % len(text) + text)
        return container

    @property
    def pid(self) -> int:
        """The process id of the container's first process; the job's own id may be another."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The job's exit code (128 + signal for a killed one), or None while it runs."""
        if not self._ended.is_set():
            return None
        code: int = self._process.returncode
        return code if code >= 0 else 128 - code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the job and all it started have ended and their output was given; None when time is up."""
        return self.exit_code if self._ended.wait(timeout) else None

    def terminate(self) -> None:
        """SIGTERM to the job, as `docker stop` sends it: to its first process only."""
        self._say(b"T")

    def kill(self) -> int:
        """SIGKILL to the job and all it started; returns the exit code."""
        with self._lock:
            self._close(self._process.stdin)
        if not self._ended.wait(5):
            self._process.kill()
            self._ended.wait()
        return KILLED if self.exit_code is None else self.exit_code

    def _say(self, data: bytes) -> None:
        with self._lock:
            stdin = self._process.stdin
            if stdin is None or stdin.closed:
                return
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(stdin.fileno(), view) :]
            except BrokenPipeError:
                pass

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        rest = b""
        try:
            while data := os.read(stdout.fileno(), 65_536):
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) > LINE_LIMIT:
                    lines, rest = [*lines, rest], b""
                self._give(lines)
        except OSError:
            pass
        if rest:
            self._give([rest])

    def _give(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            self._on_lines([line[:LINE_LIMIT].decode("utf-8", "replace").rstrip("\r") for line in lines])
        except OSError:
            # The disk is full, say. The job must not hang on a pipe that nobody reads.
            pass

    def _watch(self) -> None:
        self._process.wait()
        # All writers are dead, so the end of the output is near; on a system without namespaces a process that
        # got away may hold it open, and is not waited for.
        self._reader.join(2)
        with self._lock:
            self._close(self._process.stdin)
        if not self._reader.is_alive():
            self._close(self._process.stdout)
        self._ended.set()

    @staticmethod
    def _close(pipe: IO[bytes] | None) -> None:
        if pipe is not None:
            pipe.close()


def stop(containers: Sequence[Container], grace: float) -> None:
    """SIGTERM to the containers, and SIGKILL to all that is left of them after `grace` seconds."""
    end = time.monotonic() + grace
    for container in containers:
        container.terminate()
    for container in containers:
        if container.wait(max(0.0, end - time.monotonic())) is None:
            container.kill()


def _first_process(doorway: Doorway | None) -> subprocess.Popen[bytes]:
    """The container's first process, which waits for its specification."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FIRST_PROGRAM, str(INSTALLED)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={},
        cwd="/",
        bufsize=0,
        start_new_session=True,
        pass_fds=[doorway.theirs.fileno()] if doorway is not None else [],
    )
    if doorway is not None:
        doorway.theirs.close()
    return process


def _one_by_one(on_line: Callable[[str], None], lines: list[str]) -> None:
    for line in lines:
        on_line(line)


def re_root(text: str, root: Path) -> str:
    """`text` with every path that begins with /opt/ml put below `root`."""
    return _OPT_ML.sub(lambda _: str(root), text)


def _re_rooted(
    argv: list[str], env: dict[str, str], cwd: str, root: Path, own_code: bool
) -> tuple[list[str], dict[str, str], str]:
    env = {key: re_root(value, root) for key, value in env.items()}
    if not own_code:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PATH), env.get("PYTHONPATH"))))
    return [re_root(argument, root) for argument in argv], env, re_root(cwd, root)
