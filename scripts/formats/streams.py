"""Raw data as streams of rows: CSV, Parquet, JSON Lines, libsvm and sparse matrices are read a piece at a time, and
again for each pass.

The other formats are read whole and handed out in pieces. So there is one way to read data, whatever its format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.errors import ScriptError
from scripts.formats.array_pickle import read_pickle
from scripts.formats.arrays import check_archive, read_npz
from scripts.formats.column_choice import nameless
from scripts.formats.columnar import columnar_head, columnar_rows
from scripts.formats.csv_head import Head, read_heads
from scripts.formats.csv_table import Rows, careful_rows, csv_problems, csv_rows
from scripts.formats.idx import read_idx_folder
from scripts.formats.reading_options import ALL, Reading
from scripts.formats.sources import CSV, IDX, NAMED, NPZ, Found, SourceFile, find
from scripts.formats.sparse import SPARSE, SparseForm, check_dense, dense_pieces, noted
from scripts.formats.sparse_files import SPARSE_KINDS, SparseFile, sparse_files
from scripts.formats.tables import CHUNK_ROWS, Table, check_features, note_values, same_width
from scripts.profiling.problems import Faults, Problem

Careful = Callable[[], tuple[Iterator[Rows], Callable[[int], list[Problem]]]]


@dataclass(frozen=True)
class Stream:
    """One file's rows of one split, or a share of it. `table` has its names, but no rows.

    `rows` reads them quickly, and fails where one is no number; `careful` reads them with NaN in such places, and tells
    the problems once all are read. `key` is the file's path below the data's place, `form` that of sparse rows.
    """

    key: str
    split: str
    table: Table
    width: int
    rows: Callable[[], Iterator[Rows]]
    careful: Careful
    form: SparseForm | None = None


def streams(place: Path, reading: Reading, *, sparse: bool = False, form: SparseForm | None = None) -> list[Stream]:
    """The data at `place`, a file or folder. `ScriptError` for what is no table, or tables that differ.

    `sparse` says that rows stay so, which those of some formats are; `form` is theirs if it is known.
    """
    source = find(place)
    if sparse and source.kind not in SPARSE_KINDS:
        if source.kind == NPZ:
            check_archive(source.files[0])
        raise ScriptError(
            f"{source.files[0].name}: features={SPARSE} takes libsvm and SciPy's sparse .npz, and this is "
            f"{source.kind}; leave the setting out"
        )
    if source.kind not in NAMED and reading.columns != ALL:
        raise nameless(source.files[0].name)
    if source.kind in SPARSE_KINDS:
        held = sparse_files(source.files, source.kind, reading.label_column, form)
        found = [_of_sparse(file, held[file.path], sparse) for file in source.divided()]
    elif source.kind == CSV:
        heads = read_heads(source.files, reading)
        found = [_of_csv(file, heads[file.path]) for file in source.divided()]
    elif source.kind in NAMED:
        found = [_of_columnar(source, file, reading) for file in source.divided()]
    else:
        found = [_of_table(table, split) for split, table in _tables(source).items()]
    for stream in found:
        check_features(stream.table.file, stream.width)
        same_width(found[0].table, found[0].width, stream.table, stream.width)
    return found


def _of_csv(file: SourceFile, head: Head) -> Stream:
    path = file.path
    columns = tuple(head.names[place] for place in head.features) if head.lines else ()
    table = Table.without_rows(path.name, columns, unit="line", label=head.described())

    def careful() -> tuple[Iterator[Rows], Callable[[int], list[Problem]]]:
        faults = Faults(path.name, "line")
        return careful_rows(path, head, faults), lambda count: csv_problems(head, faults, count)

    return Stream(file.key, file.split, table, len(head.features), lambda: csv_rows(path, head), careful)


def _of_columnar(source: Found, file: SourceFile, reading: Reading) -> Stream:
    of = (file.path, source.place, source.kind, reading)
    table = columnar_head(*of)

    def careful() -> tuple[Iterator[Rows], Callable[[int], list[Problem]]]:
        faults = Faults(table.file)
        return columnar_rows(*of, table.columns, faults), lambda count: _noted(table, faults, count)

    def rows() -> Iterator[Rows]:
        return columnar_rows(*of, table.columns, Faults(table.file))

    return Stream(file.key, file.split, table, len(table.columns), rows, careful)


def _of_sparse(file: SourceFile, held: SparseFile, sparse: bool) -> Stream:
    table, width = held.table, held.form.width
    if not sparse:
        check_dense(table.file, width)

    def shaped(parts: Iterator[Rows]) -> Iterator[Rows]:
        return parts if sparse else dense_pieces(parts)

    def careful() -> tuple[Iterator[Rows], Callable[[int], list[Problem]]]:
        faults = Faults(table.file, table.unit)
        return shaped(noted(held.rows(), faults)), lambda count: _noted(table, faults, count)

    return Stream(file.key, file.split, table, width, lambda: shaped(held.rows()), careful, held.form)


def _tables(source: Found) -> dict[str, Table]:
    """The splits of a format that is read whole, of which one file, or all files together, hold all."""
    if source.kind == IDX:
        return read_idx_folder(source.files)
    return (read_npz if source.kind == NPZ else read_pickle)(source.files[0])


def _of_table(table: Table, split: str) -> Stream:
    def rows() -> Iterator[Rows]:
        for start in range(0, len(table), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            yield table.features[part], table.labels[part]

    def careful() -> tuple[Iterator[Rows], Callable[[int], list[Problem]]]:
        faults = Faults(table.file, table.unit)
        note_values(faults, table.features, table.labels, table.first, frozenset())
        return rows(), lambda count: _noted(table, faults, count)

    bare = replace(table, features=table.features[:0], labels=table.labels[:0])
    return Stream(table.file, split, bare, table.features.shape[1], rows, careful)


def _noted(table: Table, faults: Faults, count: int) -> list[Problem]:
    """What was noted of a table while `count` rows were read."""
    return list(faults.problems({index: table.column(index) for index in faults.columns()}, "", count))
