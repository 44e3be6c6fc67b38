"""NumPy archives (.npz) and the pickle in which mnist.pkl.gz comes: arrays, and nothing that could run.

A pickle is a program. This one is read by an unpickler that knows how to build arrays and refuses every other name,
for pickles of Python 2 (latin-1 bytes) and of either layout of NumPy's modules.
"""

from __future__ import annotations

import pickle
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.files import opened
from scripts.tables import Table, checked

_SPLITS: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
_FEATURES: Final = ("x", "data", "features", "images")
_LABELS: Final = ("y", "target", "labels", "label")
_NAME: Final = re.compile(rf"({'|'.join((*_FEATURES, *_LABELS))})(?:_({'|'.join(_SPLITS)}))?")


def read_npz(path: Path) -> dict[str, list[Table]]:
    """Arrays `x` and `y`, or `x_train`, `y_train`, `x_test`, ... (also data/target, images/labels)."""
    arrays: dict[tuple[str, str], Any] = {}
    names: dict[tuple[str, str], str] = {}
    with opened(path) as stream, _archive(stream, path) as archive:
        if {"indices", "indptr"} <= set(archive.files):
            raise ScriptError(f"{path.name}: it is a sparse matrix, which is not read; give dense arrays x and y")
        for name in archive.files:
            if match := _NAME.fullmatch(name.lower()):
                place = _SPLITS.get(match[2] or "", "all"), "x" if match[1] in _FEATURES else "y"
                if (other := names.setdefault(place, name)) != name:
                    what = "features" if place[1] == "x" else "labels"
                    raise ScriptError(f"{path.name}: {other} and {name} both are {what}; leave one, or rename it")
                arrays[place] = _member(archive, name, path)
    tables = {}
    for split in sorted({split for split, _ in arrays}):
        ending = "" if split == "all" else f"_{split}"
        if (split, "x") not in arrays or (split, "y") not in arrays:
            missing = "y" if (split, "x") in arrays else "x"
            there = "x" if missing == "y" else "y"
            raise ScriptError(
                f"{path.name}: there is an array for {there}{ending}, but none for {missing}{ending}; add it"
            )
        tables[split] = [checked(Table(path.name, arrays[split, "x"], arrays[split, "y"]))]
    if not tables:
        raise ScriptError(
            f"{path.name}: it has no arrays x and y, nor x_train, y_train, x_test, y_test; give its arrays these names"
        )
    return tables


def _archive(stream: IO[bytes], path: Path) -> Any:
    with suppress(ValueError, zipfile.BadZipFile):
        if zipfile.is_zipfile(stream):
            stream.seek(0)
            return np.load(stream, allow_pickle=False)
    raise ScriptError(
        f"{path.name}: it is no .npz archive, or one that is cut short; fetch it again, or write it by numpy.savez"
    )


def _member(archive: Any, name: str, path: Path) -> Any:
    try:
        array = archive[name]
    except MemoryError as error:
        raise ScriptError(f"{path.name}: the array {name} is too large ({error}); use a larger instance type") from None
    except (ValueError, TypeError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error) as error:
        if "Object arrays" in str(error):
            reason = "holds Python objects, which are not read, since a pickle can run any code; make it plain numbers"
        else:
            reason = f"cannot be read ({error}); fetch the file again, or write it by numpy.savez"
        raise ScriptError(f"{path.name}: the array {name} {reason}") from None
    if not isinstance(array, np.ndarray):
        raise ScriptError(f"{path.name}: {name} is no array; write the file by numpy.savez")
    return array


def read_pickle(path: Path) -> dict[str, list[Table]]:
    """The three pairs of mnist.pkl.gz: train, validation, test, each (features, labels)."""
    with opened(path) as stream:
        try:
            content = _ArraysOnly(stream, encoding="latin1").load()
        except ScriptError as error:
            raise ScriptError(f"{path.name}: {error}") from None
        except EOFError as error:
            raise ScriptError(f"{path.name}: the file is cut short ({error}); fetch it again") from None
        except Exception as error:  # unpickling damaged bytes can raise nearly anything
            raise ScriptError(
                f"{path.name}: no readable pickle ({type(error).__name__}: {error}); fetch it again, or give .npz"
            ) from None
    if not isinstance(content, tuple | list) or len(content) != 3:
        raise ScriptError(
            f"{path.name}: it does not hold three pairs (train, validation, test) as mnist.pkl.gz does; "
            "give other arrays as .npz"
        )
    tables = {}
    for split, pair in zip(("train", "validation", "test"), content, strict=True):
        good = isinstance(pair, tuple | list) and len(pair) == 2
        if not good or not all(isinstance(array, np.ndarray) for array in pair):
            raise ScriptError(f"{path.name}: its {split} part is no pair of arrays (features, labels)")
        tables[split] = [checked(Table(path.name, pair[0], pair[1], unit=f"{split} row"))]
    return tables


def _latin1(text: str, encoding: str) -> bytes:
    if encoding.lower().replace("-", "") != "latin1":
        raise ScriptError(f"the pickle encodes by {encoding!r}, which arrays never do")
    return text.encode("latin-1")


def _admitted() -> dict[tuple[str, str], Any]:
    # NumPy's own functions, which lie in other modules from version to version.
    reconstruct: Any = np.zeros(1).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    buffer: Any = np.zeros(1).__reduce_ex__(5)[0]
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = reconstruct
        names[f"{core}.multiarray", "scalar"] = scalar
        names[f"{core}.numeric", "_frombuffer"] = buffer
    return names


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        admitted = _admitted()
        if (module, name) not in admitted:
            raise ScriptError(
                f"the pickle asks for {module}.{name}; only plain NumPy arrays are read, since a pickle can run "
                "any code. Convert it to .npz where you trust it"
            )
        return admitted[module, name]
