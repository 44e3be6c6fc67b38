"""A table of examples as its file gave it, and the checks that every source shares.

Features keep the type of the source until they are written: `uint8` means pixels, which become k/256 as in
mnist.pkl.gz, so that the full MNIST needs 47 MB instead of 188.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.profiling.problems import INFINITE, LABEL, MISSING, Faults

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

CHUNK_ROWS: Final = 4096
PIXEL_SCALE: Final = np.float32(1 / 256)


@dataclass(frozen=True)
class Table:
    """Features (rows, columns), labels (rows,) of numbers or strings; `unit` and `first` say where row 0 was.

    `label` says where the labels are from, for people.
    """

    file: str
    features: Array
    labels: Array
    columns: tuple[str, ...] = ()
    unit: str = "row"
    first: int = 1
    label: str = ""

    @classmethod
    def without_rows(cls, file: str, columns: tuple[str, ...], *, unit: str, label: str) -> Table:
        """What a file is called, and its columns, before any row was read."""
        return cls(file, np.empty((0, 0), np.float32), np.empty(0, object), columns, unit, label=label)

    def __len__(self) -> int:
        return len(self.labels)

    def column(self, index: int) -> str:
        """What a column is called, for an error: by its header, else by its number from 1."""
        return f"column {self.columns[index]!r}" if self.columns else f"feature {index + 1}"


def checked(table: Table) -> Table:
    """The table, flat. Raises `ScriptError` for shapes and types that are none of a table."""
    features, labels = table.features, table.labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if features.ndim < 2 or labels.ndim != 1:
        raise ScriptError(
            f"{table.file}: features of shape {features.shape} and labels of shape {labels.shape}, where "
            "(rows, ...) and (rows,) belong"
        )
    if len(features) != len(labels):
        raise ScriptError(
            f"{table.file}: {len(features)} rows of features, but {len(labels)} labels; every row needs one"
        )
    if not len(features):
        raise ScriptError(f"{table.file}: no rows; give data with at least one example")
    if features.dtype.kind not in "biuf":
        raise ScriptError(f"{table.file}: features of type {features.dtype}, where numbers belong")
    features = features.reshape(len(features), -1)
    check_features(table.file, features.shape[1])
    return replace(table, features=features, labels=label_texts(table.file, labels))


def check_features(file: str, width: int) -> None:
    """`ScriptError` where there is nothing to learn from."""
    if not width:
        raise ScriptError(f"{file}: no features beside the label; give at least one more column")


def floats(features: Array) -> Floats:
    """Features as they are written: float32, pixels in [0, 1)."""
    if features.dtype == np.uint8:
        return features.astype(np.float32) * PIXEL_SCALE
    with np.errstate(over="ignore"):  # what is too large is a problem of its own, told elsewhere
        return features.astype(np.float32, copy=False)


def joined_cells(parts: list[Array]) -> Array:
    """All labels, or cells of a column, texts where some of them are."""
    if any(part.dtype.kind in "OU" for part in parts):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def same_width(first: Table, wanted: int, other: Table, width: int) -> None:
    """`ScriptError` where two tables have not the same columns."""
    if width != wanted:
        raise ScriptError(
            f"{other.file}: {width} features, but {first.file} has {wanted}; all files must have the same columns"
        )
    _same_columns(first, other)


def _same_columns(first: Table, other: Table) -> None:
    """`ScriptError` where both have a header and the headers differ: a model tells columns by their place alone."""
    if not first.columns or not other.columns or first.columns == other.columns:
        return
    pairs = zip(first.columns, other.columns, strict=True)
    place, (wanted, name) = next((place, pair) for place, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    raise ScriptError(
        f"{other.file}: feature {place} is {name!r}, but {wanted!r} in {first.file}; all files must have the same "
        "columns in the same order"
    )


def label_texts(file: str, labels: Array) -> Array:
    """Labels that are numbers or text; `ScriptError` for labels of any other type."""
    if labels.dtype.kind == "S":
        try:
            return np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as error:
            raise ScriptError(f"{file}: a label is no UTF-8 text ({error.reason}); give labels as text") from None
    if labels.dtype.kind not in "biufUO":
        raise ScriptError(f"{file}: labels of type {labels.dtype}, where numbers or names belong; convert them")
    return labels


def note_values(faults: Faults, features: Array, labels: Array, first: int, noted: Set[int]) -> None:
    """Labels of some rows that are empty, or numbers and not finite, and features that are not finite.

    The first row has the number `first`; features that were `noted` before are passed over.
    """
    note_labels(faults, labels, first)
    if features.dtype.kind == "f":
        for start in range(0, len(features), CHUNK_ROWS):
            _find_infinite(faults, features[start : start + CHUNK_ROWS], first + start, noted)


def note_labels(faults: Faults, labels: Array, first: int) -> None:
    """Labels that are none, of rows of which the first has this number."""
    if len(bad := bad_labels(labels)):
        faults.add(-1, LABEL, first + int(bad[0]), str(labels[bad[0]]).strip(), len(bad))


def bad_labels(labels: Array) -> npt.NDArray[np.intp]:
    """The rows whose label is none. Labels that are numbers must be finite; names may be any."""
    try:
        return np.flatnonzero(~np.isfinite(labels.astype(np.float64)))
    except (ValueError, TypeError):
        return np.flatnonzero([label is None or not str(label).strip() for label in labels])


def _find_infinite(faults: Faults, part: Array, first: int, noted: Set[int]) -> None:
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(part.astype(np.float32, copy=False))
    if not bad.any():
        return
    for kind, there in ((MISSING, bad & np.isnan(part)), (INFINITE, bad & ~np.isnan(part))):
        for column in sorted({*np.flatnonzero(there.any(axis=0)).tolist()} - noted):
            rows = np.flatnonzero(there[:, column])
            faults.add(column, kind, first + int(rows[0]), part[rows[0], column].item(), len(rows))
