"""The CRCs of S3 beside zlib's, CRC32C and CRC64NVME, and what the CRCs of parts say of the whole.

A CRC is a remainder of polynomials over two elements: leading zeros do not count, and what comes before is shifted by
what comes after. So numpy takes a body as many short lanes at once, and joins the lanes in pairs.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

_POLYNOMIALS: Final = {
    "crc32": (32, 0xEDB88320),
    "crc32c": (32, 0x82F63B78),
    "crc64nvme": (64, 0x9A6C9329AC4BC9B5),
}
"""Width in bits, and the polynomial reflected: the bit of x^0 is the highest."""
_LANE: Final = 64
"""Bytes; one step of numpy takes one byte of every lane."""


def is_crc(algorithm: str) -> bool:
    """Whether it is one of those that `joined_crc` joins."""
    return algorithm in _POLYNOMIALS


class Crc:
    """A CRC as a digest."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._width = _POLYNOMIALS[algorithm][0]
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take in more of the body."""
        ones = (1 << self._width) - 1
        before = _shifted(self._algorithm, self._value ^ ones, len(data))
        self._value = before ^ _remainder(self._algorithm, data) ^ ones

    def digest(self) -> bytes:
        """The checksum so far, big-endian."""
        return self._value.to_bytes(self._width // 8, "big")


def joined_crc(algorithm: str, parts: list[tuple[str, int]]) -> str:
    """The CRC of bodies laid end to end, from the CRC (base64) and the length of each."""
    value = 0
    for text, length in parts:
        value = _shifted(algorithm, value, length) ^ int.from_bytes(base64.b64decode(text), "big")
    return base64.b64encode(value.to_bytes(_POLYNOMIALS[algorithm][0] // 8, "big")).decode()


def _remainder(algorithm: str, data: bytes) -> int:
    """What a register that begins with zeros holds after these bytes."""
    import numpy as np

    if not data:
        return 0
    lanes = 1 << (-(-len(data) // _LANE) - 1).bit_length()
    padded = np.zeros(lanes * _LANE, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    columns = np.ascontiguousarray(padded.reshape(lanes, _LANE).T).astype(np.uint64)
    table, low, eight = _byte_table(algorithm), np.uint64(255), np.uint64(8)
    values: Words = np.zeros(lanes, np.uint64)
    for column in columns:
        values = table[(values ^ column) & low] ^ values >> eight
    length = _LANE
    while len(values) > 1:
        values = _all_shifted(algorithm, values[0::2], length) ^ values[1::2]
        length *= 2
    return int(values[0])


def _all_shifted(algorithm: str, values: Words, length: int) -> Words:
    import numpy as np

    shifted: Words = np.zeros_like(values)
    for number, table in enumerate(_shift_tables(algorithm, length)):
        shifted ^= table[values >> np.uint64(8 * number) & np.uint64(255)]
    return shifted


@lru_cache
def _byte_table(algorithm: str) -> Words:
    """By a byte: what a register that holds it becomes by one byte of zeros."""
    import numpy as np

    return np.array([_shifted(algorithm, byte, 1) for byte in range(256)], np.uint64)


@lru_cache
def _shift_tables(algorithm: str, length: int) -> list[Words]:
    """By the number of a byte in the register, and by its value: what becomes of it by so many bytes of zeros."""
    import numpy as np

    found: list[Words] = []
    for number in range(_POLYNOMIALS[algorithm][0] // 8):
        bits = [_shifted(algorithm, 1 << 8 * number + bit, length) for bit in range(8)]
        table = [0]
        for bit in bits:
            table += [value ^ bit for value in table]
        found.append(np.array(table, np.uint64))
    return found


def _shifted(algorithm: str, value: int, length: int) -> int:
    """What the register becomes by so many bytes of zeros."""
    width, polynomial = _POLYNOMIALS[algorithm]
    return _product(value, _power(polynomial, width, length), polynomial, width)


@lru_cache
def _power(polynomial: int, width: int, length: int) -> int:
    """x to the power of 8 * length, modulo the polynomial."""
    result, base = 1 << (width - 1), 1 << (width - 9)
    while length:
        if length & 1:
            result = _product(result, base, polynomial, width)
        base = _product(base, base, polynomial, width)
        length >>= 1
    return result


def _product(first: int, second: int, polynomial: int, width: int) -> int:
    result, bit = 0, 1 << (width - 1)
    while bit:
        if first & bit:
            result ^= second
        second = second >> 1 ^ (polynomial if second & 1 else 0)
        bit >>= 1
    return result
