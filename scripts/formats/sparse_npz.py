"""Matrices that SciPy's `save_npz` wrote, read in pieces: a thread through each array of the archive, some rows a time.

Compressed rows lie in the order of rows, so nothing but the rows at hand is held. Compressed columns do not; they are
turned in memory, where they stay sparse. What an array says of its own size is believed no further than it goes.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from scripts.errors import ScriptError
from scripts.formats.files import is_packed, memory, opened, read_up_to
from scripts.formats.reading_options import AUTO, FIRST, LAST
from scripts.formats.sparse import SparsePart, check_columns, compressed
from scripts.formats.tables import CHUNK_ROWS, Array, label_texts

_MARKS: Final = (("indices", "indptr"), ("format", "shape", "data"))
"""The arrays by which a sparse matrix is known, rows and columns of coordinates or diagonals too."""
_ENTRIES: Final = 1_000_000
_SHARE: Final = 3
"""Compressed columns may take a third of the memory: they are there twice while they are turned."""
_SMALL: Final = 1 << 16
_LONGEST: Final = 1 << 12
"""Bytes of one item, which a label may be."""
_BROKEN: Final = (
    *(ValueError, TypeError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError, OverflowError),
)


@dataclass(frozen=True)
class SparseHead:
    """What a file says of itself: rows, columns but the label's, and where in the matrix that is, if it is there."""

    rows: int
    width: int
    label: str
    place: int | None


def is_sparse_npz(path: Path) -> bool:
    """Whether a file is an archive of a sparse matrix, as far as it is one at all."""
    try:
        with ExitStack() as stack, zipfile.ZipFile(seekable(path, stack)) as archive:
            return any(all(_has(archive, name) for name in marks) for marks in _MARKS)
    except _BROKEN:
        return False


def sparse_npz_head(path: Path, label_column: str) -> SparseHead:
    """The head of a file. `ScriptError` for what is no sparse matrix, or has no labels."""
    with _arrays(path) as arrays:
        return _head(arrays, path, label_column)


def sparse_npz_rows(path: Path, label_column: str) -> Iterator[SparsePart]:
    """Sparse rows and labels, some at a time. `ScriptError` for what is damaged or contradicts itself."""
    with _arrays(path) as arrays:
        head = _head(arrays, path, label_column)
        for rows in _by_rows(arrays, path, head) if arrays.format == "csr" else _by_columns(arrays, path, head):
            if head.place is None:
                yield rows, label_texts(path.name, arrays["y"].take(rows.shape[0]))
            else:
                labels = rows[:, [head.place]].toarray()[:, 0]
                yield rows[:, 1:] if head.place == 0 else rows[:, :-1], labels


class _Thread:
    """One array of an archive, read from its begin to its end."""

    def __init__(self, stream: IO[bytes], name: str, path: Path) -> None:
        self._stream, self._name, self._path = stream, name, path
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self.shape, _, self.dtype = read(stream)
        self.length = int(self.shape[0]) if self.shape else 1
        if self.dtype.hasobject:
            raise ScriptError(
                f"{path.name}: the array {name} holds Python objects, which are not read, since a pickle can run any "
                "code; make it plain numbers"
            )
        if self.length < 0 or not 0 < self.dtype.itemsize <= _LONGEST:
            raise _damaged(path, name, f"{self.length} items of {self.dtype.itemsize} bytes")

    def take(self, count: int) -> Array:
        """So many more. `ScriptError` where they are not there."""
        try:
            data = read_up_to(self._stream, count * self.dtype.itemsize)
        except _BROKEN as error:
            raise _damaged(self._path, self._name, str(error)) from None
        if len(data) < count * self.dtype.itemsize:
            raise _damaged(self._path, self._name, "it is shorter than it says")
        return np.frombuffer(data, self.dtype)

    def whole(self, most: int = _SMALL) -> Array:
        """All of a small array."""
        if self.length * self.dtype.itemsize > most:
            raise _damaged(self._path, self._name, f"{self.length:,} items are too many")
        return self.take(self.length)


@dataclass(frozen=True)
class _Arrays:
    threads: dict[str, _Thread]
    format: str

    def __getitem__(self, name: str) -> _Thread:
        return self.threads[name]


@contextmanager
def _arrays(path: Path) -> Iterator[_Arrays]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(seekable(path, stack)))
            names = [name for name in ("data", "indices", "indptr", "shape", "format", "y") if _has(archive, name)]
            threads = {name: _Thread(stack.enter_context(archive.open(f"{name}.npy")), name, path) for name in names}
            kind = threads["format"].whole().tobytes().decode().replace("\0", "").strip()
        except _BROKEN as error:
            raise _unreadable(path, str(error)) from None
        if kind not in ("csr", "csc") or not {"data", "indices", "indptr", "shape"} <= set(threads):
            raise _unreadable(path, f"its format is {kind[:20]!r}")
        yield _Arrays(threads, kind)


def _has(archive: zipfile.ZipFile, name: str) -> bool:
    return f"{name}.npy" in archive.NameToInfo


def seekable(path: Path, stack: ExitStack) -> Any:
    """The archive, from whose places several arrays are read in turn; one that is packed is unpacked beside."""
    if not is_packed(path):
        return stack.enter_context(path.open("rb"))
    unpacked = stack.enter_context(tempfile.TemporaryFile())
    with opened(path) as stream:
        shutil.copyfileobj(stream, unpacked, 1 << 20)
    unpacked.seek(0)
    return unpacked


