"""Sparse data: libsvm files, and matrices that SciPy saved as .npz.

Everything behind the readers works on dense rows, so they are made dense here, and refused where the machine has no
memory for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.csv_head import AUTO, FIRST, LAST
from scripts.formats.files import memory, opened
from scripts.formats.tables import Array, Table, checked

_SHARE: Final = 3
"""The features may take a third of the memory: they are there twice while they are divided into splits."""


def read_libsvm(paths: Sequence[Path]) -> dict[Path, Table]:
    """Lines of a label and `index:value` pairs; all files are as wide as the widest."""
    from sklearn.datasets import load_svmlight_files

    with ExitStack() as stack:
        streams = [stack.enter_context(opened(path)) for path in paths]
        for path, stream in zip(paths, streams, strict=True):
            if not stream.read(1):
                raise ScriptError(f"{path.name}: no rows; give data with at least one example")
            stream.seek(0)
        try:
            loaded = load_svmlight_files(streams, dtype=np.float32)
        except ValueError as error:
            names = ", ".join(path.name for path in paths[:3])
            raise ScriptError(
                f"{names}: no readable libsvm ({error}); write lines such as 1 3:0.5 7:2, a number and pairs of an "
                "index and a value"
            ) from None
    return {
        path: checked(Table(path.name, dense(matrix, path), labels, unit="line", label="(first in each line)"))
        for path, matrix, labels in zip(paths, loaded[::2], loaded[1::2], strict=True)
    }


def read_sparse_npz(archive: Mapping[str, Array], path: Path, label_column: str) -> Table:
    """What `scipy.sparse.save_npz` wrote; the labels are an array `y` in the archive, or the first or last column."""
    matrix = dense(_matrix(archive, path), path)
    if "y" in archive:
        return checked(Table(path.name, matrix, archive["y"], label="of the array y"))
    if label_column not in (FIRST, LAST):
        raise ScriptError(
            f"{path.name}: a sparse matrix without labels; add an array y to the archive, or say where in the matrix "
            f"they are by LabelColumn=first or LabelColumn=last{'' if label_column == AUTO else ': it has no names'}"
        )
    place = 0 if label_column == FIRST else matrix.shape[1] - 1
    label = f"(column {place + 1} of {matrix.shape[1]})"
    return checked(Table(path.name, np.delete(matrix, place, axis=1), matrix[:, place].copy(), label=label))


def dense(matrix: Any, path: Path) -> Array:
    """The matrix as float32 with its zeros; `ScriptError` where that would not fit."""
    rows, columns = matrix.shape
    size, most = 4 * rows * columns, memory() // _SHARE
    if size > most:
        raise ScriptError(
            f"{path.name}: {rows} rows of {columns} features take {size / 1e9:.1f} GB as dense numbers, where there is "
            f"room for {most / 1e9:.1f} GB; use a larger instance type, or fewer features or rows"
        )
    found: Array = matrix.astype(np.float32).toarray()
    return found


def _matrix(archive: Mapping[str, Array], path: Path) -> Any:
    """The matrix in an archive of plain arrays, whose indices are checked before anything trusts them."""
    import scipy.sparse

    try:
        kind = np.asarray(archive["format"]).item()
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        makers = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}
        parts = (archive["data"], archive["indices"], archive["indptr"])
        matrix = makers[kind](parts, shape=tuple(archive["shape"].tolist()))
        matrix.check_format(full_check=True)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise ScriptError(
            f"{path.name}: no sparse matrix that is read ({error}); write it by scipy.sparse.save_npz(path, "
            "matrix.tocsr())"
        ) from None
    return matrix
