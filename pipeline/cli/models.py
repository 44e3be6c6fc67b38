"""`pipeline models`: the registry, listed, compared, approved, rejected."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pipeline.cli.options import DEFAULT_STATE, Config, Environment, Local, Set, State, console, opened

app: Final = typer.Typer(help="The versions in the model registry.", no_args_is_help=True, rich_markup_mode=None)

Version = Annotated[int, typer.Argument(help="A version of the group.")]
Group = Annotated[str, typer.Option("--group", help="The model package group; the settings' by default.")]


@app.command(name="list")
def list_(
    group: Group = "",
    count: Annotated[int, typer.Option(help="How many, newest first.")] = 20,
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """List the versions with their figures."""
    from pipeline import registry
    from pipeline.registry_view import models_table

    settings, clients = opened(env, config, set_, local, state)
    console().print(models_table(registry.models(clients, group or settings.model_group, count=count)))


@app.command()
def compare(
    first: Version,
    second: Version,
    group: Group = "",
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Compare the figures of two versions."""
    from pipeline import registry
    from pipeline.registry_view import comparison_table

    settings, clients = opened(env, config, set_, local, state)
    name = group or settings.model_group
    both = [registry.model(clients, name, version) for version in (first, second)]
    console().print(comparison_table(*both))


@app.command()
def approve(
    version: Version,
    remark: Annotated[str, typer.Option(help="What to keep with the approval.")] = "",
    group: Group = "",
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Approve a version."""
    from pipeline import registry

    settings, clients = opened(env, config, set_, local, state)
    chosen = registry.model(clients, group or settings.model_group, version)
    registry.approve(clients, chosen, remark)
    print(f"approved {chosen.arn}")


@app.command()
def reject(
    version: Version,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    group: Group = "",
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Reject a version, with a reason."""
    from pipeline import registry

    settings, clients = opened(env, config, set_, local, state)
    chosen = registry.model(clients, group or settings.model_group, version)
    registry.reject(clients, chosen, reason)
    print(f"rejected {chosen.arn}")
