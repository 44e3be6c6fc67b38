"""ConvertData: raw data becomes what linear-learner reads, and an inspection of it that people can read.

Out come recordIO-protobuf for the channels train, validation and test, the features of test as CSV for the batch
prediction, its labels in the same order, and counts, statistics and pictures of it all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.classes import write_classes
from scripts.csv_head import AUTO, HEADERS
from scripts.csv_lines import csv_lines, label_lines
from scripts.errors import conclude
from scripts.inspection import described, inspect
from scripts.outputs import Outputs
from scripts.recordio import write_dense
from scripts.sources import read_source
from scripts.splits import Split, divide
from scripts.tables import Floats
from scripts.targets import REGRESSOR, TASKS, make_targets


def convert(
    data: Path,
    output: Path,
    *,
    task: str,
    positive_class: str,
    label_column: str = AUTO,
    header: str = AUTO,
    seed: int = 0,
) -> str:
    """Convert the data at `data` into folders below `output`; a line that says what was taken for what."""
    tables = read_source(data, label_column, header)
    splits = divide(tables, seed=seed, stratify=task != REGRESSOR)
    targets = make_targets(task, splits, positive_class)
    with Outputs() as outputs:
        for name, split in splits.items():
            write_channel(outputs, output / name / "part-00000.recordio", split, targets.labels[name])
        features = outputs.open(output / "features" / "features.csv")
        for _, part in splits["test"].chunks():
            features.write(csv_lines(part))
        outputs.write(output / "labels" / "labels.csv", label_lines(targets.labels["test"]))
        write_classes(outputs, output / "labels", targets.classes)
        inspect(outputs, output / "inspection", splits, targets, task=task, tables=tables, seed=seed)
    return described(splits, targets, tables)


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
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
