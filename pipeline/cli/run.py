"""`pipeline run`, `pipeline inspect` and `pipeline definition`: what a newcomer types first.

None of them needs an account, a file of settings or a service that runs already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.options import NoCache, Parameters, Where, announce, composing, console
from pipeline.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.deploy.plan import DeployPlan
    from pipeline.executions.execution_snapshot import ExecutionSnapshot
    from pipeline.executions.job_logs import JobLogs
    from pipeline.local_run import Finished


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(run)
    app.command()(inspect)
    app.command()(definition)


_OWN: Final = (
    "its thresholds, such as MinAccuracy, are those of the digits unless --param sets yours; an environment of its own "
    "in pipeline.toml keeps them, and this data's versions and endpoint apart (steps/README.md, Another data set)"
)


@composing
def run(
    where: Where,
    data: Annotated[
        Path | None, typer.Option(help="A file or folder of raw data; 5,000 real MNIST digits by default.")
    ] = None,
    param: Parameters = None,
    no_cache: NoCache = False,
) -> None:
    """Run the whole pipeline on this machine."""
    announce("composing the pipeline and preparing SageMaker on this machine", file=sys.stdout)
    from pipeline.local_run import run as run_pipeline

    settings = where.load()
    values = where.given(settings, param)
    out = console()
    finished = run_pipeline(
        settings, source=data, parameters=values, state=where.state, observer=_Observer(out), no_cache=no_cache
    )
    _show_results(finished, out)
    if finished.error:
        # Its own service may be gone by now, so that `start` would find none.
        finished.error.hint = finished.error.hint.replace("`pipeline start --no-cache`", "`pipeline run --no-cache`")
        raise finished.error


@composing
def inspect(
    where: Where,
    data: Annotated[Path, typer.Option(help="A file or folder of raw data.")],
    param: Parameters = None,
) -> None:
    """Show a data set's columns and problems, and how to run on it."""
    announce(f"reading {data}")
    from pipeline.cli.printed_tables import columns_table, inspection_summary
    from pipeline.errors import DataError
    from pipeline.operate.data_inspection import inspect as inspect_data

    settings = where.load()
    values = {parameter.name: str(parameter.default) for parameter in settings.declared}
    values |= where.given(settings, param)
    found = inspect_data(
        data,
        label_column=values["LabelColumn"],
        header=values["CsvHeader"],
        columns=values["Features"],
        batch=int(values.get("MiniBatchSize", 1)),
    )
    out = console()
    out.print(columns_table(found))
    out.print(f"\n{visible(inspection_summary(found))}", markup=False, soft_wrap=True)
    if found.problems:
        problems = "".join(f"\n  {problem}" for problem in found.problems)
        raise DataError(f"{len(found.problems)} problems:{problems}", hint="mend the data, then inspect it again")
    out.print(f"next: {visible(found.command)}", markup=False, soft_wrap=True)
    out.print(f"      {_OWN}", markup=False, soft_wrap=True)


@composing
def definition(where: Where) -> None:
    """Print the pipeline's definition as canonical JSON."""
    announce("composing the pipeline")
    from pipeline.deploy.desired import desired

    print(desired(where.load(), cache=where.definitions).definition)


class _Observer:
    """Shows a run on a console."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def say(self, text: str) -> None:
        self._out.print(visible(text), markup=False, soft_wrap=True)

    def planned(self, plan: DeployPlan) -> None:
        changed = len(plan.steps) + len(plan.parameters)
        if plan.new:
            self.say(f"creating the pipeline with {len(plan.steps)} steps")
        elif not plan.empty:
            self.say(f"updating the pipeline: {changed} steps and parameters differ")

    def follow(self, snapshots: Iterable[ExecutionSnapshot], steps: Sequence[str], logs: JobLogs) -> ExecutionSnapshot:
        from pipeline.cli.progress import show

        return show(snapshots, self._out, steps=steps, logs=logs if self._out.is_terminal else None)


def _show_results(finished: Finished, out: Console) -> None:
    from pipeline.cli.progress import show_figures

    show_figures(out, finished.gates, finished.metrics, finished.classes)
    if finished.files:
        out.print()
    made = {file.name: file for file in finished.files}
    for title, name in (("report", "report.html"), ("model", "model.tar.gz")):
        if name in made:
            out.print(f"{title:<9} {made[name]}", markup=False, soft_wrap=True)
    if "inspection.json" in made:
        out.print(f"{'pictures':<9} {made['inspection.json'].parent}", markup=False, soft_wrap=True)
    if finished.files:
        out.print(f"{'all files':<9} {finished.folder}", markup=False, soft_wrap=True)
