"""`pipeline predict`: rows to the endpoint, answers back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import DEFAULT_STATE, Config, Environment, Local, Set, State, console, opened


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(predict)


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
