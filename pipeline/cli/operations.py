"""`pipeline predict` and `pipeline policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import DEFAULT_STATE, Config, Environment, Local, Set, State, Where, console, opened


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(predict)
    app.command()(policy)


def predict(
    file: Annotated[Path, typer.Argument(help="Features without labels: CSV, NPZ, JSON or JSON Lines.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint; the settings' by default.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    local: Local = False,
    state: State = DEFAULT_STATE,
) -> None:
    """Send a file of rows to the endpoint and print what it answers."""
    import json as json_module

    from pipeline import predict as api

    settings, clients = opened(env, config, set_, local, state)
    answers = api.predict(clients, endpoint or settings.endpoint, file)
    if json:
        for answer in answers:
            print(json_module.dumps(vars(answer)))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("row", "label", "score"):
        table.add_column(heading, justify="right")
    for answer in answers:
        score = f"{max(answer.score):.6f}" if isinstance(answer.score, list) else f"{answer.score:.6f}"
        table.add_row(str(answer.row), "" if answer.label is None else str(answer.label), score)
    console().print(table)


def policy(
    role: Annotated[str, typer.Argument(help="Whose: pipeline, ci or scheduler.")],
    trust: Annotated[bool, typer.Option("--trust", help="Print who may assume the role instead.")] = False,
    repository: Annotated[str, typer.Option(help="For the trust of ci: GitHub's OWNER/NAME.")] = "",
    branch: Annotated[str, typer.Option(help="For the trust of ci: the branch.")] = "main",
    env: Environment = None,
    config: Config = None,
    set_: Set = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Print the IAM policy with the least that a role needs, derived from the definition."""
    import json

    from pipeline import policy as api
    from pipeline.desired import desired

    where = Where(env, config, set_, state=state)
    settings = where.load()
    if trust:
        print(api.text(api.trust(role, settings, repository=repository, branch=branch)))
        return
    definition = json.loads(desired(settings, cache=where.definitions).definition)
    print(api.text(api.policy(role, settings, definition)))
