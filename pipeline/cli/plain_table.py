"""Tables for a terminal, all of one look: no lines, and the last column alone wraps where there is too little room.

A cell is shown as it is: rich would take what stands in brackets, in a remark for example, for markup.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.terminal import visible

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


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
