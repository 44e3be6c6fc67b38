"""`pipeline schedule`: when the pipeline starts by itself.

Planned, then applied, like the pipeline itself: `--plan` only shows what would change.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.options import Parameters, Where, console, located

if TYPE_CHECKING:
    from pipeline.operate.schedule import PipelineSchedule

app: Final = typer.Typer(help="When the pipeline starts by itself.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The schedule's name.")]
Plan = Annotated[bool, typer.Option("--plan", help="Only show what would change.")]


@app.command(name="list")
@located
def list_(
    where: Where,
) -> None:
    """List the pipeline's schedules."""
    from pipeline.cli.printed_tables import plain_table
    from pipeline.operate import schedule as api

    settings, clients = where.opened()
    found = api.read(clients, settings.name)
    if not found:
        print(where.repeated("no schedules: `pipeline schedule set` makes one"), file=sys.stderr)
        return
    rows = (
        [item.name, item.expression, item.timezone, "on" if item.enabled else "off", _given(item)] for item in found
    )
    console().print(plain_table(("name", "when", "time zone", "state", "parameters"), rows))


def _given(item: PipelineSchedule) -> str:
    return " ".join(f"{name}={value}" for name, value in item.parameters.items())


@app.command(name="set")
@located
def set_schedule(
    where: Where,
    name: Name,
    when: Annotated[str, typer.Argument(help="rate(1 day), cron(0 6 * * ? *) or at(2027-01-31T06:00:00).")],
    param: Parameters = None,
    timezone: Annotated[str, typer.Option(help="The time zone of a cron expression.")] = "UTC",
    role: Annotated[str, typer.Option(help="The role of the scheduler; role/pipeline-scheduler by default.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Keep the schedule, but disable it.")] = False,
    plan: Plan = False,
) -> None:
    """Create a schedule, or change it."""
    from pipeline.deploy.apply import arn_of
    from pipeline.operate import schedule as api

    settings = where.load()
    given = where.given(settings, param)
    clients = where.reach(settings)
    wanted = api.PipelineSchedule(
        api.full_name(settings.name, name), when, role or f"{settings.role}-scheduler", given, timezone, not off
    )
    change = api.plan(wanted, api.read(clients, settings.name))
    if change is None:
        print("nothing to do: the schedule is already as asked")
        return
    arn = arn_of(clients, settings.name)
    print(api.describe(change))
    if not plan:
        api.apply(clients, arn, change)
        if clients.target.local:
            print("on localhost it becomes due while the service runs, and is gone with it", file=sys.stderr)


@app.command()
@located
def remove(
    where: Where,
    name: Name,
    plan: Plan = False,
) -> None:
    """Remove a schedule."""
    from pipeline.errors import UsageError
    from pipeline.operate import schedule as api

    settings, clients = where.opened()
    full = api.full_name(settings.name, name)
    names = [item.name for item in api.read(clients, settings.name)]
    if full not in names:
        raise UsageError(f"there is no schedule {full}", hint=f"there are: {', '.join(names) or 'none'}")
    change = api.Remove(full)
    print(api.describe(change))
    if not plan:
        api.apply(clients, "", change)
