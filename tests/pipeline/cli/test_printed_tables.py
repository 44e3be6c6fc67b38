"""Tables for a terminal: texts as they are, and which column gives way."""

from __future__ import annotations

import io

from rich.console import Console

from pipeline.cli.printed_tables import plain_table


def printed(width: int, *rows: tuple[str, ...]) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(plain_table(("name", "count", ""), rows, right=("count",)))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_what_stands_in_brackets_is_no_markup() -> None:
    assert printed(60, ("[bold]a", "1", "see [/wiki] and [1]"), ("b", "20", "")) == [
        "name     count",
        "[bold]a      1  see [/wiki] and [1]",
        "b           20",
    ]


def test_the_last_column_wraps_and_no_other() -> None:
    assert printed(24, ("long-name", "1", "two words here")) == [
        "name       count",
        "long-name      1  two",
        "                  words",
        "                  here",
    ]
