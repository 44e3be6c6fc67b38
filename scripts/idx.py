"""IDX, the format of the four original MNIST files: a big-endian head, then the numbers.

Its files know nothing of each other: which belong together is told by their names.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import numpy as np

from scripts.errors import ScriptError
from scripts.files import base_name, opened
from scripts.tables import Array, Table, checked

_NAME: Final = re.compile(r"(?P<split>train|t10k|test)-(?P<part>images|labels)[-.]idx\d-\w+")
_TYPES: Final = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_VALIDATION_SHARE: Final = 6
_MOST_AXES: Final = 32


def is_idx(path: Path) -> bool:
    """Whether the file is called as those of MNIST are, gzipped or not."""
    return _NAME.fullmatch(base_name(path)) is not None


def read_idx_folder(paths: list[Path]) -> dict[str, list[Table]]:
    """Train, validation and test from the four files; of the 60,000 training rows the last 10,000 are validation."""
    files: dict[tuple[str, str], Path] = {}
    for path in paths:
        if match := _NAME.fullmatch(base_name(path)):
            split = "train" if match["split"] == "train" else "test"
            files.setdefault((split, match["part"]), path)
    for split, name in (("train", "train"), ("test", "t10k")):
        for part, kind in (("images", "idx3"), ("labels", "idx1")):
            if (split, part) not in files:
                raise ScriptError(
                    f"there is no {name}-{part}-{kind}-ubyte (.gz or not) beside {paths[0].name}; IDX data is four "
                    "files: images and labels of train and of t10k"
                )
    train, test = (_pair(files[split, "images"], files[split, "labels"]) for split in ("train", "test"))
    cut = len(train) - len(train) // _VALIDATION_SHARE
    return {
        "train": [Table(train.file, train.features[:cut], train.labels[:cut])],
        "validation": [Table(train.file, train.features[cut:], train.labels[cut:], first=cut + 1)],
        "test": [test],
    }


def read_idx(path: Path) -> Array:
    """The array in one file, in its own shape and the machine's byte order."""
    with opened(path) as stream:
        data = stream.read()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or not 0 < data[3] <= _MOST_AXES:
        raise ScriptError(
            f"{path.name}: it starts with {data[:4].hex(' ') or 'nothing'}, which no IDX file does; fetch it again"
        )
    dtype, head = np.dtype(_TYPES[data[2]]), 4 + 4 * data[3]
    shape = tuple(int(size) for size in np.frombuffer(data[4:head], ">u4")) if len(data) >= head else ()
    wanted = head + dtype.itemsize * math.prod(shape)
    if len(data) != wanted or not shape:
        raise ScriptError(
            f"{path.name}: {len(data)} bytes, where its head promises {wanted} ({'x'.join(map(str, shape))}); "
            "it is cut short or damaged, fetch it again"
        )
    return np.frombuffer(data, dtype, offset=head).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _pair(images: Path, labels: Path) -> Table:
    return checked(Table(images.name, read_idx(images), read_idx(labels), unit="image"))