def _head(arrays: _Arrays, path: Path, label_column: str) -> SparseHead:
    try:
        rows, width = (int(size) for size in arrays["shape"].whole().tolist())
    except (ValueError, TypeError) as error:
        raise _unreadable(path, f"its shape is none: {error}") from None
    if rows < 1:
        raise ScriptError(f"{path.name}: no rows; give data with at least one example")
    kinds = {name: arrays[name].dtype.kind for name in ("data", "indices", "indptr")}
    if kinds["data"] not in "biuf" or kinds["indices"] not in "iu" or kinds["indptr"] not in "iu":
        raise _unreadable(path, f"its arrays are of the types {', '.join(arrays[name].dtype.name for name in kinds)}")
    lines = rows if arrays.format == "csr" else width
    if any(len(arrays[name].shape) != 1 for name in kinds):
        raise _unreadable(path, "its arrays are no lists")
    if arrays["indptr"].length != lines + 1 or arrays["data"].length != arrays["indices"].length or width < 1:
        raise _unreadable(path, f"its arrays do not make {rows} rows of {width} columns")
    check_columns(path.name, width)
    if "y" in arrays.threads:
        count = arrays["y"].shape
        if len(count) not in (1, 2) or count[1:] not in ((), (1,)) or count[0] != rows:
            raise ScriptError(f"{path.name}: {rows} rows of features, but labels of shape {count}; every row needs one")
        return SparseHead(rows, width, "of the array y", None)
    if label_column not in (FIRST, LAST):
        raise ScriptError(
            f"{path.name}: a sparse matrix without labels; add an array y to the archive, or say where in the matrix "
            f"they are by LabelColumn=first or LabelColumn=last{'' if label_column == AUTO else ': it has no names'}"
        )
    place = 0 if label_column == FIRST else width - 1
    return SparseHead(rows, width - 1, f"(column {place + 1} of {width})", place)


def _by_rows(arrays: _Arrays, path: Path, head: SparseHead) -> Iterator[Any]:
    """Compressed rows, so many at a time that they hold no more than a million numbers, one at least."""
    width = head.width + (head.place is not None)
    total = arrays["data"].length
    at = int(arrays["indptr"].take(1)[0])
    left = head.rows
    if at != 0:
        raise _unreadable(path, "its first row does not begin at 0")
    while left:
        ends = np.concatenate(([at], arrays["indptr"].take(min(left, CHUNK_ROWS)).astype(np.int64)))
        left -= len(ends) - 1
        sizes = np.diff(ends)
        if sizes.min() < 0 or ends[-1] > total or sizes.max() > width:
            raise _unreadable(path, "its rows do not end where they should")
        while len(ends) > 1:
            count = max(1, int(np.searchsorted(ends, ends[0] + _ENTRIES, side="right")) - 1)
            own = ends[: count + 1] - ends[0]
            yield _compressed(arrays, path, own, width)
            ends = ends[count:]
        at = int(ends[0])
    if at != total:
        raise _unreadable(path, f"it has {total} numbers, of which its rows hold {at}")


def _compressed(arrays: _Arrays, path: Path, ends: Array, width: int) -> Any:
    values, columns = (arrays[name].take(int(ends[-1])) for name in ("data", "indices"))
    if len(columns) and not 0 <= int(columns.min()) <= int(columns.max()) < width:
        raise _unreadable(path, f"a number lies outside its {width} columns")
    return compressed(values, columns.astype(np.int32), ends, width)


def _by_columns(arrays: _Arrays, path: Path, head: SparseHead) -> Iterator[Any]:
    """Compressed columns turned to rows."""
    from scipy.sparse import csc_matrix

    total, most = arrays["data"].length, memory() // _SHARE
    if 24 * total > most:
        raise ScriptError(
            f"{path.name}: {total:,} numbers by columns take {24 * total / 1e9:.1f} GB to be turned, where there is "
            f"room for {most / 1e9:.1f} GB; save it by scipy.sparse.save_npz(path, matrix.tocsr()), which is read in "
            "pieces"
        )
    parts = tuple(arrays[name].take(arrays[name].length) for name in ("data", "indices", "indptr"))
    shape = head.rows, head.width + (head.place is not None)
    try:
        matrix = csc_matrix(parts, shape=shape)
        matrix.check_format(full_check=True)
    except _BROKEN as error:
        raise _unreadable(path, str(error)) from None
    turned = matrix.tocsr()
    for start in range(0, shape[0], CHUNK_ROWS):
        part = turned[start : start + CHUNK_ROWS]
        yield compressed(part.data, part.indices, part.indptr, shape[1])


def _unreadable(path: Path, reason: str) -> ScriptError:
    return ScriptError(
        f"{path.name}: no sparse matrix that is read ({reason}); write it by scipy.sparse.save_npz(path, "
        "matrix.tocsr())"
    )


def _damaged(path: Path, name: str, reason: str) -> ScriptError:
    return ScriptError(
        f"{path.name}: the array {name} cannot be read ({reason}); fetch the file again, or write it by "
        "scipy.sparse.save_npz"
    )
