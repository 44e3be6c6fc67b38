"""The commands of the day: follow, stop, retry, steps, logs, executions, describe, report, graph.

An execution is given by its ARN, its id or the beginning of it; without one it is the latest.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Where, announce, console, located, reading
from pipeline.errors import UsageError
from pipeline.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.clients import Clients
    from pipeline.executions.execution_snapshot import ExecutionSnapshot, StepView

Which = Annotated[str, typer.Argument(help="An execution: its id, the beginning of it, or ARN; the latest by default.")]
Execution = Annotated[str, typer.Option("--execution", help="An execution: its id or ARN; the latest by default.")]
Logs = Annotated[bool, typer.Option("--logs", help="Print the jobs' logs too; a terminal shows their end anyway.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Give up following after so many seconds (exit code 6).")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (follow, stop, retry, steps, logs, executions, describe, report, graph):
        app.command()(command)


@located
def follow(
    where: Where,
    which: Which = "",
    timeout: Timeout = None,
    logs: Logs = False,
) -> None:
    """Follow an execution to its end, which the exit code tells."""
    from pipeline.executions.execution_snapshot import find

    settings, clients = where.opened()
    follow_to_end(where, clients, find(clients, settings.name, which), timeout, logs)


@located
def stop(
    where: Where,
    which: Which = "",
) -> None:
    """Stop an execution."""
    from pipeline.executions import control
    from pipeline.executions.execution_snapshot import find

    settings, clients = where.opened()
    arn = find(clients, settings.name, which)
    control.stop(clients, arn)
    print(f"stopping {arn}")


@located
def retry(
    where: Where,
    which: Which = "",
    follow: Annotated[bool, typer.Option("--follow", help="Follow it to its end.")] = False,
    timeout: Timeout = None,
    logs: Logs = False,
) -> None:
    """Run what failed or was stopped again, in the same execution."""
    from pipeline.executions import control
    from pipeline.executions.execution_snapshot import find

    settings, clients = where.opened()
    arn = find(clients, settings.name, which)
    control.retry(clients, arn)
    print(arn)
    if follow:
        follow_to_end(where, clients, arn, timeout, logs)


@reading
def steps(
    where: Where,
    which: Which = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the steps of an execution, with status, time and reason."""
    from pipeline.cli.printed_tables import steps_json, steps_table
    from pipeline.cli.progress import utc_now
    from pipeline.executions.execution_snapshot import find, snapshot
    from pipeline.executions.outcome import with_causes

    settings, clients = where.opened()
    found = with_causes(clients, snapshot(clients, find(clients, settings.name, which)))
    if json:
        print(steps_json(found))
        return
    console().print(steps_table(found, (), utc_now()))


@reading
def logs(
    where: Where,
    step: Annotated[str, typer.Argument(help="The step, e.g. TrainModel.")] = "",
    endpoint: Annotated[bool, typer.Option("--endpoint", help="The endpoint's log instead of a step's.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Follow the log until the step ends.")] = False,
    tail: Annotated[int | None, typer.Option(min=1, help="Only the last lines; not with --follow.")] = None,
    execution: Execution = "",
) -> None:
    """Print the log of a step's job, or of the endpoint."""
    from collections import deque

    from pipeline.executions import job_logs as api
    from pipeline.executions.execution_snapshot import find, snapshot, step_of
    from pipeline.executions.job_logs import plain

    if follow and tail is not None:
        raise UsageError("--tail has no meaning with --follow", hint="give one of them")
    if endpoint == bool(step) or (endpoint and follow):
        raise UsageError("a log is that of one step, or of the endpoint", hint="`logs STEP`, or `logs --endpoint`")
    # Only a service that runs can bring a step to its end.
    settings, clients = replace(where, readers=None).opened() if follow else where.opened()
    if endpoint:
        for line in deque(api.endpoint_lines(clients, settings.endpoint), maxlen=tail):
            print(plain(f"{line.stream}: {line.text}"))
        return
    arn = find(clients, settings.name, execution)
    if not follow:
        found = step_of(snapshot(clients, arn), step)
        for line in deque(api.lines(clients, found), maxlen=tail):
            print(plain(line.text))
        if not found.job_name:
            print(f"{step} has no job, and so no log: it is {found.status}. {found.reason}".rstrip(), file=sys.stderr)
        return
    pause = 0.2 if clients.target.local else 5.0

    def current() -> StepView | None:
        now = snapshot(clients, arn)
        return step_of(now, step) if now.done else now.step(step)

    for line in api.follow(clients, current, sleep=time.sleep, pause=pause):
        print(plain(line.text), flush=True)


