"""Exact medians of columns of any length in bounded memory: the numbers lie in a file, and are read by column.

The result is NumPy's, bit by bit, in whatever order or pieces the numbers came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.uint64]

_HELD: Final = 2_000_000
_BITS: Final = 16
_SIGN: Final = np.uint64(1 << 63)


class Columns:
    """Numbers of some columns in a file, a block of rows at a time, each column by itself; NaN where none is."""

    def __init__(self, file: IO[bytes], width: int) -> None:
        self._file, self._width = file, width
        self._blocks: list[int] = []
        self.present = np.zeros(width, np.int64)

    def add(self, rows: Doubles) -> None:
        """Some rows more."""
        self.present += np.count_nonzero(~np.isnan(rows), axis=0)
        self._blocks.append(len(rows))
        self._file.write(np.ascontiguousarray(rows.T, np.float64).data)

    def median(self, column: int) -> float:
        """The median of a column, of which one number at least is there."""
        count = int(self.present[column])
        middle = self._at(column, (count - 1) // 2), self._at(column, count // 2)
        return float(np.mean(middle))

    def _at(self, column: int, place: int) -> float:
        """The number that has so many before it in order."""
        low, bits, count = np.uint64(0), 64, int(self.present[column])
        while count > _HELD and bits:
            bits -= _BITS
            counts = np.zeros(1 << _BITS, np.int64)
            for keys in self._inside(column, low, bits + _BITS):
                part = (keys >> np.uint64(bits)) & np.uint64((1 << _BITS) - 1)
                counts += np.bincount(part.astype(np.intp), minlength=1 << _BITS)
            ends = np.cumsum(counts)
            chosen = int(np.searchsorted(ends, place, side="right"))
            place -= int(ends[chosen] - counts[chosen])
            low, count = (low << np.uint64(_BITS)) | np.uint64(chosen), int(counts[chosen])
        if not bits:  # all that are left are equal
            return float(_numbers(np.array([low]))[0])
        held = np.concatenate(list(self._inside(column, low, bits)))
        return float(_numbers(np.partition(held, place)[[place]])[0])

    def _inside(self, column: int, low: np.uint64, bits: int) -> Iterator[Unsigned]:
        """The keys of a column that are `low` but for their last bits."""
        for keys in self._keys(column):
            yield keys[keys >> np.uint64(bits) == low] if bits < 64 else keys

    def _keys(self, column: int) -> Iterator[Unsigned]:
        """The numbers of a column as integers of the same order."""
        start = 0
        for rows in self._blocks:
            self._file.seek(8 * (start + rows * column))
            numbers = np.frombuffer(self._file.read(8 * rows), np.float64)
            start += rows * self._width
            bits = (numbers[~np.isnan(numbers)] + 0.0).view(np.uint64)  # -0.0 becomes 0.0
            yield np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _numbers(keys: Unsigned) -> Doubles:
    bits = np.where(keys & _SIGN, keys ^ _SIGN, ~keys)
    return bits.view(np.float64)
