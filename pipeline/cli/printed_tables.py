"""Every table that a command prints: executions, steps, gates, confusion matrix, models, a data set,
what `clean` leaves.

They all look alike: no lines, and the last column alone wraps where there is too little room. A cell is shown as it is:
rich would take what stands in brackets, in a remark for example, for markup. Times are in the reader's time zone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline.executions.execution_list import Summary
from pipeline.executions.execution_results import GateResult, confusion_matrix
from pipeline.executions.execution_snapshot import ExecutionSnapshot, execution_id, note
from pipeline.operate.clean import Item, age
from pipeline.operate.data_inspection import Inspection
from pipeline.operate.model_registry import RegisteredModel
from pipeline.terminal import visible

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

OUTCOME_STYLES: Final = {
    "Succeeded": "green",
    "Failed": "red",
    "Rejected": "magenta",
    "Stopped": "yellow",
    "Stopping": "yellow",
}

# What a list shows of a model, in this order, as far as the task has it.
_HEADLINES: Final = ("accuracy", "precision", "recall", "f1", "auc", "weighted_f1", "mae", "rmse", "r2")

# What a list of executions, which has more columns, shows of those.
_COMPARED: Final = ("accuracy", "f1", "auc", "weighted_f1", "rmse", "r2")

_MOST_CLASSES: Final = 20
_MOST_COLUMNS: Final = 40


def plain_table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Collection[str] = ()) -> Table:
    """The rows below the headings; columns whose heading is in `right` are aligned to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for at, heading in enumerate(headings, 1):
        justify = "right" if heading in right else "left"
        table.add_column(Text(heading), justify=justify, no_wrap=at < len(headings))  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(visible(cell)) if isinstance(cell, str) else cell for cell in row))
    return table


_REASON: Final = 100
"""The most characters of a reason in a list; `pipeline steps` shows the whole."""


def executions_table(summaries: Sequence[Summary]) -> Table:
    """One row an execution: id, status, start, how long it took, the figures to compare, name, reason."""
    shown = [name for name in _COMPARED if any(name in item.figures for item in summaries)]
    rows = (_execution(item, shown) for item in summaries)
    return plain_table(("execution", "status", "started", "time", *shown, "name", ""), rows, right=("time", *shown))


def executions_json(summaries: Sequence[Summary]) -> str:
    """The same as JSON: `status` is the service's, `outcome` tells Rejected from Failed."""
    rows = [
        {
            "id": execution_id(item.arn),
            **vars(item),
            "started": item.started.isoformat(),
            "figures": dict(item.figures),
        }
        for item in summaries
    ]
    return json.dumps(rows, indent=2)


def _execution(item: Summary, shown: Sequence[str]) -> list[str | Text]:
    from textwrap import shorten

    from rich.text import Text

    from pipeline.report.markdown import duration

    started = item.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    outcome = Text(item.outcome, OUTCOME_STYLES.get(item.outcome, "cyan"))
    took = "" if item.seconds is None else duration(item.seconds)
    reason = shorten(item.reason, _REASON, placeholder="...")
    return [execution_id(item.arn), outcome, started, took, *_cells(item.figures, shown), item.name, reason]


def _cells(figures: Mapping[str, float], shown: Sequence[str]) -> list[str]:
    return [f"{figures[name]:.4f}" if name in figures else "" for name in shown]


def steps_table(snapshot: ExecutionSnapshot | None, steps: Sequence[str], now: datetime) -> Table:
    """The steps of an execution as a table; `steps` that have not started are shown without a status."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("step", no_wrap=True)
    # Wide enough from the beginning, so that nothing moves when steps end.
    table.add_column("status", no_wrap=True, min_width=len("Succeeded"))
    table.add_column("time", no_wrap=True, min_width=len("999.9 s"), justify="right")
    table.add_column("")
    started = {step.name: step for step in snapshot.steps} if snapshot else {}
    for name in [*steps, *(name for name in started if name not in steps)]:
        step = started.get(name)
        if step is None:
            table.add_row(Text(name, style="dim"), "", "", "")
            continue
        status = Text(step.outcome, style=OUTCOME_STYLES.get(step.outcome, "cyan"))
        table.add_row(
            Text(name), status, "" if step.taken_from else f"{step.seconds(now):.1f} s", Text(note(step), style="dim")
        )
    return table


def steps_json(snapshot: ExecutionSnapshot) -> str:
    """The steps as JSON: `status` is the service's, `outcome` tells Rejected from Failed."""
    rows = []
    for step in snapshot.steps:
        times = {"started": step.started, "ended": step.ended}
        moments = {name: moment and moment.isoformat() for name, moment in times.items()}
        rows.append({**vars(step), **moments, "outcome": step.outcome, "metadata": dict(step.metadata)})
    return json.dumps(rows, indent=2)


def gate_table(gates: Sequence[GateResult]) -> Table:
    """Each gated figure beside its threshold, met or missed."""
    return plain_table(("metric", "value", "threshold", "parameter", ""), map(_gate, gates), right=("value",))


