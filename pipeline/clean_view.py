"""What a pipeline has left behind, as a table for a terminal.

What stays has a reason beside it, so that nobody has to guess why a command removed less than was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.clean import Item, age

if TYPE_CHECKING:
    from rich.table import Table


def stays_table(items: Sequence[Item], now: datetime) -> Table:
    """One row a thing that stays: kind, name, age, and why, if its age or a name would not do."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "name", "age", ""):
        table.add_column(heading, justify="right" if heading == "age" else "left", no_wrap=heading != "")
    for item in items:
        table.add_row(item.kind.title, Text(item.name), age(item, now), Text(item.stays, style="dim"))
    return table
