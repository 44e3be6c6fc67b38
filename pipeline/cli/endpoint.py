"""`pipeline endpoint`: what serves, how a rollout goes, and the end of an endpoint."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.options import Where, console, located

if TYPE_CHECKING:
    from pipeline.operate.endpoint_state import EndpointState, EndpointVariant

app: Final = typer.Typer(help="The endpoint in service.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Option("--endpoint", help="The endpoint; the settings' by default.")]


@app.command()
@located
def status(
    where: Where,
    endpoint: Name = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on until no update is under way.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each state.")] = False,
) -> None:
    """Show what serves and what is on its way."""
    import time

    from pipeline.operate import endpoint_state as api

    settings, clients = where.opened()
    name = endpoint or settings.endpoint
    if follow:
        pause = 0.5 if clients.target.local else 10.0
        states = api.follow(clients, name, sleep=time.sleep, pause=pause)
    else:
        states = iter([api.state(clients, name)])
    for found in states:
        print(_json(found) if json else _line(found), flush=True)
        if not json and not follow:
            from pipeline.cli.printed_tables import plain_table

            head = ("configuration", "variant", "weight", "instances", "")
            console().print(plain_table(head, _rows(found), right=("weight", "instances")))


@app.command()
@located
def delete(
    where: Where,
    endpoint: Name = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the endpoint with its alarms and autoscaling."""
    from pipeline.operate import endpoint_state as api

    settings, clients = where.opened()
    name = endpoint or settings.endpoint
    api.state(clients, name)
    if not yes:
        typer.confirm(f"Delete the endpoint {name}? Nothing will answer there any more.", abort=True, err=True)
    api.delete(clients, name)
    print(f"deleted {name}", file=sys.stderr)


def _line(found: EndpointState) -> str:
    """One line for one state: of a rollout, how much of the new configuration takes traffic."""
    moment = found.changed.astimezone().strftime("%H:%M:%S")
    text = f"{moment} {found.name} is {found.status} with {found.config}"
    for variant in found.new:
        text += f"; {found.coming}: {variant.stage or 'Updating'}, {variant.instances} of {variant.wished} instances"
    return f"{text}: {found.reason}" if found.reason else text


def _rows(found: EndpointState) -> list[list[str]]:
    return [_row(found.config, variant, "serves") for variant in found.serving] + [
        _row(found.coming, variant, variant.stage) for variant in found.new
    ]


def _row(config: str, variant: EndpointVariant, what: str) -> list[str]:
    return [config, variant.name, f"{variant.weight:g}", f"{variant.instances} of {variant.wished}", what]


def _json(found: EndpointState) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(asdict(found) | {"changed": found.changed.isoformat()})