def confusion_table(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> Table | None:
    """Actual classes as rows, predicted classes as columns, by name as far as `classes` names the labels 0, 1, ...

    None where there is no matrix, or one too large for a terminal, which the report shows as a picture.
    """
    matrix = confusion_matrix(metrics, classes)
    if matrix is None or len(matrix) > _MOST_CLASSES:
        return None
    columns = list(next(iter(matrix.values())))
    rows = ([actual, *_counts({name: row.get(name, 0) for name in columns}, actual)] for actual, row in matrix.items())
    return plain_table(("actual \\ predicted", *columns), rows, right=columns)


def _gate(gate: GateResult) -> list[str | Text]:
    from rich.text import Text

    verdict = Text("met", "green") if gate.passed else Text("missed", "red")
    return [gate.metric, f"{gate.value:.4f}", f"{gate.side} {gate.threshold:g}", gate.parameter, verdict]


def _counts(row: Mapping[str, int], actual: str) -> Iterator[str | Text]:
    """The cells of a row of the matrix: what is right stands out, what is nothing recedes."""
    from rich.text import Text

    for predicted, value in row.items():
        yield Text(f"{value:,}", "bold" if predicted == actual else "" if value else "dim")


def models_table(models: Sequence[RegisteredModel], endpoint: Mapping[str, str]) -> Table:
    """One row a version; `endpoint` says by ARN what a version has to do with it, of which there is a column then."""
    shown = [name for name in _HEADLINES if any(name in model.figures for model in models)]
    notes = [endpoint.get(model.arn, "") for model in models]
    column = ["endpoint"] if any(notes) else []
    rows = (_model(model, shown, [note] if column else []) for model, note in zip(models, notes, strict=True))
    return plain_table(("version", "status", "registered", *shown, *column, ""), rows, right=("version", *shown))


def models_json(models: Sequence[RegisteredModel], serves: str) -> str:
    """The same as JSON, with the execution and the artefact of each; `serves` is the ARN that the endpoint serves."""
    rows = [
        {
            **vars(model),
            "created": model.created.isoformat(),
            "figures": dict(model.figures),
            "serves": model.arn == serves,
        }
        for model in models
    ]
    return json.dumps(rows, indent=2)


def comparison_table(first: RegisteredModel, second: RegisteredModel) -> Table:
    """One row a figure: both values and what the second has more."""
    versions = (f"version {first.version}", f"version {second.version}", "difference")
    names = [*first.figures, *(name for name in second.figures if name not in first.figures)]
    return plain_table(("figure", *versions), (_compared(name, first, second) for name in names), right=versions)


def parameters_table(
    differing: Mapping[str, tuple[str, str]], first: RegisteredModel, second: RegisteredModel
) -> Table:
    """One row a parameter that the versions' executions had different values of."""
    versions = (f"version {first.version}", f"version {second.version}")
    return plain_table(("parameter", *versions), ((name, *values) for name, values in differing.items()))


def _model(model: RegisteredModel, shown: Sequence[str], endpoint: Sequence[str]) -> list[str]:
    created = model.created.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [str(model.version), model.status, created, *_cells(model.figures, shown), *endpoint, model.remark]


def _compared(name: str, first: RegisteredModel, second: RegisteredModel) -> list[str]:
    old, new = first.figures.get(name), second.figures.get(name)
    difference = "" if old is None or new is None else f"{new - old:+.4f}"
    return [name, *("" if value is None else f"{value:.4f}" for value in (old, new)), difference]


def stays_table(items: Sequence[Item], now: datetime) -> Table:
    """One row a thing that stays: kind, name, age, and why, if its age or a name would not do."""
    from rich.text import Text

    rows = ((item.kind.title, item.name, age(item, now), Text(item.stays, style="dim")) for item in items)
    return plain_table(("kind", "name", "age", ""), rows, right=("age",))


def columns_table(found: Inspection) -> Table:
    """The columns; of many the first ones, and how many more there are."""
    rows = [
        (
            column.name,
            column.kind,
            str(column.missing),
            "" if column.low is None else f"{column.low:.6g}",
            "" if column.high is None else f"{column.high:.6g}",
            *([column.treatment] if found.treated else []),
        )
        for column in found.columns[:_MOST_COLUMNS]
    ]
    if (rest := len(found.columns) - _MOST_COLUMNS) > 0:
        rows.append((f"and {rest} more", *[""] * (5 if found.treated else 4)))
    headings = ("column", "kind", "missing", "least", "largest", *(["treatment"] if found.treated else []))
    return plain_table(headings, rows, right=headings[2:5])


def inspection_summary(found: Inspection) -> str:
    """Rows, label and classes in a line."""
    rows = ", ".join(
        f"{split} {count:,}" if len(found.rows) > 1 else f"{count:,}" for split, count in found.rows.items()
    )
    classes = ", ".join(f"{name} {count:,}" for name, count in list(found.classes.items())[:10])
    more = f", and {len(found.classes) - 10} more" if len(found.classes) > 10 else ""
    return f"rows: {rows}; label {found.label}: {f'{classes}{more}' if classes else 'an amount'}"
