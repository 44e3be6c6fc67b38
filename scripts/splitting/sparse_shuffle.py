"""Sparse rows in an order by chance, however many: dealt out to files as `shuffle` does it, and no zero is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.formats.sparse import compressed, stacked_sparse
from scripts.formats.tables import CHUNK_ROWS, Array, Floats
from scripts.splitting.shuffle import MOST_PILES, PILE_BYTES

_WORD: Final = np.dtype(np.int32)


class SparseShuffle:
    """Takes sparse rows with their labels, and gives them back shuffled; `folder` takes its files."""

    def __init__(self, folder: Path, rows: int, entries: int, width: int, seed: tuple[int, ...]) -> None:
        self._random = np.random.default_rng(seed)
        self._width = width
        count = -(-8 * (rows + entries) // PILE_BYTES)
        self._piles: list[IO[bytes]] = [
            (folder / f"pile-{number}").open("w+b") for number in range(max(1, min(MOST_PILES, count)))
        ]

    def close(self) -> None:
        """Give up what is left."""
        for pile in self._piles:
            pile.close()

    def add(self, features: Any, labels: Floats) -> None:
        """Some rows more."""
        chosen = self._random.integers(len(self._piles), size=len(labels))
        for number in np.unique(chosen).tolist():
            own = chosen == number
            rows = features[own]
            parts = (labels[own], np.diff(rows.indptr), rows.indices, rows.data)
            words = [np.array([len(labels[own]), rows.nnz]), *parts]
            for part, kind in zip(words, (_WORD, np.float32, _WORD, _WORD, np.float32), strict=True):
                self._piles[number].write(part.astype(kind, copy=False).data)

    def shuffled(self) -> Iterator[tuple[Any, Floats]]:
        """All of them, some at a time; each pile is given up when it was read."""
        for pile in self._piles:
            pile.seek(0)
            words = np.fromfile(pile, _WORD)
            pile.close()
            if not len(words):
                continue
            parts = list(self._parts(words))
            rows, labels = stacked_sparse([part for part, _ in parts]), np.concatenate([own for _, own in parts])
            del parts, words
            order = self._random.permutation(len(labels))
            for start in range(0, len(labels), CHUNK_ROWS):
                part = order[start : start + CHUNK_ROWS]
                yield rows[part], labels[part]

    def _parts(self, words: Array) -> Iterator[tuple[Any, Floats]]:
        at = 0
        while at < len(words):
            rows, entries = words[at : at + 2].tolist()
            labels, sizes, columns, values = np.split(
                words[at + 2 : (at := at + 2 + 2 * rows + 2 * entries)], np.cumsum([rows, rows, entries])
            )
            ends = np.concatenate(([0], np.cumsum(sizes)))
            yield compressed(values.view(np.float32), columns, ends, self._width), labels.view(np.float32)
