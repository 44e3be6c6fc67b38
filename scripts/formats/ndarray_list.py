"""MXNet's NDArray list, the format of a model's parameters, read without MXNet: dense float32 arrays, named."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LIST_MAGIC: Final = 0x112
ARRAY_V2: Final = 0xF993FAC9
ARRAY_V1: Final = 0xF993FAC8


def decode_params(data: bytes) -> dict[str, Floats]:
    """Named float32 arrays of an NDArray list; ValueError or struct.error where it is not one."""
    reader = _Reader(data)
    magic, _, count = reader.unpack("<QQQ")
    if magic != LIST_MAGIC:
        raise ValueError(f"mx-mod-0000.params begins with 0x{magic:x}, not 0x{LIST_MAGIC:x}")
    arrays = [reader.array() for _ in range(count)]
    (names,) = reader.unpack("<Q")
    if names != count:
        raise ValueError(f"mx-mod-0000.params holds {count} arrays and {names} names")
    return {reader.text(): array for array in arrays}


class _Reader:
    """A cursor over the bytes of a params file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise ValueError(f"mx-mod-0000.params ends early: {size} bytes wanted at offset {self._at}")
        self._at += size
        return self._data[self._at - size : self._at]

    def array(self) -> Floats:
        (magic,) = self.unpack("<I")
        if magic not in (ARRAY_V1, ARRAY_V2):
            raise ValueError(f"mx-mod-0000.params holds an array of unknown version 0x{magic:x}")
        if magic == ARRAY_V2 and self.unpack("<i") != (0,):
            raise ValueError("mx-mod-0000.params holds a sparse array")
        (ndim,) = self.unpack("<I")
        shape = self.unpack(f"<{ndim}q")
        _, _, kind = self.unpack("<iii")
        if kind != 0 or ndim > 8 or any(size < 0 for size in shape):
            raise ValueError(f"mx-mod-0000.params holds an array of type {kind} and shape {shape}")
        size = 1
        for dimension in shape:
            size *= dimension
        return np.frombuffer(self.take(4 * size), dtype="<f4").astype(np.float32).reshape(shape)

    def text(self) -> str:
        (length,) = self.unpack("<Q")
        return self.take(length).decode()
