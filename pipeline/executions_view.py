"""A pipeline's executions as a table for a terminal.

Times are those of who reads them, not UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.executions import Summary, execution_id

if TYPE_CHECKING:
    from rich.table import Table


def executions_table(summaries: Sequence[Summary]) -> Table:
    """One row an execution: id, status, start, name, reason."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("execution", "status", "started", "name", ""):
        table.add_column(heading, no_wrap=heading != "")
    for item in summaries:
        started = item.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(execution_id(item.arn), item.status, started, item.name, item.reason)
    return table
