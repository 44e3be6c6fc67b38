"""Sparse rows: SciPy's compressed rows, float32, without zeros, each column once a row.

They come from libsvm files and SciPy's `.npz`, some at a time. They stay sparse where the setting `features` says so,
and are made dense in small pieces where it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.tables import Array, note_labels
from scripts.profiling.problems import INFINITE, MISSING, Faults

SPARSE: Final = "sparse"
"""The setting by which rows stay sparse."""
MOST_COLUMNS: Final = 1_000_000
MOST_DENSE: Final = 20_000
"""The columns of rows that are made dense: a thousand rows of them, which are divided at once, are 80 MB."""

_DENSE_CELLS: Final = 2_000_000

SparsePart = tuple[Any, Array]
"""Some rows and their labels."""


@dataclass(frozen=True)
class SparseForm:
    """What all files together say of sparse rows: how many columns, which number is the first one's, 0 or 1, in libsvm,
    and how many numbers are not 0.
    """

    width: int
    first: int = 1
    entries: int = 0


def is_sparse(features: Any) -> bool:
    """Whether rows are sparse."""
    return hasattr(features, "indptr")


def compressed(values: Array, columns: Array, ends: Array, width: int) -> Any:
    """Sparse rows, of which row i has `values[ends[i]:ends[i + 1]]` at `columns[...]`; what comes twice is added."""
    from scipy.sparse import csr_matrix

    with np.errstate(over="ignore"):  # what is too large is told as a problem of its own
        numbers = np.asarray(values).astype(np.float32)
    rows = csr_matrix((numbers, columns, ends), shape=(len(ends) - 1, width))
    rows.sum_duplicates()
    if not rows.data.all():
        rows.eliminate_zeros()
    return rows


def stacked_sparse(parts: Sequence[Any]) -> Any:
    """All rows of parts that are equally wide."""
    from scipy.sparse import vstack

    return parts[0] if len(parts) == 1 else vstack(parts, format="csr")


def dense_pieces(parts: Iterator[SparsePart]) -> Iterator[SparsePart]:
    """The same rows with their zeros, so few at a time that they are small."""
    for rows, labels in parts:
        step = max(1, _DENSE_CELLS // rows.shape[1])
        for start in range(0, len(labels), step):
            yield rows[start : start + step].toarray(), labels[start : start + step]


def check_dense(file: str, width: int) -> None:
    """`ScriptError` where rows are too wide to be made dense."""
    if width > MOST_DENSE:
        raise ScriptError(
            f"{file}: {width:,} columns, of which {MOST_DENSE:,} are taken as dense numbers; type --set "
            f"features={SPARSE}, which keeps the rows sparse"
        )


def check_columns(file: str, width: int) -> None:
    """`ScriptError` for more columns than a model is made of here."""
    if width > MOST_COLUMNS:
        raise ScriptError(
            f"{file}: {width:,} columns, where {MOST_COLUMNS:,} are taken; number them anew without gaps, or hash them "
            "into fewer"
        )


def noted(parts: Iterator[SparsePart], faults: Faults) -> Iterator[SparsePart]:
    """The parts, noting numbers that are not finite, and labels that are none."""
    first = 1
    for rows, labels in parts:
        note_labels(faults, labels, first)
        bad = np.flatnonzero(~np.isfinite(rows.data))
        columns = rows.indices[bad]
        for column in np.unique(columns).tolist():
            own = bad[columns == column]
            for kind, chosen in ((MISSING, own[np.isnan(rows.data[own])]), (INFINITE, own[np.isinf(rows.data[own])])):
                if len(chosen):
                    row = int(np.searchsorted(rows.indptr, chosen[0], side="right")) - 1
                    faults.add(column, kind, first + row, rows.data[chosen[0]].item(), len(chosen))
        yield rows, labels
        first += len(labels)
