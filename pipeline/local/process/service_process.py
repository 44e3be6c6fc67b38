"""The service as this process: state folder locked, parts assembled, signals heard, until it is told to stop.

The user's AWS settings are taken out of the process's environment before anything else is loaded, so nothing here can
read or send them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pipeline.errors import LocalServiceError, UsageError
from pipeline.local.egress.variables import PROXIES
from pipeline.local.identity import Identity
from pipeline.local.process import locks
from pipeline.local.process.discover import CONSOLE_NOTE, RunningService, running
from pipeline.local.state_folder import DEFAULT_FOLDER, StateFolder

if TYPE_CHECKING:
    from pipeline.local.front import Front
    from pipeline.local.service import Service

_OPEN_FILES: Final = 8192


@dataclass(frozen=True)
class Options:
    """What a service is started with; region and account are those of the folder where they are None."""

    state: Path = DEFAULT_FOLDER
    port: int = 0
    region: str | None = None
    account: str | None = None
    faults: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Programs that stand in for images, each NAME=COMMAND."""
    lambdas: tuple[str, ...] = ()
    """Functions that Lambda steps call, each NAME=module:function."""
    sync: bool = True
    """Whether what is acknowledged is on the disk; else it survives a kill, but no power loss."""
    hold: bool = False
    """Whether executions and endpoints that were under way stay as they are."""
    wait_factor: float = 1.0
    """How much of AWS's time the waits of a rollout and the periods of its alarms take."""


def serve(
    options: Options, *, out: IO[str], stdin: IO[str] | None = None, ready: Callable[[], None] | None = None
) -> None:
    """Serve in this process until a signal, or the end of `stdin` if it is given; `ready` is called once it answers.

    Raises LocalServiceError, UsageError.
    """
    forget_aws(os.environ)
    _allow_files()
    with (
        _Stop() as stop,
        _locked(StateFolder.open(options.state), options) as folder,
        _logged(folder),
        _signals(stop),
    ):
        identity = Identity.of(folder.key, options.region, options.account)
        service, front = _assembled(folder, identity, options)
        try:
            service.recover(hold=options.hold)
            # Who starts a service for one run hardly needs moto, whose loading would slow the jobs down.
            front.start(warm=stdin is None)
            found = RunningService(
                front.url, os.getpid(), round(time.time(), 3), options.state, identity, service.proxy.port
            )
            _write_server(folder, found)
            announce(found, out)
            if ready is not None:
                ready()
            if stdin is not None:
                threading.Thread(target=_watch, args=(stdin, folder, stop), daemon=True).start()
            stop.wait()
        finally:
            folder.server.unlink(missing_ok=True)
            front.close()
            service.close()


@contextlib.contextmanager
def _logged(folder: StateFolder) -> Iterator[None]:
    from pipeline.local.process import service_log

    handler = service_log.begin(folder.server_log, os.environ)
    try:
        yield
    finally:
        service_log.end(handler)


def announce(found: RunningService, out: IO[str]) -> None:
    """Print where it is."""
    print(f"SageMaker on localhost: {found.address}\nconsole: {found.console}\n{CONSOLE_NOTE}", file=out, flush=True)


def forget_aws(environ: MutableMapping[str, str]) -> None:
    """Take the user's AWS settings and proxies out; nothing in the service may read or send them."""
    for name in [name for name in environ if name.startswith(("AWS_", "BOTO_", "MOTO_")) or name in PROXIES]:
        del environ[name]
    environ.update(
        {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "BOTO_CONFIG": os.devnull,
        }
    )


