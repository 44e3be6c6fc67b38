"""Shows an execution while it runs: a live table and the end of the running job's log on a terminal, lines elsewhere.

Both take snapshots as `executions.follow` gives them, and write to the console that they are given. Whoever
wants logs passes `JobLogs` and follows with all answers, since a log grows while the steps do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from pipeline.cli.printed_tables import confusion_table, gate_table, steps_table
from pipeline.executions.execution_results import GateResult
from pipeline.executions.execution_snapshot import TERMINAL, ExecutionSnapshot, StepView, note
from pipeline.executions.job_logs import JobLogs, Line, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Now = Callable[[], datetime]

TAIL_LINES: Final = 8
_SHORT_SECONDS: Final = 2.0
_BETWEEN_READS: Final = timedelta(seconds=0.5)


def utc_now() -> datetime:
    """The time now, as the service's timestamps have it."""
    return datetime.now(UTC)


def show(
    snapshots: Iterable[ExecutionSnapshot],
    console: Console,
    *,
    steps: Sequence[str],
    logs: JobLogs | None = None,
    now: Now = utc_now,
) -> ExecutionSnapshot:
    """Show each snapshot and return the last; `steps` are all steps that the definition has, in their order."""
    last: ExecutionSnapshot | None = None
    with _Table(console, steps, logs, now) if console.is_terminal else _Lines(console, logs, now) as view:
        for last in snapshots:
            view.update(last)
    assert last is not None, "an execution has at least one snapshot"
    return last


def show_figures(
    console: Console, gates: Sequence[GateResult], metrics: Mapping[str, Any], classes: Sequence[str] = ()
) -> None:
    """What an execution found: each gated figure beside its threshold, and the confusion matrix; nothing if neither."""
    matrix = confusion_table(metrics, classes)
    for table in (gate_table(gates) if gates else None, matrix):
        if table is not None:
            console.print()
            console.print(table)


class _Lines(AbstractContextManager["_Lines"]):
    """A line for each step that starts or ends, and `Step | text` for each line of its log."""

    def __init__(self, console: Console, logs: JobLogs | None, now: Now) -> None:
        self._console = console
        self._logs = logs
        self._now = now
        self._seen: dict[str, tuple[str, int]] = {}
        self._next_read = now()

    def update(self, snapshot: ExecutionSnapshot) -> None:
        for step in snapshot.steps:
            state = (step.status, step.attempts)
            if self._seen.get(step.name) != state:
                # What a job still said belongs before the line that tells its end.
                if step.status in TERMINAL:
                    self._print_log(step)
                self._seen[step.name] = state
                self._print(self._line(step))
        if self._now() >= self._next_read:
            for step in snapshot.steps:
                if step.status not in TERMINAL:
                    self._print_log(step)
            self._next_read = self._now() + _BETWEEN_READS

    def _print_log(self, step: StepView) -> None:
        if self._logs is None or not step.job_name or step.cached_from or self._logs.trouble:
            return
        for line in self._logs.new(step):
            self._print(f"{step.name} | {plain(line.text)}")
        if self._logs.trouble:
            self._print(self._logs.trouble)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _line(self, step: StepView) -> str:
        parts = [f"{step.name:<18} {step.outcome:<10}"]
        if step.status in TERMINAL and not step.taken_from:
            parts.append(f"{step.seconds(self._now()):7.1f} s")
        return "  ".join([*parts, note(step)]).rstrip()

    def __exit__(self, *_: object) -> None:
        return None


class _Table(AbstractContextManager["_Table"]):
    """A table of all steps with the end of the running job's log below, redrawn in place; the table alone stays."""

    def __init__(self, console: Console, steps: Sequence[str], logs: JobLogs | None, now: Now) -> None:
        self._console = console
        self._steps = steps
        self._logs = logs
        self._now = now
        self._snapshot: ExecutionSnapshot | None = None
        self._tail: tuple[str, tuple[Line, ...]] = ("", ())
        self._next_read = now()
        self._live: Live | None = None

    def __enter__(self) -> _Table:
        from rich.live import Live

        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8)
        self._live.start()
        return self

    def update(self, snapshot: ExecutionSnapshot) -> None:
        changed = snapshot != self._snapshot
        self._snapshot = snapshot
        if self._logs is not None and (changed or self._now() >= self._next_read):
            self._tail = self._read(self._logs, snapshot)
            self._next_read = self._now() + _BETWEEN_READS
        if changed and self._live is not None:
            self._live.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tail = ("", ())
        if self._live is not None:
            self._live.stop()

    def _read(self, logs: JobLogs, snapshot: ExecutionSnapshot) -> tuple[str, tuple[Line, ...]]:
        """The log of the job that started last of those that have run for a while.

        One that has said nothing yet leaves what stood; what ends in a moment is not worth a flicker, nor the reading.
        """
        now = self._now()
        running = [step for step in snapshot.steps if step.job_name and step.status not in TERMINAL]
        running = [step for step in running if step.seconds(now) >= _SHORT_SECONDS]
        if not running:
            return "", ()
        step = running[-1]
        found = logs.last(step, TAIL_LINES)
        return (step.name, found) if found or step.name != self._tail[0] else self._tail

    def _render(self) -> RenderableType:
        from rich.console import Group

        table = steps_table(self._snapshot, self._steps, self._now())
        trouble = self._logs.trouble if self._logs else ""
        name, found = self._tail
        room = min(TAIL_LINES, self._console.height - table.row_count - 4)
        if not (found or trouble) or room < 1:
            return table
        return Group(table, *_tail_lines(f"log of {name}" if found else trouble, found[-room:]))


def _tail_lines(title: str, found: Sequence[Line]) -> list[RenderableType]:
    from rich.text import Text

    heading = Text(f"\n{title}", style="bold")
    return [heading, *(Text(plain(line.text), style="dim", no_wrap=True, overflow="ellipsis") for line in found)]
