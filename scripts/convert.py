"""ConvertData: raw data becomes what linear-learner reads, and an inspection of it that people can read.

Out come recordIO-protobuf for the channels train, validation and test, the features of test as CSV for the batch
prediction, its labels in the same order, and counts, statistics and pictures of it all. Numbers are read as a stream,
by as many instances as there are, each of which has its share of the files; a table of more than that is read whole.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.errors import ScriptError, conclude
from scripts.features.featurizer import FILE
from scripts.features.featurizer_archive import archive
from scripts.features.raw_columns import RawTables, read_raw
from scripts.features.treatment import fit, kinds_of, left_out, problems_of, raw_rows, treated
from scripts.formats.column_choice import ALL
from scripts.formats.csv_head import AUTO, HEADERS
from scripts.formats.csv_lines import label_lines, raw_lines
from scripts.formats.files import is_empty
from scripts.formats.recordio import write_dense
from scripts.formats.streams import streams
from scripts.formats.tables import Floats
from scripts.outputs import Outputs
from scripts.profiling.inspection import SAMPLE_ROWS, Facts, FirstRows, described, inspect, write_statistics
from scripts.profiling.problems import told
from scripts.profiling.profiles import Moments
from scripts.profiling.schema import read_schema
from scripts.profiling.survey import NUMERIC, TABLE, survey
from scripts.splitting.classes import write_classes
from scripts.splitting.conversion import Share, convert_rows
from scripts.splitting.splits import Split, divide
from scripts.splitting.targets import REGRESSOR, TASKS, Targets, make_targets


def convert(
    data: Path,
    output: Path,
    *,
    task: str,
    positive_class: str,
    label_column: str = AUTO,
    header: str = AUTO,
    columns: str = ALL,
    seed: int = 0,
    features: str = NUMERIC,
    baseline: Path | None = None,
    share: Share | None = None,
) -> str:
    """Convert the data at `data` into folders below `output`; a line that says what was taken for what.

    `baseline` is the folder of what InspectData saw; without it the data are looked at here.
    """
    share = share or Share()
    if features == TABLE:
        raw = read_raw(data, label_column, header, columns)
        return _convert_table(raw, output, task=task, positive_class=positive_class, seed=seed, share=share)
    found = read_schema(baseline) if baseline else survey(data, label_column, header, columns, seed=seed)
    if found.problems:
        raise ScriptError(told(found.problems))
    # There may be more instances than files.
    source = [] if share.count > 1 and is_empty(data) else streams(data, label_column, header, columns)
    return convert_rows(source, output, found, task=task, positive_class=positive_class, seed=seed, share=share)


def _convert_table(raw: RawTables, output: Path, *, task: str, positive_class: str, seed: int, share: Share) -> str:
    """A table's columns as features, the rows of test as they were, and the archive that serves the treatment.

    Every instance has all of the table and so fits the same treatment, and applies it to its share of each split.
    """
    kinds = kinds_of(raw)
    if problems := problems_of(raw, kinds):
        raise ScriptError(told(problems))
    whole = divide(raw.tables, seed=seed, stratify=task != REGRESSOR)
    featurizer = fit(raw, kinds, whole["train"])
    if not featurizer.features:
        raise ScriptError(f"{raw.every()[0].file}: no column is left to learn from; {left_out(featurizer)}")
    targets = make_targets(task, whole, positive_class)
    facts = _facts(raw, targets, featurizer.features, task=task, seed=seed)
    places = {name: share.slice(len(split)) for name, split in whole.items()}
    own = {
        name: Split(whole[name].features, whole[name].labels[at], whole[name].rows[at]) for name, at in places.items()
    }
    made = {name: treated(raw, featurizer, split) for name, split in own.items()}
    labels = {name: targets.labels[name][at] for name, at in places.items()}
    moments = Moments(facts.width)
    for _, part in made["train"].chunks():
        moments.count(part)
    with Outputs() as outputs:
        for name, split in made.items():
            write_channel(
                outputs, output / name, split, labels[name], share, parts=share.parts if name == "train" else 1
            )
        rows = outputs.open(output / "features" / share.name("features", ".csv"))
        rows.write(raw_lines(raw_rows(raw, own["test"])))
        outputs.write(output / "labels" / share.name("labels", ".csv"), label_lines(labels["test"]))
        write_classes(outputs, output / "labels", targets.classes)
        outputs.write(output / "featurizer" / "model.tar.gz", archive(featurizer))
        outputs.write(output / "inspection" / FILE, featurizer.dump())
        amounts = {} if targets.classes else {name: _moments(of) for name, of in labels.items()}
        write_statistics(outputs, output / "inspection" / share.name("statistics", ".json"), moments, amounts)
        if share.index == 0:
            names = targets.names["train"] if targets.names else targets.labels["train"]
            first = slice(min(len(made["train"]), SAMPLE_ROWS))
            sample = FirstRows(made["train"].features[first], labels["train"][first], names[first])
            inspect(outputs, output / "inspection", facts, sample)
    columns = len(featurizer.columns)
    said = f"{described(facts)}; made of {columns} column{'s' * (columns != 1)}"
    return f"{said}, {out}" if (out := left_out(featurizer)) else said


def _facts(raw: RawTables, targets: Targets, columns: tuple[str, ...], *, task: str, seed: int) -> Facts:
    names = targets.names or {name: np.full(len(labels), "", object) for name, labels in targets.labels.items()}
    counted = {name: np.unique(part.astype(str), return_counts=True) for name, part in names.items()}
    train = targets.labels["train"]
    return Facts(
        task=task,
        seed=seed,
        files=tuple(table.file for table in raw.every()),
        label=raw.every()[0].label,
        classes=targets.classes,
        counts={name: dict(zip(known.tolist(), many.tolist(), strict=True)) for name, (known, many) in counted.items()},
        bounds=(float(train.min()), float(train.max())),
        columns=columns,
        width=len(columns),
    )


def _moments(labels: Floats) -> Moments:
    found = Moments(1)
    found.count(labels[:, None].astype(np.float64))
    return found


def write_channel(outputs: Outputs, folder: Path, split: Split, labels: Floats, share: Share, *, parts: int) -> None:
    """An instance's share of one channel as recordIO-protobuf, in so many parts."""
    numbers = range(share.index * parts, (share.index + 1) * parts)
    streams = [outputs.open(folder / f"part-{number:05}.recordio") for number in numbers]
    for rows, features in split.chunks():
        pieces = zip(streams, np.array_split(features, parts), np.array_split(labels[rows], parts), strict=True)
        for stream, piece, own in pieces:
            write_dense(stream, piece, own)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.convert", description="Raw data to linear-learner's formats.")
    parser.add_argument("--data", type=Path, required=True, help="file or folder of the raw data")
    parser.add_argument("--output", type=Path, required=True, help="folder whose subfolders are the outputs")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--positive-class", default="1", help="binary: the class that counts as 1")
    parser.add_argument("--label-column", default=AUTO, help="CSV: 'first', 'last', or a name in the header")
    parser.add_argument("--csv-header", choices=HEADERS, default=AUTO, help="CSV: whether it has a header")
    parser.add_argument("--columns", default=ALL, help="names and patterns, with commas; ! leaves out")
    parser.add_argument("--features", choices=(NUMERIC, TABLE), default=NUMERIC, help="table: fill, encode, take apart")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the order of train")
    parser.add_argument("--baseline", type=Path, help="folder of schema.json; else the data are looked at first")
    parser.add_argument("--resources", type=Path, help="resourceconfig.json: which instance of how many this is")
    parser.add_argument("--parts", type=int, default=1, help="parts of train that an instance makes")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)
    share = Share.of(options.resources, options.parts)

    def work() -> str:
        said = convert(
            options.data,
            options.output,
            task=options.task,
            positive_class=options.positive_class,
            label_column=options.label_column,
            header=options.csv_header,
            columns=options.columns,
            seed=options.seed,
            features=options.features,
            baseline=options.baseline,
            share=share,
        )
        # It is true of all data, and the messages of all instances come one after the other.
        return said if share.index == 0 else ""

    return conclude(options.message, work)


if __name__ == "__main__":
    sys.exit(main())
