"""NumPy archives (.npz): which of their arrays are features and labels, and of which split."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.files import opened
from scripts.formats.tables import Table, checked

_SPLITS: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_FEATURES: Final = ("x", "data", "features", "images", "inputs")
_LABELS: Final = ("y", "target", "targets", "labels", "label")
_PART: Final = rf"(?P<part>{'|'.join((*_FEATURES, *_LABELS))})"
_SPLIT: Final = rf"(?P<split>{'|'.join(_SPLITS)})"
# x_train and Xtrain, train_x and train_images.
_NAMES: Final = (re.compile(rf"{_PART}(?:[_.-]?{_SPLIT})?"), re.compile(rf"{_SPLIT}[_.-]?{_PART}"))
_DAMAGED: Final = (ValueError, TypeError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error)
_NOT_NUMPYS: Final = (NotImplementedError, RuntimeError)
"""What `zipfile` raises for archives that it could not read though they be whole: encrypted, or packed otherwise."""
_UNNAMED: Final = re.compile(r"arr_\d+")
# What numpy.savez calls arrays without a name: pairs of features and labels, as Keras' load_data gives them.
_PAIRS: Final = {2: ("all",), 4: ("train", "test"), 6: ("train", "validation", "test")}

Place = tuple[str, str]


def read_npz(path: Path) -> dict[str, Table]:
    """Arrays `x` and `y`, or `x_train`, `train_images`, ..., or pairs without names."""
    arrays: dict[Place, Any] = {}
    names: dict[Place, str] = {}
    with opened(path) as stream, _archive(stream, path) as archive:
        for name, place in places(archive.files).items():
            array = _member(archive, name, path)
            if (other := names.setdefault(place, name)) != name and not _same(arrays[place], array):
                what = "features" if place[1] == "x" else "labels"
                raise ScriptError(f"{path.name}: {other} and {name} both are {what}; leave one, or rename it")
            arrays.setdefault(place, array)
    tables = {}
    for split in sorted({split for split, _ in arrays}):
        ending = "" if split == "all" else f"_{split}"
        if (split, "x") not in arrays or (split, "y") not in arrays:
            missing = "y" if (split, "x") in arrays else "x"
            there = "x" if missing == "y" else "y"
            raise ScriptError(
                f"{path.name}: there is an array for {there}{ending}, but none for {missing}{ending}; add it"
            )
        label = f"of the array {names[split, 'y']}"
        tables[split] = checked(Table(path.name, arrays[split, "x"], arrays[split, "y"], label=label))
    if not tables:
        raise ScriptError(
            f"{path.name}: it has no arrays x and y, nor x_train, y_train, x_test, y_test; give its arrays these names"
        )
    return tables


def check_archive(path: Path) -> None:
    """`ScriptError` for a file that is no whole archive."""
    with opened(path) as stream, _archive(stream, path):
        pass


def places(names: Sequence[str]) -> dict[str, Place]:
    """Each array's split, and x for features or y for labels; what is neither is left out."""
    if len(names) in _PAIRS and all(_UNNAMED.fullmatch(name) for name in names):
        order = sorted(names, key=lambda name: int(name.removeprefix("arr_")))
        pairs = [(split, part) for split in _PAIRS[len(names)] for part in "xy"]
        return dict(zip(order, pairs, strict=True))
    found: dict[str, Place] = {}
    for name in names:
        if match := next(filter(None, (form.fullmatch(name.lower()) for form in _NAMES)), None):
            found[name] = _SPLITS.get(match["split"] or "", "all"), "x" if match["part"] in _FEATURES else "y"
    return found


def _same(one: Any, other: Any) -> bool:
    """Whether two arrays are the same rows, as scikit-learn's digits are in `data` and `images`."""
    return one.shape[:1] == other.shape[:1] and np.array_equal(one.ravel(), other.ravel())


def _archive(stream: IO[bytes], path: Path) -> Any:
    with suppress(*_DAMAGED, *_NOT_NUMPYS):
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
    except (*_DAMAGED, *_NOT_NUMPYS) as error:
        if "Object arrays" in str(error):
            reason = "holds Python objects, which are not read, since a pickle can run any code; make it plain numbers"
        else:
            reason = f"cannot be read ({error}); fetch the file again, or write it by numpy.savez"
        raise ScriptError(f"{path.name}: the array {name} {reason}") from None
    if not isinstance(array, np.ndarray):
        raise ScriptError(f"{path.name}: {name} is no array; write the file by numpy.savez")
    return array
