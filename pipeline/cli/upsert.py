"""`pipeline plan` and `pipeline upsert`: what would change, and the change.

`upsert` shows the same plan that `plan` does, then carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.options import NoCache, Parameters, Where, announce, located
from pipeline.errors import CHANGES_EXIT_CODE, UsageError

if TYPE_CHECKING:
    from pipeline.clients import Clients
    from pipeline.config.settings import Settings
    from pipeline.deploy.costs import Costs
    from pipeline.deploy.delivery import DeliveryPlan
    from pipeline.deploy.forecast import Forecast, Past


Parallelism = Annotated[int | None, typer.Option(help="How many steps of an execution run at once at most.")]
Description = Annotated[str | None, typer.Option(help="What the pipeline is for.")]


_COMPARING: Final = "composing the pipeline to compare it with what is deployed"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(plan)
    app.command()(upsert)


@located
def plan(
    where: Where,
    param: Parameters = None,
    parallelism: Parallelism = None,
    description: Description = None,
    like: Annotated[
        str | None,
        typer.Option("--like", help="Forecast with this execution's parameters; 'latest' for the latest one."),
    ] = None,
    no_cache: NoCache = False,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan too, for `pipeline upsert FILE`.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes.")
    ] = False,
) -> int:
    """Show what upsert would change and which steps would run again."""
    if json and markdown:
        raise UsageError("--json and --markdown exclude each other", hint="give one of them")
    announce(_COMPARING)
    from pipeline.deploy import saved, view

    settings = where.load(parallelism=parallelism, description=description)
    given = where.given(settings, param)
    clients = where.reach(settings)
    deployed = saved.digest(clients, settings) if out else ""
    made, forecast = _plan(clients, settings, given, where.definitions, like=like, no_cache=no_cache)
    if out:
        saved.save(out, settings, clients, made, deployed)
    cost = _costs(clients, settings, where.definitions).lines
    if json:
        print(view.as_json(made.training, forecast, clients.target.describe(), made.beside, cost))
    elif markdown:
        print(view.markdown(made.training, forecast, clients.target.describe(), made.beside))
        print("".join(f"\n{line}\n" for line in cost), end="")
    else:
        print("\n".join([view.text(made.training, forecast, made.beside), *cost]))
    return CHANGES_EXIT_CODE if detailed_exitcode and not made.empty else 0


@located
def upsert(
    where: Where,
    file: Annotated[
        Path | None, typer.Argument(help="A plan that `pipeline plan --out` saved: do exactly that, or nothing.")
    ] = None,
    parallelism: Parallelism = None,
    description: Description = None,
) -> None:
    """Show the plan and apply it. The pipeline is created, or what differs is updated."""
    announce(_COMPARING if file is None else f"comparing {file} with what is deployed")
    from pipeline.deploy import delivery, saved, view

    if file is not None:
        if where.env or where.config or where.settings or parallelism or description:
            raise UsageError("a saved plan has its own settings", hint="give the file alone")
        kept = saved.load(file)
        clients = where.reach(kept.settings)
        _priced(clients, kept.settings, where.definitions)
        print(delivery.deliver(clients, saved.confirmed(kept, clients, cache=where.definitions), progress=_tell))
        return
    settings, clients = where.opened(parallelism=parallelism, description=description)
    made, forecast = _plan(clients, settings, {}, where.definitions)
    print(view.text(made.training, forecast, made.beside), flush=True)
    _priced(clients, settings, where.definitions)
    if not made.empty:
        print()
    print(delivery.deliver(clients, made, progress=_tell))


def _costs(clients: Clients, settings: Settings, cache: Path | None) -> Costs:
    from pipeline.deploy.costs import costs

    return costs(clients, settings, cache=cache, now=datetime.now(UTC))


def _priced(clients: Clients, settings: Settings, cache: Path | None) -> None:
    """Say what it costs. Raises SettingsError where that is above the ceiling."""
    from pipeline.deploy.costs import within_ceiling

    found = _costs(clients, settings, cache)
    for line in found.lines:
        _tell(line)
    within_ceiling(found, settings, local=clients.target.local)


def _tell(line: str) -> None:
    print(line, flush=True)


def _started(clients: Clients, settings: Settings, which: str, past: Sequence[Past]) -> dict[str, str]:
    """What an execution was started with, as far as the pipeline still has such parameters; `past` is newest first.

    Nothing where the latest is asked for and there is none. Raises UsageError for an execution that there is not.
    """
    from pipeline.executions.execution_snapshot import find, parameters_of

    if which == "latest":
        given = past[0].parameters if past else {}
    else:
        given = parameters_of(clients, find(clients, settings.name, which))
    there = {parameter.name for parameter in settings.declared}
    return {name: value for name, value in given.items() if name in there}


def _plan(
    clients: Clients,
    settings: Settings,
    given: Mapping[str, str],
    cache: Path | None,
    *,
    like: str | None = None,
    no_cache: bool = False,
) -> tuple[DeliveryPlan, tuple[Forecast, ...]]:
    import json

    from pipeline.deploy import delivery, forecast, history
    from pipeline.deploy.plan import GENERATION, generation

    whole = delivery.plan(clients, settings, cache=cache)
    made = whole.training
    past = () if made.new else history.past(clients, settings.name)
    if like is not None and not made.new:
        given = {**_started(clients, settings, like, past), **given}
    definition = json.loads(made.definition)
    if no_cache:
        given = {**given, GENERATION: str(generation(definition) + 1)}
    forecasts = forecast.forecast(definition, given, past, now=datetime.now(UTC))
    warnings = (*made.warnings, *history.lost(clients, settings.name, forecasts))
    return replace(whole, training=replace(made, warnings=warnings)), forecasts
