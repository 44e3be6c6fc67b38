"""A section of the report, as plain data: `scripts.report` makes a page of several."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """A heading, a line of text, pictures by file name, and a table whose first row is its head."""

    title: str
    text: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    table: list[list[str]] = field(default_factory=list)
