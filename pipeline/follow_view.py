"""Shows an execution while it runs: a live table on a terminal, one plain line for each change elsewhere.

Both take snapshots as `pipeline.executions.follow` gives them, and write to the console that they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final

from pipeline.executions import TERMINAL, Snapshot, StepView

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

Now = Callable[[], datetime]

_STYLES: Final = {"Succeeded": "green", "Failed": "red", "Stopped": "yellow", "Stopping": "yellow"}


def utc_now() -> datetime:
    """The time now, as the service's timestamps have it."""
    return datetime.now(UTC)


def show(snapshots: Iterable[Snapshot], console: Console, *, steps: Sequence[str], now: Now = utc_now) -> Snapshot:
    """Show each snapshot and return the last; `steps` are all steps that the definition has, in their order."""
    last: Snapshot | None = None
    with _view(console, steps, now) as view:
        for last in snapshots:
            view.update(last)
    assert last is not None, "an execution has at least one snapshot"
    return last


def _view(console: Console, steps: Sequence[str], now: Now) -> _Table | _Lines:
    return _Table(console, steps, now) if console.is_terminal else _Lines(console, now)


class _Lines(AbstractContextManager["_Lines"]):
    """A line for each step that starts or ends."""

    def __init__(self, console: Console, now: Now) -> None:
        self._console = console
        self._now = now
        self._seen: dict[str, tuple[str, int]] = {}

    def update(self, snapshot: Snapshot) -> None:
        for step in snapshot.steps:
            if self._seen.get(step.name) == (step.status, step.attempts):
                continue
            self._seen[step.name] = (step.status, step.attempts)
            self._console.print(self._line(step), markup=False, highlight=False, soft_wrap=True)

    def _line(self, step: StepView) -> str:
        parts = [f"{step.name:<18} {step.status:<10}"]
        if step.status in TERMINAL:
            parts.append(f"{step.seconds(self._now()):7.1f} s")
        return "  ".join([*parts, *([note(step)] if note(step) else [])])

    def __exit__(self, *_: object) -> None:
        return None


class _Table(AbstractContextManager["_Table"]):
    """A table of all steps, redrawn in place."""

    def __init__(self, console: Console, steps: Sequence[str], now: Now) -> None:
        self._console = console
        self._steps = steps
        self._now = now
        self._snapshot: Snapshot | None = None
        self._live: Live | None = None

    def __enter__(self) -> _Table:
        from rich.live import Live

        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8)
        self._live.start()
        return self

    def update(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        if self._live is not None:
            self._live.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _render(self) -> Table:
        return steps_table(self._snapshot, self._steps, self._now())


def steps_table(snapshot: Snapshot | None, steps: Sequence[str], now: datetime) -> Table:
    """The steps of an execution as a table; `steps` that have not started are shown without a status."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("step", "status", "time", ""):
        table.add_column(heading, justify="right" if heading == "time" else "left", no_wrap=heading != "")
    started = {step.name: step for step in snapshot.steps} if snapshot else {}
    for name in [*steps, *(name for name in started if name not in steps)]:
        step = started.get(name)
        if step is None:
            table.add_row(Text(name, style="dim"), "", "", "")
            continue
        status = Text(step.status, style=_STYLES.get(step.status, "cyan"))
        table.add_row(Text(name), status, f"{step.seconds(now):.1f} s", Text(note(step), style="dim"))
    return table


def note(step: StepView) -> str:
    """What is worth saying beside a step: reused, retried, the outcome of a condition, why it failed."""
    parts = []
    if step.cached_from:
        parts.append(f"reused from {step.cached_from.rpartition('/')[2]}")
    if step.attempts > 1:
        parts.append(f"attempt {step.attempts}")
    if step.kind == "Condition" and step.metadata.get("Outcome"):
        parts.append(str(step.metadata["Outcome"]).lower())
    if step.reason:
        parts.append(" ".join(step.reason.split()))
    return ", ".join(parts)
