"""IDX, the format of the four original MNIST files: a big-endian head, then the numbers.

Its files know nothing of each other: which belong together is told by their names.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.files import base_name, opened, read_up_to
from scripts.formats.tables import Array, Table, checked

# As MNIST's are called; EMNIST's have the name of their set before: emnist-digits-train-images-idx3-ubyte.
_NAME: Final = re.compile(
    r"(?:(?P<set>[a-z][a-z0-9_-]*)-)?(?P<split>train|t10k|test)-(?P<part>images|labels)[-.]idx\d-\w+"
)
_TYPES: Final = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_VALIDATION_SHARE: Final = 6
_MOST_AXES: Final = 32


def is_idx(path: Path) -> bool:
    """Whether the file is called as those of MNIST are, gzipped or not."""
    return _NAME.fullmatch(base_name(path)) is not None


def read_idx_folder(paths: list[Path]) -> dict[str, Table]:
    """Train, validation and test from the four files; of the 60,000 training rows the last 10,000 are validation."""
    files: dict[tuple[str, str], Path] = {}
    for path in paths:
        if match := _NAME.fullmatch(base_name(path)):
            split = "train" if match["split"] == "train" else "test"
            other = files.setdefault((split, match["part"]), path)
            if other != path:
                raise ScriptError(
                    f"{other.name} and {path.name} both are {match['part']} of {split}; leave the four files of one set"
                )
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
        "train": replace(train, features=train.features[:cut], labels=train.labels[:cut]),
        "validation": replace(train, features=train.features[cut:], labels=train.labels[cut:], first=cut + 1),
        "test": test,
    }


def read_idx(path: Path) -> Array:
    """The array in one file, in its own shape and the machine's byte order."""
    with opened(path) as stream:
        start = stream.read(4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES or not 0 < start[3] <= _MOST_AXES:
            raise ScriptError(
                f"{path.name}: it starts with {start.hex(' ') or 'nothing'}, which no IDX file does; fetch it again"
            )
        dtype, sizes = np.dtype(_TYPES[start[2]]), stream.read(4 * start[3])
        shape = tuple(int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4"))
        wanted = dtype.itemsize * math.prod(shape)
        data, more = read_up_to(stream, wanted), stream.read(1)
    if len(sizes) != 4 * start[3] or len(data) != wanted or more:
        head = 4 + len(sizes)
        there = f"more than {head + wanted}" if more else head + len(data)
        raise ScriptError(
            f"{path.name}: {there} bytes, where its head promises {head + wanted} ({'x'.join(map(str, shape))}); "
            "it is cut short or damaged, fetch it again"
        )
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _pair(images: Path, labels: Path) -> Table:
    return checked(Table(images.name, read_idx(images), read_idx(labels), unit="image", label=f"of {labels.name}"))
