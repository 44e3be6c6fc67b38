"""The pickle in which mnist.pkl.gz comes: three pairs of arrays, and nothing that could run.

A pickle is a program for a small machine. Here that machine knows only the operations that arrays need, calls no
function of the file's choice and sets no state on an object of NumPy: it notes what the file says of an array and
builds the array itself, from a kind of number on a list, a shape and bytes that must agree.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.files import opened, read_up_to
from scripts.formats.tables import Array, Table, checked

_KIND: Final = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|[SU][0-9]{1,4})")
_ORDERS: Final = ("<", ">", "|", "=")
_MOST_AXES: Final = 32
_MOST_OPERATIONS: Final = 100_000
"""Three pairs of arrays are some hundred; a billion of them would fit into a small gzip file."""
_OPERATIONS: Final = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
)
"""No dictionary and no set among them: to hash a deeply nested tuple exhausts the stack of the interpreter."""


def read_pickle(path: Path) -> dict[str, Table]:
    """The three pairs of mnist.pkl.gz: train, validation, test, each (features, labels)."""
    with opened(path) as stream:
        try:
            content = _Machine(stream).load()
        except ScriptError as error:
            raise ScriptError(f"{path.name}: {error}") from None
        except EOFError as error:
            raise ScriptError(f"{path.name}: the file is cut short ({error}); fetch it again") from None
        except Exception as error:  # damaged bytes can raise nearly anything
            raise ScriptError(
                f"{path.name}: no readable pickle ({type(error).__name__}: {str(error)[:200]}); fetch it again, or "
                "give .npz"
            ) from None
    if not isinstance(content, tuple | list) or len(content) != 3:
        raise ScriptError(
            f"{path.name}: it does not hold three pairs (train, validation, test) as mnist.pkl.gz does; "
            "give other arrays as .npz"
        )
    tables = {}
    for split, pair in zip(("train", "validation", "test"), content, strict=True):
        good = isinstance(pair, tuple | list) and len(pair) == 2
        if not good or not all(isinstance(array, _Array) for array in pair):
            raise ScriptError(f"{path.name}: its {split} part is no pair of arrays (features, labels)")
        features, labels = (array.whole(f"{path.name}: its {split} part") for array in pair)
        table = Table(path.name, features, labels, unit=f"{split} row", label="of each pair's second array")
        tables[split] = checked(table)
    return tables


@dataclass
class _Type:
    """What the file says of a type of numbers."""

    kind: str
    order: str = "="

    def set_state(self, state: Any) -> None:
        """The byte order; all else that a type can have (fields, metadata, flags) is of no use to plain numbers."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in _ORDERS or state[2:5] != (None,) * 3:
            raise ScriptError("an array is of no plain type of numbers; make it plain numbers")
        self.order = state[1]

    def whole(self) -> np.dtype[Any]:
        kind, order = cast(Any, self.kind), cast(Any, "=" if self.order == "|" else self.order)
        dtype: np.dtype[Any] = np.dtype(kind)
        return dtype.newbyteorder(order)