@reading
def executions(
    where: Where,
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List executions with their figures, newest first."""
    from pipeline.cli.printed_tables import executions_json, executions_table
    from pipeline.executions.execution_list import latest

    settings, clients = where.opened()
    found = latest(clients, settings.name, count)
    if json:
        print(executions_json(found))
        return
    if not found:
        print(where.repeated("no executions: `pipeline start` starts one"), file=sys.stderr)
        return
    console().print(executions_table(found))


@reading
def describe(
    where: Where,
    which: Which = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe an execution: parameters, steps, figures, outputs."""
    from pipeline.cli.progress import utc_now
    from pipeline.executions.execution_snapshot import find
    from pipeline.report.report import gather

    settings, clients = where.opened()
    document = gather(clients, find(clients, settings.name, which), now=utc_now())
    print(document.as_json() if json else document.as_text())


@reading
def report(
    where: Where,
    which: Which = "",
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML page, with its pictures, here.")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown; without --html it is printed anyway.")
    ] = False,
) -> None:
    """Report an execution: figures, thresholds, graph and pictures. The approved model's figures stand beside."""
    from pipeline.cli.progress import utc_now
    from pipeline.executions.execution_snapshot import find
    from pipeline.report.html import html as page
    from pipeline.report.html import pictures, write
    from pipeline.report.loss_curves import losses
    from pipeline.report.markdown import markdown as as_markdown
    from pipeline.report.report import gather

    settings, clients = where.opened()
    document = gather(clients, find(clients, settings.name, which), now=utc_now())
    if html is not None:
        write(html, page(document, pictures(clients, document), losses(clients, document.execution)))
    if markdown or html is None:
        print(as_markdown(document), end="")
    else:
        print(html)


@reading
def graph(
    where: Where,
    which: Annotated[
        str, typer.Option("--execution", help="Show the statuses of this execution: id, ARN or 'latest'.")
    ] = "",
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid instead of SVG.")] = False,
) -> None:
    """Print the graph, with an execution's statuses if one is named."""
    if not which:
        announce("composing the pipeline")
    import json

    from pipeline.cli.progress import utc_now
    from pipeline.deploy.desired import desired
    from pipeline.executions import execution_snapshot as api
    from pipeline.report import graph_formats as drawing

    draw = drawing.mermaid if mermaid else drawing.svg
    if not which:
        text = desired(where.load(), cache=where.definitions).definition
        print(draw(drawing.of(json.loads(text))))
        return
    settings, clients = where.opened()
    arn = api.find(clients, settings.name, "" if which == "latest" else which)
    now = api.snapshot(clients, arn)
    print(draw(drawing.of(api.definition_of(clients, arn)), drawing.statuses(now, utc_now())))


def follow_to_end(where: Where, clients: Clients, arn: str, timeout: float | None, logs: bool) -> None:
    """Show an execution until it is over, then its figures. Raises the error of one that did not succeed."""
    from pipeline.executions.execution_snapshot import execution_id
    from pipeline.executions.outcome import explain

    out = console()
    try:
        end = _shown(clients, arn, timeout, out, logs=logs or out.is_terminal)
    except KeyboardInterrupt:
        which = execution_id(arn)
        note = f"the execution goes on: `pipeline follow {which}` follows it again, `pipeline stop {which}` stops it"
        print(where.repeated(note), file=sys.stderr)
        raise
    _show_figures(clients, end, out)
    error = explain(clients, end)
    if error is not None:
        raise error


def _show_figures(clients: Clients, end: ExecutionSnapshot, out: Console) -> None:
    from pipeline.cli.progress import show_figures
    from pipeline.errors import ServiceError
    from pipeline.executions import execution_results

    try:
        found = execution_results.outputs(clients, end)
        metrics = execution_results.evaluation(clients, found) or {}
        gates = execution_results.execution_gates(
            clients, end.arn, metrics | execution_results.comparison(clients, found)
        )
        show_figures(out, gates, metrics, execution_results.classes(clients, found))
    except ServiceError as error:
        # How it ended is known and is the exit code; the figures are an addition.
        print(f"its figures cannot be read: {error.message}", file=sys.stderr)


def _shown(clients: Clients, arn: str, timeout: float | None, out: Console, *, logs: bool) -> ExecutionSnapshot:
    from pipeline.cli.progress import show
    from pipeline.definition.step_types import steps
    from pipeline.executions import follow_notes
    from pipeline.executions.execution_snapshot import definition_of
    from pipeline.executions.follow import follow as snapshots
    from pipeline.executions.job_logs import JobLogs
    from steps.step_names import CONVERT_DATA

    names = list(steps(definition_of(clients, arn)))

    def say(text: str) -> None:
        out.print(visible(text), markup=False, soft_wrap=True)

    moments = snapshots(clients, arn, sleep=time.sleep, monotonic=time.monotonic, timeout=timeout, all_answers=True)
    moments = follow_notes.telling(clients, moments, CONVERT_DATA, lambda text: say(f"data: {text}"))
    moments = follow_notes.telling_retries(clients, moments, say, monotonic=time.monotonic)
    return show(moments, out, steps=names, logs=JobLogs(clients) if logs else None)
