"""`pipeline models`: the registry: list, compare, approve, reject, and roll back to the version before.

A version is named by its number within the group, the newest also as `latest`.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.options import Where, console, located, reading

if TYPE_CHECKING:
    from pipeline.clients import Clients
    from pipeline.config.settings import Settings

_STARTED_WITHIN: Final = 120.0
"""Seconds that EventBridge is given to start a release; it takes some."""

app: Final = typer.Typer(help="The versions in the model registry.", no_args_is_help=True, rich_markup_mode=None)

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version of the group: its number, or 'latest' for the newest.")
]
Follow = Annotated[bool, typer.Option("--follow", help="Follow the release to its end, which the exit code tells.")]
Group = Annotated[str, typer.Option("--group", help="The model package group; the settings' by default.")]


@app.command(name="list")
@reading
def list_(
    where: Where,
    group: Group = "",
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions with their figures."""
    from pipeline.cli.printed_tables import models_json, models_table
    from pipeline.operate import model_registry, release

    settings, clients = where.opened()
    name = group or settings.model_group
    found = model_registry.models(clients, name, count=count)
    serving = release.served(clients, settings.endpoint)
    if json:
        print(models_json(found, serving.now))
        return
    if not found:
        print(f"no versions in the group {name}: an execution that passes its gate registers one", file=sys.stderr)
        return
    console().print(models_table(found, {serving.before: "served before", serving.now: f"serves {settings.endpoint}"}))


@app.command()
@reading
def compare(
    where: Where,
    first: Version,
    second: Version,
    group: Group = "",
) -> None:
    """Compare two versions: figures, and parameters that differ."""
    from pipeline.cli.printed_tables import comparison_table, parameters_table
    from pipeline.operate import model_registry

    settings, clients = where.opened()
    name = group or settings.model_group
    both = [model_registry.model(clients, name, version) for version in (first, second)]
    out = console()
    out.print(comparison_table(*both))
    differing = model_registry.differing_parameters(clients, *both)
    if differing is None:
        print("their parameters cannot be compared: an execution is no longer there", file=sys.stderr)
    elif differing:
        out.print()
        out.print(parameters_table(differing, *both))


@app.command()
@located
def approve(
    where: Where,
    version: Version,
    remark: Annotated[str, typer.Option(help="A remark to keep with the approval.")] = "",
    group: Group = "",
    follow: Follow = False,
) -> None:
    """Approve a version, which starts its release."""
    from pipeline.operate import model_registry, release

    settings, clients = where.opened()
    name = group or settings.model_group
    chosen = model_registry.model(clients, name, version)
    idle = release.nothing_starts(clients, settings, name)
    if not idle and chosen.status == "Approved":
        idle = "it was approved before, which is no news"
    print(f"nothing will be released: {idle}" if idle else f"next: {release.foretold(clients, settings, chosen)}")
    since = _moment_ago()
    model_registry.approve(clients, chosen, remark)
    print(f"approved {chosen.arn}", flush=True)
    if follow and not idle:
        _follow_release(where, settings, clients, chosen.arn, since)


@app.command()
@located
def rollback(
    where: Where,
    follow: Follow = False,
) -> None:
    """Release the version that the endpoint served before."""
    from pipeline.cli.executions import follow_to_end
    from pipeline.operate import release

    settings, clients = where.opened()
    chosen = release.version_before(clients, settings)
    print(f"next: {release.foretold(clients, settings, chosen)}")
    arn = release.start(clients, settings, chosen)
    print(arn, flush=True)
    if follow:
        follow_to_end(where, clients, arn, None, False)


def _moment_ago() -> datetime:
    """A time before now by more than two clocks may differ."""
    return datetime.now(UTC) - timedelta(seconds=5)


def _follow_release(where: Where, settings: Settings, clients: Clients, version: str, since: datetime) -> None:
    from pipeline.cli.executions import follow_to_end
    from pipeline.operate import release

    arn = release.execution_of(clients, settings, version, since=since, wait=_STARTED_WITHIN, sleep=time.sleep)
    print(arn, flush=True)
    follow_to_end(where, clients, arn, None, False)


@app.command()
@located
def reject(
    where: Where,
    version: Version,
    reason: Annotated[str, typer.Option(help="The reason; it is kept with the version.")],
    group: Group = "",
) -> None:
    """Reject a version, with a reason."""
    from pipeline.operate import model_registry

    settings, clients = where.opened()
    chosen = model_registry.model(clients, group or settings.model_group, version)
    model_registry.reject(clients, chosen, reason)
    print(f"rejected {chosen.arn}")
