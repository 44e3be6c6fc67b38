"""`pipeline promote` and `pipeline reproduce`: a version in another environment's registry, and trained once more."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Where, located
from pipeline.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from pipeline.config.settings import Settings
    from pipeline.operate.promotion import PromotionPlace
    from pipeline.operate.promotion_policy import Document


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(promote)
    app.command()(reproduce)


@located
def promote(
    where: Where,
    version: Annotated[int, typer.Argument(help="A version of the group.")],
    to: Annotated[str, typer.Option("--to", help="The environment of pipeline.toml that gets it.")],
    group: Annotated[str, typer.Option("--group", help="The model package group; the settings' by default.")] = "",
    policies: Annotated[
        bool, typer.Option("--policies", help="Print the two policies that it needs, and do nothing.")
    ] = False,
) -> None:
    """Register a version in another environment."""
    from pipeline.operate import model_registry, promotion
    from pipeline.operate.promotion import PromotionPlace
    from pipeline.operate.promotion_policy import policies as needed

    settings = where.load()
    wished = _target(where, settings, to)
    documents = needed(settings, wished)
    if policies:
        _print(documents)
        return
    source = PromotionPlace(settings, where.reach(settings))
    target = PromotionPlace(wished, where.reach(wished))
    _permitted(source, target, documents)
    chosen = model_registry.model(source.clients, group or settings.model_group, version)
    done = promotion.promote(source, target, chosen.arn, progress=lambda line: print(line, flush=True))
    if not done.new:
        print(f"version {version} is there already: {done.arn}")
        return
    number = done.arn.rpartition("/")[2]
    print(f"registered {done.arn}, {done.copied} files copied")
    print(f"next: `pipeline models approve {number} --env {to}`")


@located
def reproduce(
    where: Where,
    version: Annotated[int, typer.Argument(help="A version of the group.")],
    group: Annotated[str, typer.Option("--group", help="The model package group; the settings' by default.")] = "",
) -> None:
    """Train a version again and compare the weights."""
    from pipeline.cli.executions import follow_to_end
    from pipeline.errors import ExecutionError
    from pipeline.operate import model_registry
    from pipeline.operate import reproduce as api

    settings, clients = where.opened()
    chosen = model_registry.model(clients, group or settings.model_group, version)
    found = api.reproduce(clients, settings, chosen, follow=lambda arn: follow_to_end(where, clients, arn, None, False))
    if found.difference:
        raise ExecutionError(f"version {version} is not reproduced: {found.difference}")
    print(f"version {version} is reproduced: its {found.count:,} numbers are equal bit by bit")


def _target(where: Where, source: Settings, to: str) -> Settings:
    """What pipeline.toml says of the other environment; flags and variables are about the one that is promoted from.

    Raises UsageError where both are one.
    """
    from pipeline.config.settings_sources import load

    target = load(environment=to, variables={}, file=where.config)
    places = [(found.account, found.region, found.model_group) for found in (source, target)]
    if places[0] == places[1]:
        raise UsageError(
            f"{to} has the registry of {source.environment}: account {target.account}, {target.region}, group "
            f"{target.model_group}",
            hint=f"give [env.{to}] an account, a region or a name of its own",
        )
    return target


def _permitted(source: PromotionPlace, target: PromotionPlace, documents: Mapping[str, Document]) -> None:
    """Raises ServiceError, having printed both policies, where one of the callers lacks something."""
    from pipeline.operate.promotion_policy import refused
    from pipeline.service_errors import translated

    for place in (source, target):
        name = place.settings.environment
        with translated():
            found = refused(place.clients, documents[name])
        if found is None:
            print(f"IAM does not say whether all is allowed in {name}; it is tried", file=sys.stderr)
        elif found:
            _print(documents)
            raise ServiceError(
                f"in {name} it is not allowed to {', '.join(found)}", hint="attach the policies above, then repeat"
            )


def _print(documents: Mapping[str, Document]) -> None:
    import json

    for name, document in documents.items():
        print(f"# {name}\n{json.dumps(document, indent=2)}")
