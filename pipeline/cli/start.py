"""`pipeline start`: an execution with the parameters, data and steps that are asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.executions import Logs, Timeout, follow_to_end
from pipeline.cli.options import NoCache, Parameters, Where, located
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.clients import Clients
    from pipeline.config.settings import Settings
    from pipeline.raw_data import DataSet

_DATA: Final = "InputDataUrl"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(start)


@located
def start(
    where: Where,
    param: Parameters = None,
    data: Annotated[
        Path | None, typer.Option(help="A file or folder of raw data, which is uploaded to the bucket first.")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="Use this execution's parameters; 'latest' for the latest one.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Run only this step; may be repeated.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Run this step and all after it.")] = None,
    source: Annotated[str, typer.Option(help="Where --only and --from take the other steps' results from.")] = "",
    name: Annotated[str, typer.Option(help="The execution's display name.")] = "",
    token: Annotated[str, typer.Option(help="Any text: the same text starts no second execution.")] = "",
    no_cache: NoCache = False,
    follow: Annotated[bool, typer.Option("--follow", help="Follow it to its end.")] = False,
    timeout: Timeout = None,
    logs: Logs = False,
) -> None:
    """Start an execution."""
    from pipeline.deploy import apply
    from pipeline.executions import control, step_selection
    from pipeline.raw_data import DataSet

    settings = where.load()
    given = where.given(settings, param)
    if data is not None and _DATA in given:
        raise UsageError(f"--data and --param {_DATA} exclude each other", hint="give one of them")
    dataset = None if data is None else DataSet.of(data)
    clients = where.reach(settings)
    if like is not None:
        given = {**_started_with(clients, settings, like), **given}
    given |= _input(clients, settings, dataset, given)
    chosen = step_selection.choose(clients, settings.name, only=tuple(only or ()), start=from_ or "", source=source)
    if no_cache and not apply.forget_cache(clients, settings.name):
        raise UsageError(f"{settings.name} cannot do without its cache", hint="`pipeline upsert` deploys what it needs")
    arn = control.start(
        clients,
        settings.name,
        given,
        token=control.request_token(token) if token else None,
        name=name,
        selected=chosen.steps,
        source=chosen.source,
    )
    print(arn)
    if follow:
        follow_to_end(where, clients, arn, timeout, logs)


def _started_with(clients: Clients, settings: Settings, which: str) -> dict[str, str]:
    """What an execution was started with, as far as the pipeline still has such parameters. Raises UsageError."""
    from pipeline.executions.execution_snapshot import find, parameters_of

    arn = find(clients, settings.name, "" if which == "latest" else which)
    there = {parameter.name for parameter in settings.declared}
    return {name: value for name, value in parameters_of(clients, arn).items() if name in there}


def _input(clients: Clients, settings: Settings, dataset: DataSet | None, given: Mapping[str, str]) -> dict[str, str]:
    """The parameter of the raw data: those given, uploaded; else nothing, if there are some where it points to.

    Raises UsageError on localhost, where the public data of AWS's default are not.
    """
    from pipeline.executions.control import defaults_of
    from pipeline.executions.execution_results import Output, is_there
    from pipeline.raw_data import upload

    if dataset is not None:
        upload(dataset, clients, settings.bucket, settings.prefix, progress=_say)
        return {_DATA: dataset.uri(settings.bucket, settings.prefix)}
    defaults = defaults_of(clients, settings.name) if clients.target.local else {}
    uri = given.get(_DATA, str(defaults.get(_DATA, "")))
    if _DATA in defaults and uri.startswith("s3://") and not is_there(clients, Output("", "", uri)):
        raise UsageError(
            f"there are no data at {uri} on localhost", hint="give --data PATH, or put them there by `aws s3 cp`"
        )
    return {}


def _say(file: Path) -> None:
    """On stderr: what `start` prints is the ARN, which others read."""
    print(f"uploading {file.name}", file=sys.stderr)
