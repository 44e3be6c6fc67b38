"""NumPy archives (.npz): which of their arrays are features and labels, and of which split."""

from __future__ import annotations

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
