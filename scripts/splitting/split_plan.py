"""Which rows go to which split, by the seed and a row's place, so that instances that know nothing of each other agree.

InspectData counted each class in each file. So it is known before a row is read how many rows of a class come before a
block of rows, and every tenth of a class, wherever it lies, goes to validation and to test. Within a block chance says
which row is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.tables import Array
from scripts.profiling.surveyed import FileRows, Survey
from scripts.splitting.split_names import SPLITS, TURN, TURNS, missing_of, source_of
from scripts.splitting.targets import REGRESSOR

BLOCK_BYTES: Final = 40_000_000
AGAIN: Final = "the data changed since they were inspected; inspect them again"
_FEWEST_BLOCK_ROWS: Final = 1000
_SHUFFLED: Final = 100_000

Places = npt.NDArray[np.intp]


def block_rows(width: int, itemsize: int) -> int:
    """How many rows of such features are a block: a matter of the data alone, whoever reads them."""
    return max(_FEWEST_BLOCK_ROWS, BLOCK_BYTES // (width * itemsize))


@dataclass(frozen=True)
class Plan:
    """How the rows of all files are divided. `strata` are the classes that are divided evenly, or one for all rows."""

    files: tuple[FileRows, ...]
    strata: tuple[str, ...]
    seed: int
    missing: tuple[str, ...]
    source: str
    offset: int
    as_numbers: bool
    width: int

    @classmethod
    def of(cls, found: Survey, *, seed: int, task: str) -> Plan:
        """Raises `ScriptError` for data that cannot be divided."""
        splits = {file.split for file in found.files}
        source = source_of(splits)
        missing = tuple(missing_of(splits))
        rows = found.rows[source]
        if missing and rows < TURNS:
            file = next(file.key for file in found.files if file.split == source)
            raise ScriptError(f"{file}: {rows} rows are too few to split; give at least {TURNS}")
        strata = () if task == REGRESSOR else found.names
        random = np.random.default_rng(seed)
        random.permutation(min(rows, _SHUFFLED))  # as the first block is, so that its offset comes after
        return cls(
            found.files,
            strata or ("",),
            seed,
            missing,
            source,
            int(random.integers(TURNS)),
            found.as_numbers,
            found.width,
        )

    @property
    def rows(self) -> int:
        """The rows from which train is made."""
        return sum(file.rows for file in self.files if file.split == self.source)

    def counts(self) -> dict[str, dict[str, int]]:
        """The rows of each stratum in each split."""
        found = {name: Counter[str]() for name in SPLITS}
        for file in self.files:
            found["train" if file.split == "all" else file.split].update(self._held(file))
        start = self.offset
        for stratum in self.strata:
            end = start + sum(self._held(file)[stratum] for file in self.files if file.split == self.source)
            for name in self.missing:
                taken = _turns_before(end, TURN[name]) - _turns_before(start, TURN[name])
                found[name][stratum] += taken
                found["train"][stratum] -= taken
            start = end
        return {name: {key: count for key, count in counts.items() if count} for name, counts in found.items()}

    def starts(self, number: int) -> Places:
        """At which place, of all rows in order of stratum, the first row of each stratum in a file is."""
        starts, start = [], self.offset
        for stratum in self.strata:
            held = [self._held(file)[stratum] if file.split == self.source else 0 for file in self.files]
            starts.append(start + sum(held[:number]))
            start += sum(held)
        return np.array(starts, np.intp)

    def divided(self, number: int, block: int, names: Array, starts: Places) -> dict[str, Places]:
        """The rows of a block of file `number` by split, each in an order by chance; `starts` move on."""
        random = np.random.default_rng((self.seed, number, block))
        rows: Places = random.permutation(len(names))
        if not self.missing:
            return {"train": rows}
        strata = _numbered(names, self.strata) if len(self.strata) > 1 else np.zeros(len(names), np.intp)
        order = rows[np.argsort(strata[rows], kind="stable")]
        counts = np.bincount(strata, minlength=len(self.strata))
        within = np.arange(len(names)) - np.repeat(np.cumsum(counts) - counts, counts)
        turns = np.empty(len(names), np.intp)
        turns[order] = (np.repeat(starts, counts) + within) % TURNS
        starts += counts
        found = {name: rows[turns[rows] == TURN[name]] for name in self.missing}
        found["train"] = rows[~np.isin(turns[rows], [TURN[name] for name in self.missing])]
        return found

    def _held(self, file: FileRows) -> Counter[str]:
        return Counter({"": file.rows}) if self.strata == ("",) else Counter(file.classes)


def _turns_before(end: int, turn: int) -> int:
    """How many places below `end` have this turn."""
    return (end - turn + TURNS - 1) // TURNS


def _numbered(names: Array, strata: Sequence[str]) -> Places:
    number = {name: index for index, name in enumerate(strata)}
    try:
        return np.array([number[name] for name in names.tolist()], np.intp)
    except KeyError as error:
        raise ScriptError(
            f"the label {error.args[0]!r} was not there when the data were inspected; inspect them again"
        ) from None
