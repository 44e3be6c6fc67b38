"""Files of sparse rows, libsvm and SciPy's `.npz` alike: what each says of itself, and its rows a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.formats.libsvm import LABEL, libsvm_form, libsvm_rows
from scripts.formats.sparse import SparseForm, SparsePart
from scripts.formats.sparse_npz import sparse_npz_head, sparse_npz_rows
from scripts.formats.tables import Table

LIBSVM: Final = "libsvm"
SPARSE_NPZ: Final = "sparse NPZ"
SPARSE_KINDS: Final = (LIBSVM, SPARSE_NPZ)


@dataclass(frozen=True)
class SparseFile:
    """One file; `table` has its name and no rows."""

    path: Path
    kind: str
    table: Table
    form: SparseForm
    label_column: str

    def rows(self) -> Iterator[SparsePart]:
        """All rows, some at a time. `ScriptError` where they cannot be read."""
        if self.kind == LIBSVM:
            return libsvm_rows(self.path, self.form)
        return sparse_npz_rows(self.path, self.label_column)


def sparse_files(
    paths: Sequence[Path], kind: str, label_column: str, form: SparseForm | None = None
) -> dict[Path, SparseFile]:
    """The files; libsvm ones have the form of all, or the one that is known. `ScriptError` for what is no data."""
    if kind == LIBSVM:
        form = form or libsvm_form(paths)
        tables = {path: Table.without_rows(path.name, (), unit="line", label=LABEL) for path in paths}
        return {path: SparseFile(path, kind, table, form, label_column) for path, table in tables.items()}
    found = {}
    for path in paths:
        head = sparse_npz_head(path, label_column)
        table = Table.without_rows(path.name, (), unit="row", label=head.label)
        found[path] = SparseFile(path, kind, table, SparseForm(head.width), label_column)
    return found
