"""Rows in random order, however many: they are dealt out to files at random, and each of these fits in memory.

Every order of all rows is equally likely, as if they had been shuffled at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import numpy as np

from scripts.formats.tables import CHUNK_ROWS, Floats

PILE_BYTES: Final = 64_000_000
MOST_PILES: Final = 500
"""Below the number of files that a process may have open."""


class Shuffle:
    """Takes rows with their labels, and gives them back shuffled; `folder` takes its files."""

    def __init__(self, folder: Path, rows: int, width: int, seed: tuple[int, ...]) -> None:
        self._random = np.random.default_rng(seed)
        self._width = width + 1
        count = -(-4 * rows * self._width // PILE_BYTES)
        self._piles: list[IO[bytes]] = [
            (folder / f"pile-{number}").open("w+b", buffering=0) for number in range(max(1, min(MOST_PILES, count)))
        ]

    def close(self) -> None:
        """Give up what is left."""
        for pile in self._piles:
            pile.close()

    def add(self, features: Floats, labels: Floats) -> None:
        """Some rows more."""
        chosen = self._random.integers(len(self._piles), size=len(labels))
        rows = np.column_stack([labels, features])
        order = np.argsort(chosen, kind="stable")
        ends = np.cumsum(np.bincount(chosen, minlength=len(self._piles))).tolist()
        for pile, start, end in zip(self._piles, [0, *ends[:-1]], ends, strict=True):
            if end > start:
                pile.write(rows[order[start:end]].data)

    def shuffled(self) -> Iterator[tuple[Floats, Floats]]:
        """All of them, some at a time; each pile is given up when it was read."""
        for pile in self._piles:
            pile.seek(0)
            rows = np.fromfile(pile, np.float32).reshape(-1, self._width)
            pile.close()
            order = self._random.permutation(len(rows))
            for start in range(0, len(rows), CHUNK_ROWS):
                part = rows[order[start : start + CHUNK_ROWS]]
                yield part[:, 1:], part[:, 0]
