"""A pipeline's executions as a table for a terminal.

Times are those of who reads them, not UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.executions import Summary, execution_id
from pipeline.plain_table import plain_table

if TYPE_CHECKING:
    from rich.table import Table


def executions_table(summaries: Sequence[Summary]) -> Table:
    """One row an execution: id, status, start, name, reason."""
    return plain_table(("execution", "status", "started", "name", ""), map(_row, summaries))


def _row(item: Summary) -> list[str]:
    started = item.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [execution_id(item.arn), item.status, started, item.name, item.reason]
