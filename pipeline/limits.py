"""The differences between localhost and AWS, known and supposed: one row each.

Each module of the service that decides such a thing states it in a tuple named `PARITY`; the table of
`local/LIMITS.md` is generated from them, so a row lives beside the code that it speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Row:
    """One difference or choice: its area, what it is about, what localhost does, what is known of AWS."""

    area: str
    subject: str
    here: str
    aws: str
