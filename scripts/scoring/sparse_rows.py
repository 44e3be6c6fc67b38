"""The features of the test rows where they are sparse: recordIO-protobuf as the model is sent it, never made dense."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.formats.files import found
from scripts.formats.recordio import Sparse, read

CONTENT_TYPE: Final = "application/x-recordio-protobuf"
_ENDING: Final = ".recordio"


def are_sparse(folder: Path) -> bool:
    """Whether the conversion left sparse rows in the folder of the features."""
    return found(folder)[0].name.endswith(_ENDING)


def records(folder: Path) -> Iterator[bytes]:
    """The records, frame and all, in the order of the labels. Raises `ScriptError` for a file that is cut short."""
    for path in found(folder):
        with path.open("rb") as stream:
            while head := stream.read(8):
                size = struct.unpack("<II", head)[1] if len(head) == 8 else 0
                body = stream.read(size := size + -size % 4)
                if not size or len(body) < size:
                    raise ScriptError(f"{path.name}: it is cut short; convert the data again")
                yield head + body


def sparse_parts(folder: Path) -> Iterator[Any]:
    """Some rows at a time, compressed by rows. Raises `ScriptError` for what is no sparse recordIO."""
    from scipy.sparse import csr_matrix

    for path in found(folder):
        with path.open("rb") as stream:
            for chunk in read(stream, where=path.name):
                rows = chunk.features
                if not isinstance(rows, Sparse):
                    raise ScriptError(f"{path.name}: its records are not sparse; convert the data again")
                yield csr_matrix((rows.values, rows.keys, rows.indptr), shape=rows.shape)


def sparse_rows(folder: Path, rows: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
    """The chosen rows alone, each with its zeros."""
    wanted, first = np.unique(np.array(rows, np.intp)), 0
    chosen: dict[int, npt.NDArray[np.float32]] = {}
    for part in sparse_parts(folder):
        own = wanted[(wanted >= first) & (wanted < first + part.shape[0])]
        chosen.update(zip(own.tolist(), part[own - first].toarray(), strict=True))
        first += part.shape[0]
    return chosen