@dataclass
class _Array:
    """What the file says of an array."""

    shape: Any = ()
    type: Any = None
    fortran: Any = False
    data: Any = None
    axes: Any = None

    def set_state(self, state: Any) -> None:
        """Version, shape, type, whether the first axis is the quickest, bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise ScriptError("the state of an array is not as NumPy writes it; fetch the file again")
        _, self.shape, self.type, self.fortran, self.data = state

    def whole(self, what: str) -> Array:
        """The array itself; `ScriptError` where shape, type and bytes do not agree."""
        if not isinstance(self.type, _Type) or not isinstance(self.shape, tuple):
            raise ScriptError(f"{what} has an array without shape or type; fetch the file again")
        if not all(type(size) is int and size >= 0 for size in self.shape) or len(self.shape) > _MOST_AXES:
            raise ScriptError(f"{what} has an array whose shape is none; fetch the file again")
        data = self.data.encode("latin-1") if isinstance(self.data, str) else self.data  # a str of Python 2
        dtype = self.type.whole()
        if not isinstance(data, bytes) or len(data) != dtype.itemsize * math.prod(self.shape):
            raise ScriptError(f"{what} has an array whose bytes are not as many as its shape says; fetch it again")
        array = np.frombuffer(data, dtype).reshape(self.shape, order="F" if self.fortran else "C")
        if self.axes is None:
            return array
        if not isinstance(self.axes, tuple) or sorted(map(str, self.axes)) != sorted(map(str, range(array.ndim))):
            raise ScriptError(f"{what} has an array whose axes are in no order; fetch the file again")
        return array.transpose(self.axes)


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    return _Array(shape, dtype, order == "F", data, axes)


def _dtype(kind: Any, *_: Any) -> _Type:
    text = kind.decode("latin-1") if isinstance(kind, bytes) else kind
    if not isinstance(text, str) or not _KIND.fullmatch(text):
        said = text[:40] if isinstance(text, str) else type(text).__name__
        raise ScriptError(f"an array is of the type {said!r}, and no plain numbers; make it plain numbers")
    return _Type(text)


def _encode(text: Any, encoding: Any) -> bytes:
    """Bytes as Python 3 writes them for Python 2: text to be encoded."""
    if not isinstance(text, str) or not isinstance(encoding, str) or encoding.replace("-", "") != "latin1":
        raise ScriptError("the pickle encodes text otherwise than arrays do")
    return text.encode("latin-1")


def _array_type(*_: Any) -> Any:
    """What `ndarray` stands for: an argument that is looked at by nobody."""
    raise ScriptError("the pickle makes an array in a way that NumPy does not")


_NAMES: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("numpy", "ndarray"): _array_type,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    **{(f"{core}.multiarray", "_reconstruct"): _reconstruct for core in ("numpy.core", "numpy._core")},
    **{(f"{core}.numeric", "_frombuffer"): _frombuffer for core in ("numpy.core", "numpy._core")},
}


class _Stream:
    """A stream that makes no room for bytes that the file only claims to have."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.readline = stream.readline

    def read(self, size: int) -> bytes:
        return read_up_to(self._stream, size)


class _Machine(pickle._Unpickler):
    """Python's own unpickler, the one that is written in Python, with few of its operations."""

    stack: list[Any]
    read: Callable[[int], bytes]

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(_Stream(stream), encoding="latin1")
        self.left = _MOST_OPERATIONS

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise ScriptError(
                f"the pickle asks for {module[:80]}.{name[:80]}; only plain NumPy arrays are read, since a pickle can "
                "run any code. Convert it to .npz where you trust it"
            )
        return _NAMES[module, name]

    def read_bytearray(self) -> None:
        """As bytes: pickle would make room for as many as the file says, before it looks how many there are."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.stack.append(self.read(size))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Array | _Type):
            raise ScriptError("the pickle sets the state of something that is no array")
        target.set_state(state)

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack[-1]
        if function not in _NAMES.values() or not isinstance(arguments, tuple):
            raise ScriptError("the pickle calls something that arrays do not need")
        self.stack[-1] = function(*arguments)


def _operations() -> dict[int, Callable[[Any], None]]:
    own = {"BUILD": _Machine.build, "REDUCE": _Machine.call, "BYTEARRAY8": _Machine.read_bytearray}
    known: Any = pickle._Unpickler.dispatch
    found = {}
    for opcode in pickletools.opcodes:
        code = ord(opcode.code)
        admitted = opcode.name in _OPERATIONS
        found[code] = _counted(own.get(opcode.name, known[code])) if admitted else _refused(opcode.name)
    return found


def _counted(operation: Callable[[_Machine], None]) -> Callable[[_Machine], None]:
    def counted(machine: _Machine) -> None:
        machine.left -= 1
        if machine.left < 0:
            raise ScriptError(f"the pickle has more than {_MOST_OPERATIONS} operations, where arrays need some hundred")
        operation(machine)

    return counted


def _refused(name: str) -> Callable[[_Machine], None]:
    def refused(_: _Machine) -> None:
        raise ScriptError(f"the pickle holds something else than arrays (it has {name}); convert it to .npz yourself")

    return refused


_Machine.dispatch = _operations()
