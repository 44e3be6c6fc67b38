"""Rows in blocks of equal size, however many of them a format gives at a time: a row's place in its block decides its
split, so blocks are a matter of the data and the size alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scripts.formats.sparse import is_sparse, stacked_sparse
from scripts.formats.tables import joined_cells


def blocks(parts: Iterable[Sequence[Any]], size: int) -> Iterator[list[Any]]:
    """Blocks of so many rows, the last of which may be smaller.

    A part is some rows as arrays side by side, features dense or sparse, or single columns; the last are the labels.
    """
    held: list[list[Any]] = []
    there = 0
    for part in parts:
        start, end = 0, len(part[-1])
        while start < end:
            rows = slice(start, min(end, start + size - there))
            held.append([array[rows] for array in part])
            there += rows.stop - rows.start
            start = rows.stop
            if there == size:
                yield _joined(held)
                held, there = [], 0
    if held:
        yield _joined(held)


def _joined(parts: list[list[Any]]) -> list[Any]:
    if len(parts) == 1:
        return parts[0]
    return [
        stacked_sparse(arrays) if is_sparse(arrays[0]) else joined_cells(list(arrays))
        for arrays in zip(*parts, strict=True)
    ]
