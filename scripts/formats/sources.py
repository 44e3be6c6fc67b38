"""Raw data of any admitted form, as files: which are there decides how they are read.

A folder holds data of one kind: the four IDX files of MNIST, one pickle like mnist.pkl.gz, one .npz, or CSV, Parquet,
JSON Lines, libsvm or sparse .npz files (whose names or folders may say train, validation, test). Without a split of
its own a file is of "all".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.errors import ScriptError
from scripts.formats.columnar import JSON_LINES, PARQUET
from scripts.formats.files import base_name, found, same_content
from scripts.formats.idx import is_idx
from scripts.formats.sparse_files import LIBSVM, SPARSE_NPZ
from scripts.formats.sparse_npz import is_sparse_npz

_SPLIT: Final = re.compile(r"(train|validation|val|test)(?![a-z])", re.IGNORECASE)
CSV: Final = "CSV"
IDX: Final = "IDX"
NPZ: Final = "NPZ"
PICKLE: Final = "pickle"
NAMED: Final = (CSV, PARQUET, JSON_LINES)
"""Kinds whose columns may have names."""

_SUFFIXES: Final = {
    **dict.fromkeys((".pkl", ".pickle"), PICKLE),
    ".npz": NPZ,
    **dict.fromkeys((".csv", ".tsv", ".tab"), CSV),
    **dict.fromkeys((".jsonl", ".jsonlines", ".ndjson"), JSON_LINES),
    **dict.fromkeys((".parquet", ".pq"), PARQUET),
    **dict.fromkeys((".libsvm", ".svmlight", ".svm"), LIBSVM),
}


@dataclass(frozen=True)
class SourceFile:
    """One file of a source and its split; `key` is what it is called below the source's place, on any machine."""

    path: Path
    split: str
    key: str


@dataclass(frozen=True)
class Found:
    """The files of a source, which are of one kind, and the place that they were found at."""

    kind: str
    files: list[Path]
    place: Path

    def divided(self) -> list[SourceFile]:
        """The files with their splits, which the names of files or folders say, one split after the other.

        Raises `ScriptError` where some files have one, and others none.
        """
        splits = {path: _split_of(path, self.place) for path in self.files}
        names = list(dict.fromkeys(splits.values()))
        if "all" in names and len(names) > 1:
            stray = next(path for path, split in splits.items() if split == "all")
            raise ScriptError(
                f"{stray.name}: it is not clear to which split it belongs; name all files after theirs "
                "(train..., validation..., test...), or none"
            )
        ordered = sorted(self.files, key=lambda path: names.index(splits[path]))
        return [SourceFile(path, splits[path], self._key(path)) for path in ordered]

    def _key(self, path: Path) -> str:
        return path.relative_to(self.place).as_posix() if path != self.place else path.name


def find(place: Path) -> Found:
    """The files at `place`, a file or folder. Raises `ScriptError` where they are not of one kind."""
    kinds: dict[str, list[Path]] = {}
    paths = found(place)
    for path in paths:
        if kind := kind_of(path):
            kinds.setdefault(kind, []).append(path)
    if len(kinds) != 1:
        raise ScriptError(_unclear(paths, kinds))
    ((kind, files),) = kinds.items()
    files = _only_once(files)
    if kind == NPZ and all(map(is_sparse_npz, files)):
        kind = SPARSE_NPZ
    if kind in (NPZ, PICKLE) and len(files) > 1:
        raise ScriptError(
            f"the data folder holds {len(files)} {kind} files ({files[0].name}, {files[1].name}); leave one"
        )
    return Found(kind, files, place)


def kind_of(path: Path) -> str | None:
    """Which kind of data a file holds, by its name; None where it holds none."""
    return IDX if is_idx(path) else _SUFFIXES.get(Path(base_name(path)).suffix)


def _only_once(files: list[Path]) -> list[Path]:
    """The files without those that lie beside themselves packed, as torchvision leaves them; both must be equal."""
    known: dict[Path, Path] = {}
    for path in files:  # sorted: a file comes before its packed self
        other = known.setdefault(path.with_name(path.name.removesuffix(".gz")), path)
        if other != path and not same_content(other, path):
            raise ScriptError(f"{other.name} and {path.name} are one file, packed and not, but differ; leave one")
    return list(known.values())


def _split_of(path: Path, place: Path) -> str:
    inside = path.relative_to(place).parts if path != place else ()
    for part in inside:
        if match := _SPLIT.match(part):
            return {"val": "validation"}.get(match[1].lower(), match[1].lower())
    return "all"


def _unclear(paths: list[Path], kinds: dict[str, list[Path]]) -> str:
    if kinds:
        held = " and ".join(f"{kind} ({files[0].name})" for kind, files in sorted(kinds.items()))
        return f"the data folder holds more than one kind of data, {held}; leave one"
    many = f"none of the {len(paths)} files ({paths[0].name}, ...) is data"
    which = many if len(paths) > 1 else f"{paths[0].name}: it is no data"
    return (
        f"{which} that can be read: give the four IDX files, a .pkl, an .npz, or .csv, .tsv, .parquet, .jsonl or "
        ".libsvm files, gz or not"
    )
