"""Train, validation and test: those that the data came with, or chosen by a seed.

A split of our own is stratified: rows are ordered by class, at random within a class, and every tenth goes to
validation and to test, so each class is divided in the same proportion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.tables import CHUNK_ROWS, Array, Floats, Table, floats, joined, same_columns

SPLITS: Final[tuple[str, ...]] = ("train", "validation", "test")
TURNS: Final = 10
TURN: Final[dict[str, int]] = {"validation": 3, "test": 7}


@dataclass(frozen=True)
class Split:
    """Rows of a feature array, in an order of their own, and the labels in that order."""

    features: Array
    labels: Array
    rows: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)

    def chunks(self) -> Iterator[tuple[slice, Floats]]:
        """The features as they are written, some thousands of rows at a time, and which rows they are."""
        for start in range(0, len(self.rows), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            yield part, floats(self.features[self.rows[part]])


def divide(tables: dict[str, list[Table]], *, seed: int, stratify: bool) -> dict[str, Split]:
    """The three splits. Train is shuffled, since the algorithm does not; a given validation or test keeps its order.

    Missing splits are taken from what is called "all" or "train", a tenth of its rows each.
    """
    random = np.random.default_rng(seed)
    source = source_of(tables)
    features, labels = joined(tables[source])
    splits: dict[str, Split] = {}
    for name in SPLITS[1:]:
        if name in tables:
            own, own_labels = joined(tables[name])
            _same_width(own, features.shape[1], tables[name][0])
            same_columns(tables[source][0], tables[name][0])
            splits[name] = Split(own, own_labels, np.arange(len(own_labels)))
    missing = missing_of(splits)
    rows = random.permutation(len(labels))
    if missing:
        if len(labels) < TURNS:
            raise ScriptError(
                f"{tables[source][0].file}: {len(labels)} rows are too few to split; give at least {TURNS}"
            )
        turns = _turns(labels, rows, random, stratify)
        for name in missing:
            chosen = rows[turns[rows] == TURN[name]]
            splits[name] = Split(features, labels[chosen], chosen)
        rows = rows[~np.isin(turns[rows], [TURN[name] for name in missing])]
    splits["train"] = Split(features, labels[rows], rows)
    return {name: splits[name] for name in SPLITS}


def source_of(splits: Collection[str]) -> str:
    """The split that the data came with from which train is made. `ScriptError` where there is none."""
    source = "all" if "all" in splits else "train"
    if source not in splits or (source == "all" and len(splits) > 1):
        parts = sorted({*splits} - {"all"})
        rest = "; what it has beside them must be called train" if source == "all" else ""
        raise ScriptError(f"the data has {' and '.join(parts)}, but no train{rest}")
    return source


def missing_of(splits: Collection[str]) -> list[str]:
    """The splits that must be taken from the source."""
    return [name for name in SPLITS[1:] if name not in splits]


def _turns(
    labels: Array, shuffled: npt.NDArray[np.intp], random: np.random.Generator, stratify: bool
) -> npt.NDArray[np.intp]:
    """Each row's turn, 0 to 9: dealt out in order of class, so that every class gets all turns equally often."""
    order = shuffled
    if stratify:
        _, classes = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)
        order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    turns = np.empty(len(labels), np.intp)
    turns[order] = (np.arange(len(labels)) + random.integers(TURNS)) % TURNS
    return turns


def _same_width(features: Array, width: int, table: Table) -> None:
    if features.shape[1] != width:
        raise ScriptError(f"{table.file}: {features.shape[1]} features, where the other splits have {width}")
