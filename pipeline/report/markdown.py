"""The report of an execution as Markdown, for a pull request's comment or a job's summary on GitHub.

Mermaid draws the graph there. An address on localhost is no link, since it would lead others nowhere. Nothing that
comes from the execution can leave its cell or its code span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from pipeline.executions.execution_results import confusion_matrix
from pipeline.executions.execution_snapshot import StepView, note
from pipeline.executions.job_logs import plain
from pipeline.report import graph_formats
from pipeline.report.report import Figure, Report

_MARKS: Final = {
    "Succeeded": "✅",
    "Failed": "❌",
    "Rejected": "🚫",
    "Stopped": "⏹️",
    "Executing": "⏳",
    "Stopping": "⏳",
}
_LONGEST_REASON: Final = 4000


def markdown(report: Report) -> str:
    """The whole report."""
    sections = [_head(report), _reason(report), _figures(report), _confusion(report), _graph(report)]
    sections += [_steps(report), _parameters(report), _outputs(report)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(report: Report) -> str:
    status = report.execution.outcome
    lines = [f"## {_MARKS.get(status, '')} {_cell(report.pipeline)}: {status}".replace("  ", " "), ""]
    facts = [f"Execution `{report.id}` on {report.links.target.describe()}", f"started {utc(report.started)}"]
    if report.ended:
        facts.append(f"{duration((report.ended - report.started).total_seconds())} long")
    if report.registered:
        facts.append(f"registered as `{report.registered.rpartition('model-package/')[2]}`")
    return "\n".join([*lines, ", ".join(facts) + "."])


def _reason(report: Report) -> str:
    text = "\n".join(plain(line) for line in report.failure.splitlines())
    return fenced("text", text[:_LONGEST_REASON]) if text else ""


def _figures(report: Report) -> str:
    if not report.figures:
        return ""
    gated = [figure for figure in report.figures if figure.gate]
    others = [figure for figure in report.figures if not figure.gate]
    parts = ["### Figures", _figure_table(report, gated, gate=True)] if gated else []
    parts += [_cell(report.compared)] if report.compared else []
    if others:
        table = _figure_table(report, others, gate=False)
        parts.append(f"<details><summary>All other figures</summary>\n\n{table}\n\n</details>")
    return "\n\n".join(parts)


def _figure_table(report: Report, found: Sequence[Figure], *, gate: bool) -> str:
    headings = ["figure", "value:"] + (["threshold", "gate"] if gate else [])
    if report.approved:
        headings += [f"approved, version {report.approved.version}:", "difference:"]
    rows = []
    for figure in found:
        row = [_cell(figure.name), f"{figure.value:.4f}"]
        if figure.gate:
            held = "✅ met" if figure.gate.passed else "❌ missed"
            row += [f"{figure.gate.side} {figure.gate.threshold:g} (`{figure.gate.parameter}`)", held]
        if report.approved:
            row += [number(figure.approved), number(figure.difference, signed=True)]
        rows.append(row)
    return table(headings, rows)


def _confusion(report: Report) -> str:
    matrix = confusion_matrix(report.metrics, report.classes)
    if not matrix:
        return ""
    columns = list(next(iter(matrix.values())))
    rows = [
        [f"**{_cell(actual)}**", *(f"{row.get(column, 0):,}" for column in columns)] for actual, row in matrix.items()
    ]
    return "### Confusion matrix\n\n" + table(["actual \\ predicted", *(f"{_cell(name)}:" for name in columns)], rows)


def _graph(report: Report) -> str:
    drawn = graph_formats.mermaid(
        graph_formats.of(report.definition), graph_formats.statuses(report.execution, report.until)
    )
    return f"### Graph\n\n{fenced('mermaid', drawn.rstrip())}"


def _steps(report: Report) -> str:
    rows = []
    for step in report.execution.steps:
        link = "" if report.links.target.local else report.links.step(step)
        name = f"[{_cell(step.name)}]({link})" if link else _cell(step.name)
        seconds = duration(step.seconds(report.until))
        rows.append([name, f"{_MARKS.get(step.outcome, '')} {step.outcome}".strip(), seconds, _cell(remark(step))])
    return "### Steps\n\n" + table(["step", "status", "time:", ""], rows) if rows else ""


def _parameters(report: Report) -> str:
    rows = [[f"`{name}`", _code(value)] for name, value in report.parameters.items()]
    return "### Parameters given\n\n" + table(["parameter", "value"], rows) if rows else ""


def _outputs(report: Report) -> str:
    rows = []
    for output in report.outputs:
        link = "" if report.links.target.local else report.links.s3(output.uri)
        rows.append(
            [_cell(output.step), _cell(output.name), f"[{_cell(output.uri)}]({link})" if link else _code(output.uri)]
        )
    body = table(["step", "output", "address"], rows)
    return f"<details><summary>Outputs</summary>\n\n{body}\n\n</details>" if rows else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a heading that ends in a colon is a column of numbers, aligned to the right."""
    names = [heading.removesuffix(":") for heading in headings]
    rules = ["---:" if heading.endswith(":") else "---" for heading in headings]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, rules, *rows))


def remark(step: StepView) -> str:
    """What is worth saying beside a step, in one short line; the reason of the failure stands elsewhere in full."""
    text = note(step)
    return text if len(text) <= 200 else f"{text[:199]}…"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 3.2 s, 12 min 5 s, 2 h 3 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def utc(moment: datetime) -> str:
    """A moment as it reads the same everywhere: 2026-01-02 03:04:05 UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def number(value: float | None, *, signed: bool = False) -> str:
    """A figure with four decimals, empty if there is none."""
    return "" if value is None else f"{value:+.4f}" if signed else f"{value:.4f}"


def fenced(language: str, text: str) -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return f"`{flat}`" if flat and "`" not in flat else _cell(text)


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in one cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#~@])", r"\\\1", " ".join(plain(text.replace("\n", " ")).split()))
