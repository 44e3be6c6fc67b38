"""What a look at a data set found, as whoever goes on needs it: files, label, classes, columns, problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.features.column_kinds import ColumnKind
from scripts.formats.sparse import SparseForm
from scripts.profiling.problems import Problem
from scripts.profiling.profiles import ColumnProfile


@dataclass(frozen=True)
class FileRows:
    """One file's rows of one split; how many of each class, and which column the label is."""

    key: str
    split: str
    rows: int
    classes: Mapping[str, int] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Survey:
    """What was seen. `classes` count the rows of each class, the rarest first; empty where the label is an amount.

    `names` are all that may be classes, in order, though the label may be an amount; `as_numbers` says that all are.
    `form` is that of the rows of a sparse format, and `sparse` says that they stay so.

    `columns` are profiles of the rows that train is taken from, as many as `profiled`, of which `sampled` show how
    values spread; `treated` says that columns get a treatment, by which `problems` are fewer, and `kinds` which.
    """

    files: tuple[FileRows, ...]
    label: str
    classes: dict[str, int]
    amounts: ColumnProfile | None
    columns: tuple[ColumnProfile, ...]
    profiled: int
    sampled: int
    problems: tuple[Problem, ...]
    treated: bool
    names: tuple[str, ...] = ()
    as_numbers: bool = True
    named: bool = True
    kinds: tuple[ColumnKind, ...] = ()
    form: SparseForm | None = None
    sparse: bool = False

    @property
    def width(self) -> int:
        """The columns that there are, of which sparse rows have profiles of those alone that are most often not 0."""
        return self.form.width if self.form else len(self.columns)

    @property
    def texts(self) -> frozenset[str]:
        """The columns of a treated table that hold texts."""
        return frozenset(column.name for column in self.columns if column.text)

    @property
    def rows(self) -> dict[str, int]:
        """The rows of each split."""
        rows: Counter[str] = Counter()
        for file in self.files:
            rows[file.split] += file.rows
        return dict(rows)
