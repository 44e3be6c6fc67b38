"""ConvertData: raw data becomes what linear-learner reads, and an inspection of it that people can read.

Out come recordIO-protobuf for the channels train, validation and test, the features of test as CSV for the batch
prediction, its labels in the same order, and counts, statistics and pictures of it all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scripts.classes import write_classes
from scripts.csv_head import AUTO, HEADERS
from scripts.csv_lines import csv_lines, label_lines, raw_lines
from scripts.errors import ScriptError, conclude
from scripts.featurizer import FILE
from scripts.featurizer_archive import archive
from scripts.inspection import described, inspect
from scripts.outputs import Outputs
from scripts.problems import told
from scripts.raw_columns import read_raw
from scripts.recordio import write_dense
from scripts.sources import read_source
from scripts.splits import Split, divide
from scripts.tables import Floats, Table
from scripts.targets import REGRESSOR, TASKS, make_targets
from scripts.treatment import fit, kinds_of, left_out, problems_of, raw_rows, treated

NUMERIC: Final = "numeric"
TABLE: Final = "table"


def convert(
    data: Path,
    output: Path,
    *,
    task: str,
    positive_class: str,
    label_column: str = AUTO,
    header: str = AUTO,
    seed: int = 0,
    features: str = NUMERIC,
) -> str:
    """Convert the data at `data` into folders below `output`; a line that says what was taken for what."""
    stratify = task != REGRESSOR
    if features == TABLE:
        prepared = _treated(data, label_column, header, seed, stratify=stratify)
    else:
        tables = read_source(data, label_column, header)
        splits = divide(tables, seed=seed, stratify=stratify)
        prepared = Prepared(tables, splits, (csv_lines(part) for _, part in splits["test"].chunks()), {}, "")
    splits = prepared.splits
    targets = make_targets(task, splits, positive_class)
    with Outputs() as outputs:
        for name, split in splits.items():
            write_channel(outputs, output / name / "part-00000.recordio", split, targets.labels[name])
        outputs.open(output / "features" / "features.csv").writelines(prepared.rows)
        outputs.write(output / "labels" / "labels.csv", label_lines(targets.labels["test"]))
        write_classes(outputs, output / "labels", targets.classes)
        for file, content in prepared.files.items():
            outputs.write(output / file, content)
        inspect(outputs, output / "inspection", splits, targets, task=task, tables=prepared.tables, seed=seed)
    return described(splits, targets, prepared.tables) + prepared.said


@dataclass(frozen=True)
class Prepared:
    """Tables and splits whose features are numbers; the lines of test as they are sent; more files; what to say."""

    tables: dict[str, list[Table]]
    splits: dict[str, Split]
    rows: Iterable[bytes]
    files: dict[str, bytes]
    said: str


def _treated(data: Path, label_column: str, header: str, seed: int, *, stratify: bool) -> Prepared:
    """A table's columns as features, the rows of test as they were, and the archive that serves the treatment."""
    raw = read_raw(data, label_column, header)
    kinds = kinds_of(raw)
    if problems := problems_of(raw, kinds):
        raise ScriptError(told(problems))
    raw_splits = divide(raw.tables, seed=seed, stratify=stratify)
    featurizer = fit(raw, kinds, raw_splits["train"])
    if not featurizer.features:
        raise ScriptError(f"{raw.every()[0].file}: no column is left to learn from; {left_out(featurizer)}")
    named = {
        split: [replace(table, columns=featurizer.features) for table in part] for split, part in raw.tables.items()
    }
    columns = len(featurizer.columns)
    said = f"; made of {columns} column{'s' * (columns != 1)}"
    return Prepared(
        named,
        {name: treated(raw, featurizer, split) for name, split in raw_splits.items()},
        [raw_lines(raw_rows(raw, raw_splits["test"]))],
        {"featurizer/model.tar.gz": archive(featurizer), f"inspection/{FILE}": featurizer.dump()},
        f"{said}, {out}" if (out := left_out(featurizer)) else said,
    )


def write_channel(outputs: Outputs, path: Path, split: Split, labels: Floats) -> None:
    """One channel as recordIO-protobuf."""
    stream = outputs.open(path)
    for rows, features in split.chunks():
        write_dense(stream, features, labels[rows])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.convert", description="Raw data to linear-learner's formats.")
    parser.add_argument("--data", type=Path, required=True, help="file or folder of the raw data")
    parser.add_argument("--output", type=Path, required=True, help="folder whose subfolders are the outputs")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--positive-class", default="1", help="binary: the class that counts as 1")
    parser.add_argument("--label-column", default=AUTO, help="CSV: 'first', 'last', or a name in the header")
    parser.add_argument("--csv-header", choices=HEADERS, default=AUTO, help="CSV: whether it has a header")
    parser.add_argument("--features", choices=(NUMERIC, TABLE), default=NUMERIC, help="table: fill, encode, take apart")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the order of train")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)
    return conclude(
        options.message,
        lambda: convert(
            options.data,
            options.output,
            task=options.task,
            positive_class=options.positive_class,
            label_column=options.label_column,
            header=options.csv_header,
            seed=options.seed,
            features=options.features,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
