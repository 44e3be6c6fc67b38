"""Numbers written as text, many at once: plain decimals by arithmetic on columns of bytes, others one by one.

All texts of one length are read together, a column of characters at a time. A plain decimal of at most 15 digits is an
integer divided by a power of ten, both exact in float64, so the result is the very number that `float` gives.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats64 = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

_LONGEST: Final = 17
_DIGITS: Final = 15
_FEW: Final = 4
_POWERS: Final = np.array([10.0**power for power in range(_LONGEST + 1)])
_NEWLINE, _COMMA, _MINUS, _DOT, _ZERO = b"\n,-.0"


def parse_table(text: bytes) -> Floats64:
    """The numbers of a CSV text without header, (lines, fields), as `float` reads each.

    `text` has no empty lines, ends in a newline and has no carriage returns. Raises ValueError for a field that is no
    number and for lines of different lengths.
    """
    if b"_" in text:
        raise ValueError("an underscore is no part of a number")
    buffer = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((buffer == _COMMA) | (buffer == _NEWLINE))
    last_fields = np.flatnonzero(buffer[ends] == _NEWLINE)
    widths = np.diff(last_fields, prepend=-1)
    if widths.min() != widths.max():
        raise ValueError(f"lines have different numbers of fields, from {widths.min()} to {widths.max()}")
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    return _numbers(text, buffer, starts, ends - starts).reshape(len(widths), -1)


def _numbers(text: bytes, buffer: Bytes, starts: Positions, lengths: Positions) -> Floats64:
    if np.count_nonzero(lengths > _LONGEST) > len(lengths) // _FEW:
        return np.array(list(map(float, text.replace(b"\n", b",").split(b",")[:-1])))
    values = np.empty(len(starts), np.float64)
    others: list[Positions] = []
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        where = np.flatnonzero(lengths == length)
        if not 0 < length <= _LONGEST:
            others.append(where)
            continue
        plain, numbers = _decimals(buffer, starts[where], length)
        values[where] = numbers
        if not plain.all():
            others.append(where[~plain])
    for position in np.concatenate(others).tolist() if others else ():
        start = int(starts[position])
        values[position] = float(text[start : start + int(lengths[position])])
    return values


def _decimals(buffer: Bytes, starts: Positions, length: int) -> tuple[npt.NDArray[np.bool_], Floats64]:
    """Which of the texts of this length are plain decimals, and their values (nonsense for the others)."""
    first = buffer[starts]
    digit = first - _ZERO
    if length == 1:
        return digit <= 9, digit.astype(np.float64)
    negative = first == _MINUS
    plain = (digit <= 9) | negative
    mantissa = np.where(negative, 0, digit).astype(np.int64)
    digits = (~negative).astype(np.int8)
    dot_at = np.zeros(len(starts), np.int8)
    for column in range(1, length):
        character = buffer[starts + column]
        digit = character - _ZERO
        is_digit = digit <= 9
        is_dot = (character == _DOT) & (dot_at == 0) & (digits > 0)
        plain &= is_digit | is_dot
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        digits += is_digit
        dot_at[is_dot] = column
    plain &= (digits > 0) & (digits <= _DIGITS)
    decimals = np.where(dot_at > 0, length - 1 - dot_at, 0)
    numbers = mantissa / _POWERS[decimals]
    return plain, np.where(negative, -numbers, numbers)
