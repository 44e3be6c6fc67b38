"""`pipeline models`: the registry, listed, compared, approved, rejected.

A version is named by its number within the group.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from pipeline.cli.options import Where, console, located, reading

app: Final = typer.Typer(help="The versions in the model registry.", no_args_is_help=True, rich_markup_mode=None)

Version = Annotated[int, typer.Argument(help="A version of the group.")]
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
    from pipeline.cli.tables import models_json, models_table
    from pipeline.operate import registry

    settings, clients = where.opened()
    name = group or settings.model_group
    found = registry.models(clients, name, count=count)
    if json:
        print(models_json(found))
        return
    if not found:
        print(f"no versions in the group {name}: an execution that passes its gate registers one", file=sys.stderr)
        return
    console().print(models_table(found))


@app.command()
@reading
def compare(
    where: Where,
    first: Version,
    second: Version,
    group: Group = "",
) -> None:
    """Compare the figures of two versions, and the parameters that made them."""
    from pipeline.cli.tables import comparison_table, parameters_table
    from pipeline.operate import registry

    settings, clients = where.opened()
    name = group or settings.model_group
    both = [registry.model(clients, name, version) for version in (first, second)]
    out = console()
    out.print(comparison_table(*both))
    differing = registry.differing_parameters(clients, *both)
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
    remark: Annotated[str, typer.Option(help="What to keep with the approval.")] = "",
    group: Group = "",
) -> None:
    """Approve a version."""
    from pipeline.operate import registry

    settings, clients = where.opened()
    chosen = registry.model(clients, group or settings.model_group, version)
    registry.approve(clients, chosen, remark)
    print(f"approved {chosen.arn}")


@app.command()
@located
def reject(
    where: Where,
    version: Version,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    group: Group = "",
) -> None:
    """Reject a version, with a reason."""
    from pipeline.operate import registry

    settings, clients = where.opened()
    chosen = registry.model(clients, group or settings.model_group, version)
    registry.reject(clients, chosen, reason)
    print(f"rejected {chosen.arn}")
