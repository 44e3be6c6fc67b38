"""`pipeline plan` and `pipeline upsert`: what would change, and the change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_STATE, Config, Environment, Local, Parameters, Set, State, Where

if TYPE_CHECKING:
    from pipeline.clients import Clients
    from pipeline.plan import Plan
    from pipeline.reruns import Forecast
    from pipeline.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(plan)
    app.command()(upsert)


def plan(
    param: Parameters = None,
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes.")
    ] = False,
) -> int:
    """Show what upsert would change, and which steps the next execution would run again."""
    from pipeline import plan_view
    from pipeline.errors import CHANGES_EXIT_CODE

    where = Where(env, config, set_, local, state)
    settings = where.load()
    clients = where.connect(settings)
    made, forecast = _plan(clients, settings, param or [], where.definitions)
    show = plan_view.as_json if json else plan_view.markdown if markdown else plan_view.text
    print(show(made, forecast, clients.target.describe()))
    return CHANGES_EXIT_CODE if detailed_exitcode and not made.empty else 0


def upsert(
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Show the plan and apply it: create the pipeline, or update what differs."""
    from pipeline import deploy, plan_view

    where = Where(env, config, set_, local, state)
    settings = where.load()
    clients = where.connect(settings)
    made, forecast = _plan(clients, settings, [], where.definitions)
    print(plan_view.text(made, forecast, clients.target.describe()))
    arn = deploy.apply(clients, made, progress=lambda instruction: print(plan_view.describe(instruction)))
    print(arn)


def _plan(
    clients: Clients, settings: Settings, assignments: list[str], cache: Path | None
) -> tuple[Plan, tuple[Forecast, ...]]:
    import json

    from pipeline import deploy, history, parameters, reruns
    from pipeline.desired import desired

    given = parameters.parse(assignments, settings.declared, settings.task)
    clients.target.require_account(settings.account)
    wanted = desired(settings, cache=cache)
    made = deploy.plan(clients, wanted)
    past = history.past(clients, wanted.name)
    return made, reruns.forecast(json.loads(wanted.definition), given, past, now=datetime.now(UTC))
