"""Flags that many commands share, and what they stand for: the settings in force, the target, the console.

A command gets all of the shared ones as one `Where`, so none of them is declared twice.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO, TypeVar

import typer

from pipeline.errors import PipelineError, UsageError
from pipeline.terminal import raw, visible

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.clients import Clients
    from pipeline.config.settings import Settings

Environment = Annotated[str | None, typer.Option("--env", help="The environment of pipeline.toml: dev, staging, prod.")]
Config = Annotated[Path | None, typer.Option("--config", help="The settings file; pipeline.toml by default.")]
Local = Annotated[bool, typer.Option("--local", help="The service on this machine instead of AWS.")]
State = Annotated[Path, typer.Option("--state", help="The state folder of the service on this machine.")]
Parameters = Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE; may be repeated.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Run every step again; what they make is reused from then on.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="SETTING=VALUE over pipeline.toml, e.g. region=eu-west-1.")
]

T = TypeVar("T")

DEFAULT_STATE: Final = Path(".sagemaker")
_LONG: Final = 400

# A command as hints name it, `pipeline steps`, and those that know no --local.
_NAMED: Final = re.compile(r"(?<=`)pipeline (\w+)([^`]*)(?=`)")
_OF_THIS_MACHINE: Final = ("run", "definition", "policy")


@dataclass(frozen=True)
class Where:
    """The flags that say which settings and which target a command means."""

    env: str | None = None
    config: Path | None = None
    settings: list[str] | None = None
    local: bool = False
    state: Path = DEFAULT_STATE
    readers: ExitStack | None = None
    """Of a command that only reads: what ends the service that it starts where none runs on the state folder."""

    def load(self, **flags: Any) -> Settings:
        """The settings in force. Raises SettingsError."""
        from pipeline.config.settings_sources import load

        return load(
            environment=self.env,
            flags={**_assignments(self.settings), **flags},
            variables=os.environ,
            file=self.config,
        )

    def given(self, settings: Settings, assignments: list[str] | None) -> dict[str, str]:
        """The values of --param, as an execution takes them. Raises UsageError."""
        from pipeline.config.pipeline_parameters import parse

        try:
            return parse(assignments or [], settings.declared, settings.task)
        except PipelineError as error:
            names = {text.partition("=")[0] for text in assignments or []}
            if setting := next((name for name in names if name in type(settings).model_fields), None):
                error.hint = f"{setting} is a setting: give it by --set {setting}=VALUE"
            raise

    @property
    def definitions(self) -> Path | None:
        """Where composed definitions are kept: in the state folder, if there is one that is not somebody else's."""
        from pipeline.local.state_folder import is_foreign

        return self.state / "definitions" if self.state.is_dir() and not is_foreign(self.state) else None

    def repeated(self, hint: str) -> str:
        """The hint with these flags in each command that it names, so that it means the same place as this one."""

        def with_flags(found: re.Match[str]) -> str:
            return " ".join([found.group().strip(), *(shlex.quote(flag) for flag in self._flags(found[1]))])

        return _NAMED.sub(with_flags, hint)

    def _flags(self, command: str) -> list[str]:
        state = [] if self.state == DEFAULT_STATE else ["--state", str(self.state)]
        if command == "local":
            return state
        env = ["--env", self.env] if self.env else []
        config = ["--config", str(self.config)] if self.config else []
        settings = [part for text in self.settings or [] for part in ("--set", text)]
        if command in _OF_THIS_MACHINE:
            return [*env, *config, *settings]
        return [*env, *config, *settings, *(["--local", *state] if self.local else [])]

    def connect(self, settings: Settings) -> Clients:
        """The clients of the target. Raises ServiceError, and LocalServiceError if --local finds no service."""
        from pipeline.clients import connect, connect_local

        if not self.local:
            return connect(region=settings.region, profile=settings.profile)
        from pipeline.local.process import lifecycle

        if self.readers is not None and self._kept():
            if lifecycle.running(self.state) is None:
                announce(f"no service runs on {self.state}: starting one to read what it kept")
            service = self.readers.enter_context(lifecycle.starting(self.state, hold=True))()
        else:
            service = lifecycle.require(self.state)
        return connect_local(lifecycle.environment(service), os.environ)

    def _kept(self) -> bool:
        """Whether a service has kept something in the state folder."""
        from pipeline.local.state_folder import StateFolder

        return StateFolder(self.state.resolve()).database.is_file()

    def opened(self, **flags: Any) -> tuple[Settings, Clients]:
        """The settings and the clients; says first, on stderr, where the command reads and writes.

        Raises SettingsError, ServiceError, LocalServiceError.
        """
        settings = self.load(**flags)
        return settings, self.reach(settings)

    def reach(self, settings: Settings) -> Clients:
        """As `opened`, for a command that has its settings already."""
        clients = self.connect(settings)
        clients.target.require_account(settings.account)
        where = visible(f"{settings.name} on {clients.target.describe()}")
        console(stderr=True).print(where, markup=False, soft_wrap=True)
        return clients


def located(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the flags that say where it works; it gets them as one `Where`, its first argument."""
    return _with_flags(command, _all_flags)


def reading(command: Callable[..., T]) -> Callable[..., T]:
    """As `located`, for a command that only reads: on this machine it needs no service that runs.

    It starts one for its own time, which resumes no work, so that what `pipeline run` left can be looked at.
    """

    @functools.wraps(command)
    def with_reader(where: Where, *arguments: Any, **given: Any) -> T:
        with ExitStack() as readers:
            return command(replace(where, readers=readers), *arguments, **given)

    return located(with_reader)


def composing(command: Callable[..., T]) -> Callable[..., T]:
    """As `located`, for a command that asks neither AWS nor a service that runs already."""
    return _with_flags(command, _composing_flags)


def _all_flags(
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> Where:
    return Where(env, config, set_, local, state)


def _composing_flags(
    env: Environment = None, config: Config = None, set_: Set = None, state: State = DEFAULT_STATE
) -> Where:
    # Such a command works on this machine, so what its hints name does too.
    return Where(env, config, set_, local=True, state=state)


def _with_flags(command: Callable[..., T], flags: Callable[..., Where]) -> Callable[..., T]:
    """A function whose signature, which Typer reads, has the command's parameters but the first, then the flags."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = inspect.signature(flags, eval_str=True).parameters

    @functools.wraps(command)
    def run(**given: Any) -> T:
        where = flags(**{name: given.pop(name) for name in shared})
        try:
            return command(where, **given)
        except PipelineError as error:
            error.hint = where.repeated(error.hint)
            raise

    signature = inspect.Signature([*own, *shared.values()])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


def announce(text: str, *, file: TextIO | None = None) -> None:
    """Say what begins now, on stderr by default: what is slow imports its libraries after it."""
    print(visible(text), file=file or sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    """Where a command writes; what is no terminal gets lines as long as they are."""
    from rich.console import Console

    stream = raw(sys.stderr if stderr else sys.stdout)
    return Console(file=stream, highlight=False, width=None if stream.isatty() else _LONG)


def _assignments(texts: list[str] | None) -> dict[str, str]:
    values = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} sets nothing", hint="write SETTING=VALUE, such as region=eu-west-1")
        values[name.replace("-", "_")] = value
    return values