def _assembled(folder: StateFolder, identity: Identity, options: Options) -> tuple[Service, Front]:
    import sqlite3

    from pipeline.local import api, durable
    from pipeline.local.engine import lambdas
    from pipeline.local.faults import InjectedFaults
    from pipeline.local.front import Front
    from pipeline.local.images import parse, register
    from pipeline.local.service import Service
    from pipeline.local.service_context import AccessKey, Configuration

    for text in options.images:
        register(parse(text))
    configuration = Configuration(
        account=identity.account,
        region=identity.region,
        key=AccessKey(identity.access_key_id, identity.secret_access_key),
        faults=InjectedFaults.parse(options.faults),
        lambdas=lambdas.parse(options.lambdas),
        sync=durable.sync if options.sync else durable.no_sync,
        wait_factor=options.wait_factor,
    )
    fronts: list[Front] = []
    try:
        service = Service(folder, configuration, address=lambda: fronts[0].url, actions=api.load())
    except (sqlite3.Error, OSError) as error:
        raise LocalServiceError(
            f"the state folder {options.state} cannot be used: {error}",
            hint="free space on its disk if that is full, or name another folder with --state",
        ) from error
    try:
        fronts.append(Front(service, _port(options.port)))
    except BaseException:
        service.close()
        raise
    return service, fronts[0]


def _port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is not a port", hint="give one from 1 to 65535, or 0 for any that is free")
    return port


@contextlib.contextmanager
def _locked(folder: StateFolder, options: Options) -> Iterator[StateFolder]:
    """Hold the folder's lock. Raises LocalServiceError if a service has it, or the port or the disk cannot be used."""
    try:
        with locks.owning(folder):
            yield folder
    except locks.Held:
        raise _in_use(folder, options.state) from None
    except OSError as error:
        raise _explained(error, options) from error


def _in_use(folder: StateFolder, named: Path) -> LocalServiceError:
    found = running(folder.root)
    where = f" at {found.address} (process {found.pid})" if found else ""
    return LocalServiceError(
        f"a service is already running on the state folder {named}{where}",
        hint="use it by `pipeline local env`, end it by `pipeline local stop`, or name another folder with --state",
    )


def _explained(error: OSError, options: Options) -> LocalServiceError:
    if error.errno == errno.EADDRINUSE:
        return LocalServiceError(
            f"port {options.port} is taken by another program", hint="give another one with --port, or none"
        )
    if error.errno == errno.EACCES and error.filename is None:
        return LocalServiceError(
            f"no permission to use port {options.port}", hint="give one above 1023 with --port, or none"
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LocalServiceError(
            f"there is no space left for the state folder {options.state}",
            hint="free some, or name another folder with --state",
        )
    return LocalServiceError(f"the service cannot run: {error}", hint="see --state and --port")


def _allow_files() -> None:
    """Connections, logs and jobs need more open files than the 1,024 that many systems begin with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Stop:
    """Whether the service is told to stop, by a signal or by a thread.

    A pipe into which the interpreter itself writes at a signal: a handler would not run for a signal that comes just
    before a call that blocks, and may not set an event whose lock the interrupted code holds.
    """

    def __enter__(self) -> _Stop:
        self.told = False
        self._woken, self.wake = os.pipe()
        os.set_blocking(self.wake, False)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._woken)
        os.close(self.wake)

    def tell(self) -> None:
        self.told = True
        os.write(self.wake, b"x")

    def wait(self) -> None:
        while not self.told:
            os.read(self._woken, 1)


@contextlib.contextmanager
def _signals(stop: _Stop) -> Iterator[None]:
    """The signals that end a service tell it to stop instead; a second one ends the process at once."""

    def on_signal(number: int, frame: object) -> None:
        if stop.told:
            os._exit(128 + number)
        stop.told = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
        numbers.append(signal.SIGHUP)
    woken_before = signal.set_wakeup_fd(stop.wake, warn_on_full_buffer=False)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken_before)


def _write_server(folder: StateFolder, found: RunningService) -> None:
    """Whole or not at all, since others read it at any time."""
    text = json.dumps({"url": found.address, "pid": found.pid, "started": found.started, "proxy": found.proxy_port})
    fresh = folder.server.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    fresh.replace(folder.server)


def _watch(stdin: IO[str], folder: StateFolder, stop: _Stop) -> None:
    """Stop once whoever started us is gone and nobody else uses the service either."""
    with contextlib.suppress(OSError, ValueError):
        while stdin.read(1):
            pass
    with locks.wait_unused(folder):
        stop.tell()
        threading.Event().wait()  # the lock is given back by the end of the process
