"""Rows of files that hold arrays, as an endpoint takes them: NPZ, SciPy's sparse matrices, pickles and MNIST's IDX.

Their columns have no names. Labels that lie beside the features are kept to be compared, as `run` reads them.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import DataError
from pipeline.operate.deployed_model import DeployedData
from pipeline.operate.prediction_csv import Sent

if TYPE_CHECKING:
    from scripts.formats.tables import Array

_ROWS: Final = 500
_DAMAGED: Final = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and SciPy raise for an archive that is none, or is cut short."""


def holds_arrays(path: Path, kind: str | None) -> bool:
    """Whether the rows of a file of this kind are arrays, and not text. Raises DataError for libsvm."""
    from scripts.formats.sources import IDX, NPZ, PICKLE
    from scripts.formats.sparse_files import LIBSVM

    if kind == LIBSVM:
        raise DataError(
            f"{path} is libsvm, which does not say whether its first column is number 0 or 1",
            hint="save the rows as CSV, or by scipy.sparse.save_npz",
        )
    return kind in (IDX, NPZ, PICKLE)


def sent_arrays(path: Path, data: DeployedData | None) -> Iterator[Sent]:
    """The rows of the file. Raises DataError."""
    from scripts.errors import ScriptError

    try:
        for features, truths in _parts(path):
            yield from _sent(path, features, truths, data)
    except ScriptError as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _sent(path: Path, features: Array, truths: Array | None, data: DeployedData | None) -> Iterator[Sent]:
    import numpy as np

    if data is not None and not data.raw and features.shape[1] != data.width:
        raise DataError(f"{path}: {features.shape[1]} columns where the model has {data.width} features")
    if features.dtype.kind not in "biuf":
        raise DataError(f"{path}: features of the type {features.dtype}, where numbers belong", hint="convert them")
    scale = 1.0 if data is None or features.dtype.kind not in "ui" else data.scale
    if features.dtype.kind == "b":
        features = features.astype(np.uint8)
    for start in range(0, features.shape[0], _ROWS):
        piece = features[start : start + _ROWS]
        rows = piece if isinstance(piece, np.ndarray) else piece.toarray()
        if scale != 1.0:
            rows = rows * np.float32(scale)
        for number, row in enumerate(rows.tolist(), start):
            line = ",".join(map(repr, row)).encode() + b"\n"
            yield Sent(line, "" if truths is None else str(truths[number]))


def _parts(path: Path) -> Iterator[tuple[Any, Array | None]]:
    """Features (rows, columns), which may be sparse, and the labels beside them, if there are any."""
    from scripts.formats.array_pickle import read_pickle
    from scripts.formats.idx import is_idx, read_idx
    from scripts.formats.tables import label_texts

    if path.name.lower().removesuffix(".gz").endswith(".npz"):
        yield from _npz(path)
    elif is_idx(path):
        if "-images" not in path.name:
            raise DataError(f"{path} holds labels", hint="give the file of the images; labels beside it are compared")
        images, labels = read_idx(path), _labels_of(path)
        found = None if labels is None else label_texts(labels.name, read_idx(labels))
        if found is not None and len(found) != len(images):
            raise DataError(f"{path} has {len(images)} images, but {labels} has {len(found)} labels")
        yield _dense(path, images), found
    else:
        yield from ((table.features, table.labels) for table in read_pickle(path).values())


def _labels_of(images: Path) -> Path | None:
    """The file of the labels that belong to an IDX file of images."""
    name = re.sub(r"-images([-.])idx\d", r"-labels\1idx1", images.name).removesuffix(".gz")
    return next((path for path in (images.with_name(name), images.with_name(f"{name}.gz")) if path.exists()), None)


def _npz(path: Path) -> Iterator[tuple[Any, Array | None]]:
    """The features of each split, or else of the first array, by the names that `run` knows."""
    import numpy as np

    from scripts.formats.arrays import places
    from scripts.formats.sparse_npz import is_sparse_npz, seekable

    with ExitStack() as stack:
        try:
            arrays = stack.enter_context(np.load(seekable(path, stack), allow_pickle=False))
            names: dict[tuple[str, str], str] = {}
            for name, place in places(arrays.files).items():
                names.setdefault(place, name)
            labels = names.get(("all", "y"))
            if is_sparse_npz(path):
                yield _with_labels(path, _sparse(seekable(path, stack)), arrays, labels)
                return
            found = [(split, name) for (split, part), name in names.items() if part == "x"]
            for split, name in found or [("all", name) for name in arrays.files if name != labels][:1]:
                yield _with_labels(path, _dense(path, arrays[name]), arrays, names.get((split, "y")))
            if not arrays.files:
                raise _no_rows(path)
        except _DAMAGED as error:
            raise DataError(f"{path} is not an NPZ file of plain arrays: {error}") from None


def _with_labels(path: Path, features: Any, arrays: Any, name: str | None) -> tuple[Any, Array | None]:
    from scripts.formats.tables import label_texts

    labels = None if name is None else arrays[name]
    if labels is None or labels.shape not in ((features.shape[0],), (features.shape[0], 1)):
        return features, None
    return features, label_texts(path.name, labels.ravel())


def _sparse(file: Any) -> Any:
    from scipy.sparse import csr_matrix, load_npz

    matrix = load_npz(file)
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)  # else a number outside of the matrix is written outside of the memory
    return csr_matrix(matrix)


def _dense(path: Path, features: Any) -> Array:
    import numpy as np

    if not isinstance(features, np.ndarray) or features.ndim < 2:
        raise _no_rows(path)
    flat: Array = features.reshape(len(features), math.prod(features.shape[1:]))
    return flat


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has no array of rows", hint="save the features as a 2-dimensional array x")
