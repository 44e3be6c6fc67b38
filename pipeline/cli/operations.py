"""`pipeline predict`, `pipeline policy` and `pipeline clean`.

What comes beside executions: the permissions that they need, what they leave behind, and what the endpoint answers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Where, composing, console, located

if TYPE_CHECKING:
    from pipeline.operate.predict import PredictedRow


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(predict)
    app.command()(policy)
    app.command()(clean)


@located
def predict(
    where: Where,
    file: Annotated[
        Path, typer.Argument(help="Rows, with or without names and label: CSV, NPZ, JSON, JSON Lines, Parquet.")
    ],
    endpoint: Annotated[str, typer.Option(help="The endpoint; the settings' by default.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write row, label, its name, the file's own label and score to this .csv or .parquet."),
    ] = None,
) -> None:
    """Send a file of rows to the endpoint and print its answers. Labels that the file has are shown beside them.

    CSV, TSV, JSON, JSON Lines, Parquet, NPZ, a pickle of arrays, or images of MNIST's IDX.
    """
    import json as json_module

    from pipeline.operate import predict as api
    from pipeline.operate.answers import Tally, write

    settings, clients = where.opened()
    tally = Tally()
    answers = tally.counting(api.predict(clients, endpoint or settings.endpoint, file))
    if json:
        for answer in answers:
            print(json_module.dumps(vars(answer)))
    elif out is not None:
        write(answers, out, progress=lambda rows: print(f"{rows} rows", file=sys.stderr))
        print(f"{tally.rows} rows in {out}", file=sys.stderr)
    else:
        from pipeline.cli.printed_tables import plain_table

        head = ("row", "label", "score", "in the file")
        console().print(plain_table(head, map(_cells, answers), right=("row", "label", "score")))
    if tally.said:
        print(tally.said, file=sys.stderr)


def _cells(answer: PredictedRow) -> tuple[str, ...]:
    label = answer.name or ("" if answer.label is None else str(answer.label))
    score = max(answer.score) if isinstance(answer.score, list) else answer.score
    return str(answer.row), label, f"{score:.6f}", answer.truth


@composing
def policy(
    where: Where,
    role: Annotated[str, typer.Argument(help="The role: pipeline, ci, engineer, scheduler, events or topic.")],
    trust: Annotated[bool, typer.Option("--trust", help="Print its trust policy instead: who may assume it.")] = False,
    repository: Annotated[str, typer.Option(help="For the trust of ci: GitHub's OWNER/NAME.")] = "",
    branch: Annotated[str, typer.Option(help="For the trust of ci: the branch.")] = "main",
    part: Annotated[int, typer.Option(min=1, help="Of a policy too long for IAM, which is then several: which.")] = 1,
) -> None:
    """Print the IAM policy with the least that a role needs."""
    import json

    from pipeline.deploy.desired import desired
    from pipeline.errors import UsageError
    from pipeline.operate import policy as api

    settings = where.load()
    if trust:
        print(api.text(api.trust(role, settings, repository=repository, branch=branch)))
        return
    definition = json.loads(desired(settings, cache=where.definitions).definition)
    parts = api.parts(api.policy(role, settings, definition))
    if part > len(parts):
        raise UsageError(f"the policy for {role} has {len(parts)} parts", hint=f"--part {len(parts)} is the last")
    if part < len(parts):
        hint = f"IAM takes {api.MOST_CHARACTERS:,} characters a policy: attach --part {part + 1} as well"
        print(f"part {part} of {len(parts)}; {hint}", file=sys.stderr)
    print(api.text(parts[part - 1]))


@located
def clean(
    where: Where,
    names: Annotated[
        list[str] | None, typer.Argument(help="What to remove; without a name or an age: only list.")
    ] = None,
    older_than: Annotated[str, typer.Option(help="Remove what is older than this: 30d, 12h, 2w.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """List what this pipeline made; remove what is named or old. What is in use stays."""
    from pipeline.cli.printed_tables import stays_table
    from pipeline.cli.progress import utc_now
    from pipeline.deploy import apply
    from pipeline.operate import clean as api
    from pipeline.operate.resource_inventory import inventory

    limit = api.parse_age(older_than) if older_than else None
    settings, clients = where.opened()
    now = utc_now()
    chosen = api.plan(inventory(clients, settings), names=names or [], older_than=limit, now=now)
    out = console()
    if chosen.stay and not names:
        out.print(stays_table(chosen.stay, now))
    if not chosen.remove:
        asked = bool(names) or limit is not None
        print("nothing to remove" if asked or not chosen.stay else "remove by name, or by age: --older-than 30d")
        return
    for item in chosen.remove:
        print(f"- {item.kind.title:<15} {item.name}, {api.age(item, now)}")
    reusable = any(api.reusable(item, now) for item in chosen.remove)
    if reusable:
        print("note: later executions could reuse these files; InspectData and all steps after it run again next time")
    if not yes:
        _confirm(f"remove these {len(chosen.remove)}?" if len(chosen.remove) > 1 else "remove it?")
    if reusable:
        apply.forget_cache(clients, settings.name)  # before the files go, so that no start finds them gone
    api.apply(clients, chosen, progress=lambda item: print(f"removing {item.kind.title} {item.name}", file=sys.stderr))
    print(f"removed {len(chosen.remove)}")


def _confirm(question: str) -> None:
    """Go on only if a person says so. Raises UsageError where nobody can be asked."""
    from pipeline.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: there is no terminal to ask on", hint="give --yes")
    typer.confirm(question, abort=True)
