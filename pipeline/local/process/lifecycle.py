"""Starting, finding and stopping the service: what `pipeline local ...` and `pipeline run` call.

A state folder has at most one service, which a lock says, and one access key for ever (key.json, mode 0600), which also
holds the region and account that its ARNs were made with.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from pipeline.errors import LocalServiceError
from pipeline.local.process import locks
from pipeline.local.process.discover import CONSOLE_NOTE, RunningService, environment, exports, require, running
from pipeline.local.process.service_process import Options, announce, forget_aws, serve
from pipeline.local.state_folder import DEFAULT_FOLDER, StateFolder

__all__ = [
    "Options",
    "RunningService",
    "environment",
    "exports",
    "require",
    "running",
    "serve",
    "start",
    "starting",
    "stop",
]

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_KILL_SECONDS: Final = 5.0
_LEAST_BYTES: Final = 1 << 18


def start(
    state: Path = DEFAULT_FOLDER,
    *,
    port: int = 0,
    detach: bool = False,
    region: str | None = None,
    account: str | None = None,
    faults: Sequence[str] = (),
    images: Sequence[str] = (),
    lambdas: Sequence[str] = (),
    sync: bool = True,
    hold: bool = False,
    wait_factor: float = 1.0,
    out: IO[str] | None = None,
) -> None:
    """Start a service, and serve until SIGTERM, SIGINT or SIGHUP unless it is to `detach`; prints its address to `out`.

    Raises LocalServiceError, UsageError.
    """
    options = Options(
        state, port, region, account, tuple(faults), tuple(images), tuple(lambdas), sync, hold, wait_factor
    )
    if detach:
        announce(_detached(options), out or sys.stdout)
    else:
        serve(options, out=out or sys.stdout)


def _detached(options: Options) -> RunningService:
    """A service that outlives this process; its output goes to server.log in the state folder."""
    child = _spawn(options, lives_with_us=False)
    found = _first_answer(child, options.state)
    _reap_later(child)
    return found


@contextlib.contextmanager
def starting(state: Path, *, hold: bool = False, wait_factor: float = 1.0) -> Iterator[Callable[[], RunningService]]:
    """The service that runs on the state folder, or one of our own that ends with its last user, even if we are killed.

    It starts beside what the block does until it calls for the service; both raise LocalServiceError. With `hold` a
    service of ours takes up nothing that was under way.
    """
    folder = StateFolder.open(state)
    child: subprocess.Popen[str] | None = None
    try:
        with locks.using(folder):
            found = running(state)
            if found is None:
                child = _spawn(Options(state, hold=hold, wait_factor=wait_factor), lives_with_us=True)
            yield lambda: found or _ours_or_anothers(child, folder, state)
    finally:
        if child is not None:
            _leave(child, folder)
            if child.stdout is not None:
                child.stdout.close()


def stop(state: Path = DEFAULT_FOLDER, *, seconds: float = _STOP_SECONDS) -> int | None:
    """Stop the service on that state folder, also one that does not answer, and wait for its end.

    Returns the process id that it had; None if there was none.
    """
    folder = StateFolder.at(state)
    pid = locks.holder(folder)
    if pid is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    if not locks.wait_free(folder, seconds):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        locks.wait_free(folder, _KILL_SECONDS)
    return pid


def _spawn(options: Options, *, lives_with_us: bool) -> subprocess.Popen[str]:
    """A process without the user's AWS settings; its stdout gives the address, all else goes to server.log."""
    folder = StateFolder.open(options.state)
    command = [sys.executable, "-m", "pipeline.local", "--state", str(folder.root), "--port", str(options.port)]
    command += ["--region", options.region] if options.region else []
    command += ["--account", options.account] if options.account else []
    command += [part for fault in options.faults for part in ("--fault", fault)]
    command += [part for image in options.images for part in ("--image", image)]
    command += [part for function in options.lambdas for part in ("--lambda", function)]
    command += [] if options.sync else ["--no-sync"]
    command += ["--hold"] if options.hold else []
    command += ["--wait-factor", str(options.wait_factor)]
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


def _first_answer(child: subprocess.Popen[str], state: Path) -> RunningService:
    """Wait for the address. Raises LocalServiceError with what the process said, if it ended instead."""
    timer = threading.Timer(_START_SECONDS, child.kill)
    timer.start()
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        while said := child.stdout.readline():
            if said.rstrip("\n") == CONSOLE_NOTE:
                break  # the last line of `announce`: a pipe closed earlier would break under the service
        child.stdout.close()
    finally:
        timer.cancel()
    found = running(state) if line else None
    if found is not None:
        return found
    child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
    raise _failed(StateFolder.at(state))


def _ours_or_anothers(child: subprocess.Popen[str] | None, folder: StateFolder, state: Path) -> RunningService:
    assert child is not None, "started when none was found"
    try:
        return _first_answer(child, state)
    except LocalServiceError:
        found = _anothers(folder, state)
        if found is None:
            raise
        return found


def _anothers(folder: StateFolder, state: Path) -> RunningService | None:
    """The service that somebody else has started at the same moment, once it answers."""
    end = time.monotonic() + _START_SECONDS
    while locks.holder(folder) is not None and time.monotonic() < end:
        found = running(state)
        if found is not None:
            return found
        time.sleep(_LOOK_SECONDS)
    return None


def _failed(folder: StateFolder) -> LocalServiceError:
    lines = folder.server_log.read_text(errors="replace").splitlines()[-2:]
    said = [line for line in lines if line.startswith(("error: ", "hint: "))]
    if said and said[0].startswith("error: "):
        hint = said[1].removeprefix("hint: ") if len(said) > 1 else ""
        return LocalServiceError(said[0].removeprefix("error: "), hint=hint)
    if shutil.disk_usage(folder.root).free < _LEAST_BYTES:
        # Too full even for the log.
        return LocalServiceError(
            f"there is no space left for the state folder {folder.root}",
            hint="free some, or name another folder with --state",
        )
    return LocalServiceError("the service on localhost did not start", hint=f"its log says why: {folder.server_log}")


def _leave(child: subprocess.Popen[str], folder: StateFolder) -> None:
    """Let a service of ours end: at once if nobody else uses it, else when they have done."""
    if child.stdin is not None:
        child.stdin.close()
    end = time.monotonic() + _STOP_SECONDS
    while not _waited(child, _LOOK_SECONDS):
        if locks.used(folder):
            _reap_later(child)
            return
        if time.monotonic() > end:
            child.kill()


def _reap_later(child: subprocess.Popen[str]) -> None:
    """Should it end before we do, nobody else would take its exit status."""
    threading.Thread(target=child.wait, name="service", daemon=True).start()


def _waited(child: subprocess.Popen[str], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
