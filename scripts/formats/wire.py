"""The protobuf wire format of `aialgs.data.Record`, as much of it as linear-learner's records use.

The message (proto2): Record{map<string, Value> features = 1, label = 2}; Value{oneof Float32Tensor = 2,
Float64Tensor = 3, Int32Tensor = 7}; each tensor{repeated values = 1, uint64 keys = 2, uint64 shape = 3}. Writers may
order fields as they like and pack repeated numbers or not, so parsing assumes nothing of that.
Malformed bytes raise `ValueError`; the caller knows the file and the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

VARINT: Final = 0
FIXED64: Final = 1
DELIMITED: Final = 2
FIXED32: Final = 5

KINDS: Final = {2: "float32", 3: "float64", 7: "int32"}
_DOUBLE: Final = "float64"
_BYTES_VALUE: Final = 9


@dataclass(frozen=True)
class Tensor:
    """One tensor: `values` as they came, `keys` (varint bytes, empty for dense), `shape`, and where they lie.

    `offset` is the byte position of the values in the buffer parsed, or -1 where they are not one packed run.
    """

    kind: str
    values: npt.NDArray[np.float32] | npt.NDArray[np.float64] | npt.NDArray[np.int32]
    keys: bytes
    shape: tuple[int, ...]
    offset: int


_EMPTY: Final = Tensor("float32", np.empty(0, np.float32), b"", (), -1)


@dataclass(frozen=True)
class Record:
    """The tensors of one record, by their keys."""

    features: dict[str, Tensor]
    label: dict[str, Tensor]


def varint(value: int) -> bytes:
    """`value` (not negative) in base 128, least significant group first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, *parts: bytes) -> bytes:
    """Field `number` of wire type 2 whose content is the parts."""
    return b"".join((varint(number << 3 | DELIMITED), varint(sum(map(len, parts))), *parts))


def encode_varints(values: npt.NDArray[np.uint64]) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """All values as varints in one run of bytes, and the length of each."""
    lengths = np.ones(len(values), np.int64)
    rest = values >> np.uint64(7)
    while rest.any():
        lengths += rest > 0
        rest = rest >> np.uint64(7)
    ends = np.cumsum(lengths)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    starts = ends - lengths
    for group in range(int(lengths.max(initial=0))):
        there = lengths > group
        more = np.where(lengths[there] > group + 1, 128, 0)
        bits = (values[there] >> np.uint64(7 * group)) & np.uint64(127)
        out[starts[there] + group] = bits.astype(np.uint8) | more.astype(np.uint8)
    return out, lengths


def decode_varints(data: bytes | memoryview) -> npt.NDArray[np.uint64]:
    """The numbers of a packed run of varints."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 128)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise ValueError("a packed run of numbers ends in the middle of one")
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    lengths = ends - starts + 1
    if lengths.max(initial=0) > 10:
        raise ValueError("a number is longer than 64 bits")
    values = np.zeros(len(ends), np.uint64)
    for group in range(int(lengths.max(initial=0))):
        there = lengths > group
        values[there] |= (raw[starts[there] + group].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * group)
    return values


def parse_record(data: memoryview) -> Record:
    """The record in `data`; fields that it does not know are passed over."""
    maps: dict[int, dict[str, Tensor]] = {1: {}, 2: {}}
    for number, wire, start, end in _fields(data, 0, len(data)):
        if number in maps:
            _expect(wire, DELIMITED, "features or label")
            key, tensor = _parse_entry(data, start, end)
            maps[number][key] = tensor
    return Record(maps[1], maps[2])


def _parse_entry(data: memoryview, start: int, end: int) -> tuple[str, Tensor]:
    key, tensor = "", _EMPTY
    for number, wire, first, last in _fields(data, start, end):
        _expect(wire, DELIMITED, "a map entry")
        if number == 1:
            key = bytes(data[first:last]).decode("utf-8")
        elif number == 2:
            tensor = _parse_value(data, first, last)
    return key, tensor


def _parse_value(data: memoryview, start: int, end: int) -> Tensor:
    tensor = _EMPTY
    for number, wire, first, last in _fields(data, start, end):
        if number in KINDS:
            _expect(wire, DELIMITED, "a tensor")
            tensor = _parse_tensor(data, first, last, KINDS[number])
        elif number == _BYTES_VALUE:
            raise ValueError("it holds bytes where a tensor of numbers is needed")
    return tensor


def _parse_tensor(data: memoryview, start: int, end: int, kind: str) -> Tensor:
    runs: list[tuple[int, int]] = []
    numbers: dict[int, list[bytes]] = {2: [], 3: []}
    packed = True
    for number, wire, first, last in _fields(data, start, end):
        if number == 1:
            runs.append((first, last))
            packed = packed and wire == DELIMITED
        elif number in numbers:
            numbers[number].append(bytes(data[first:last]))
    values = _values(data, runs, kind)
    shape = tuple(int(size) for size in decode_varints(b"".join(numbers[3])))
    offset = runs[0][0] if packed and len(runs) == 1 and kind != "int32" else -1
    return Tensor(kind, values, b"".join(numbers[2]), shape, offset)


def _values(
    data: memoryview, runs: list[tuple[int, int]], kind: str
) -> npt.NDArray[np.float32] | npt.NDArray[np.float64] | npt.NDArray[np.int32]:
    raw = data[runs[0][0] : runs[0][1]] if len(runs) == 1 else b"".join(data[a:b] for a, b in runs)
    if kind == "int32":
        return decode_varints(raw).astype(np.int64).astype(np.int32)
    size = 8 if kind == _DOUBLE else 4
    if len(raw) % size:
        raise ValueError(f"its {kind} values are {len(raw)} bytes, no multiple of {size}")
    return np.frombuffer(raw, np.float64) if kind == _DOUBLE else np.frombuffer(raw, np.float32)


def _fields(data: memoryview, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field between the positions: number, wire type, where its content starts and ends."""
    while position < end:
        tag, position = _read_varint(data, position, end)
        number, wire = tag >> 3, tag & 7
        start = position
        if wire == DELIMITED:
            size, start = _read_varint(data, position, end)
            position = start + size
        elif wire == VARINT:
            _, position = _read_varint(data, position, end)
        elif wire in (FIXED32, FIXED64):
            position += 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} is not one of a record's")
        if number == 0 or position > end:
            raise ValueError("its fields do not add up to its length")
        yield number, wire, start, position


def _read_varint(data: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise ValueError("a length or tag runs past the end")


def _expect(wire: int, wanted: int, what: str) -> None:
    if wire != wanted:
        raise ValueError(f"{what} has wire type {wire}")
