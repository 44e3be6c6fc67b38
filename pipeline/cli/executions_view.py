"""A pipeline's executions as a table for a terminal.

Times are those of who reads them, not UTC.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.cli.follow import OUTCOME_STYLES
from pipeline.cli.plain_table import plain_table
from pipeline.executions.executions import Summary, execution_id

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def executions_table(summaries: Sequence[Summary]) -> Table:
    """One row an execution: id, status, start, name, reason."""
    return plain_table(("execution", "status", "started", "name", ""), map(_row, summaries))


def executions_json(summaries: Sequence[Summary]) -> str:
    """The same as JSON: `status` is the service's, `outcome` tells Rejected from Failed."""
    rows = [{"id": execution_id(item.arn), **vars(item), "started": item.started.isoformat()} for item in summaries]
    return json.dumps(rows, indent=2)


def _row(item: Summary) -> list[str | Text]:
    from rich.text import Text

    started = item.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    outcome = Text(item.outcome, OUTCOME_STYLES.get(item.outcome, "cyan"))
    return [execution_id(item.arn), outcome, started, item.name, item.reason]
