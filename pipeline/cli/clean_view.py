"""What a pipeline has left behind, as a table for a terminal.

What stays has a reason beside it, so that nobody has to guess why a command removed less than was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.cli.plain_table import plain_table
from pipeline.operate.clean import Item, age

if TYPE_CHECKING:
    from rich.table import Table


def stays_table(items: Sequence[Item], now: datetime) -> Table:
    """One row a thing that stays: kind, name, age, and why, if its age or a name would not do."""
    from rich.text import Text

    rows = ((item.kind.title, item.name, age(item, now), Text(item.stays, style="dim")) for item in items)
    return plain_table(("kind", "name", "age", ""), rows, right=("age",))
