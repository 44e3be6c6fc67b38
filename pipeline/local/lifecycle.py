"""Starting, finding and stopping the service: what `pipeline local ...` and `pipeline run` call.

A state folder has at most one service, which a lock says, and one access key for ever (key.json, mode 0600), which also
holds the region and account that its ARNs were made with.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from pipeline.errors import LocalServiceError
from pipeline.local.foreground import Options, announce, forget_aws, serve
from pipeline.local.running import Running, environment, exports, require, running
from pipeline.local.state import DEFAULT_FOLDER, StateFolder

__all__ = ["Options", "Running", "ensure", "environment", "exports", "require", "running", "serve", "start", "stop"]

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0


def start(
    state: Path = DEFAULT_FOLDER,
    *,
    port: int = 0,
    detach: bool = False,
    region: str | None = None,
    account: str | None = None,
    faults: Sequence[str] = (),
    images: Sequence[str] = (),
    out: IO[str] | None = None,
) -> None:
    """Start a service, and serve until SIGTERM, SIGINT or SIGHUP unless it is to `detach`; prints its address to `out`.

    Raises LocalServiceError, UsageError.
    """
    options = Options(state, port, region, account, tuple(faults), tuple(images))
    if detach:
        announce(_detached(options), out or sys.stdout)
    else:
        serve(options, out=out or sys.stdout)


def _detached(options: Options) -> Running:
    """A service that outlives this process; its output goes to server.log in the state folder."""
    child = _spawn(options, lives_with_us=False)
    found = _first_answer(child, options.state)
    # Should it end before we do, nobody else would take its exit status.
    threading.Thread(target=child.wait, name="detached", daemon=True).start()
    return found


@contextlib.contextmanager
def ensure(state: Path = DEFAULT_FOLDER, *, faults: Sequence[str] = ()) -> Iterator[Running]:
    """The service that runs on the state folder, or one of our own that is stopped at the end, even if we are killed.

    Raises LocalServiceError, UsageError.
    """
    found = running(state)
    if found is not None:
        yield found
        return
    child = _spawn(Options(state, faults=tuple(faults)), lives_with_us=True)
    try:
        yield _first_answer(child, state)
    finally:
        if child.stdin is not None:
            child.stdin.close()
        _end(child.pid, lambda seconds: _waited(child, seconds))


def stop(state: Path = DEFAULT_FOLDER, *, seconds: float = _STOP_SECONDS) -> Running | None:
    """Stop the service on that state folder and wait for its end; None if there was none."""
    found = running(state)
    if found is None:
        return None
    folder = StateFolder(state.resolve())
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    _end(found.pid, lambda left: _unlocked(folder, left), seconds)
    return found


def _spawn(options: Options, *, lives_with_us: bool) -> subprocess.Popen[str]:
    """A process without the user's AWS settings; its stdout gives the address, all else goes to server.log."""
    folder = StateFolder.open(options.state)
    command = [sys.executable, "-m", "pipeline.local", "--state", str(folder.root), "--port", str(options.port)]
    command += ["--region", options.region] if options.region else []
    command += ["--account", options.account] if options.account else []
    command += [part for fault in options.faults for part in ("--fault", fault)]
    command += [part for image in options.images for part in ("--image", image)]
    command += ["--until-stdin-closes"] if lives_with_us else []
    environ = dict(os.environ)
    forget_aws(environ)
    with open(folder.server_log, "a") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if lives_with_us else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environ,
            text=True,
            start_new_session=True,
        )


def _first_answer(child: subprocess.Popen[str], state: Path) -> Running:
    """Wait for the address. Raises LocalServiceError with what the process said, if it ended instead."""
    timer = threading.Timer(_START_SECONDS, child.kill)
    timer.start()
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        child.stdout.readline()
        child.stdout.close()
    finally:
        timer.cancel()
    found = running(state) if line else None
    if found is None:
        child.kill()
        child.wait()
        raise _failed(StateFolder(state.resolve()))
    return found


def _failed(folder: StateFolder) -> LocalServiceError:
    lines = folder.server_log.read_text(errors="replace").splitlines()[-2:]
    said = [line for line in lines if line.startswith(("error: ", "hint: "))]
    if said and said[0].startswith("error: "):
        hint = said[1].removeprefix("hint: ") if len(said) > 1 else ""
        return LocalServiceError(said[0].removeprefix("error: "), hint=hint)
    return LocalServiceError("the service on localhost did not start", hint=f"its log says why: {folder.server_log}")


def _end(pid: int, ended: Callable[[float], bool], seconds: float = _STOP_SECONDS) -> None:
    """Wait for the end of a service that was told to stop; kill it when the time is up."""
    if not ended(seconds):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ended(5.0)


def _waited(child: subprocess.Popen[str], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _unlocked(folder: StateFolder, seconds: float) -> bool:
    """Wait until nobody holds the folder's lock, which the end of the process gives back."""
    end = time.monotonic() + seconds
    with open(folder.lock, "a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                if time.monotonic() > end:
                    return False
                time.sleep(0.02)
