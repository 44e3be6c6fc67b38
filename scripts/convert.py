"""ConvertData: raw data becomes what linear-learner reads, and an inspection of it that people can read.

Out come recordIO-protobuf for the channels train, validation and test, the features of test as CSV for the batch
prediction, its labels in the same order, and counts, statistics and pictures of it all. Data are read as a stream, by
as many instances as there are, each of which has its share of the files.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import ScriptError, conclude, end
from scripts.features.featurizer_archive import read_fit
from scripts.features.raw_columns import raw_streams
from scripts.features.treatment_fit import fit, treated_streams
from scripts.formats.files import is_empty
from scripts.formats.reading_options import Reading
from scripts.formats.sparse import SPARSE
from scripts.formats.streams import streams
from scripts.profiling.problems import told
from scripts.profiling.schema import read_schema
from scripts.profiling.survey import FEATURES, NUMERIC, TABLE, survey
from scripts.splitting.channel_writer import Share, convert_rows
from scripts.splitting.split_plan import Plan
from scripts.splitting.targets import TASKS


def convert(
    data: Path,
    output: Path,
    reading: Reading,
    *,
    task: str,
    positive_class: str,
    seed: int = 0,
    features: str = NUMERIC,
    baseline: Path | None = None,
    share: Share | None = None,
) -> str:
    """Convert the data at `data` into folders below `output`; a line that says what was taken for what.

    `baseline` is the folder of what InspectData saw; without it the data are looked at here.
    """
    share = share or Share()
    found = read_schema(baseline) if baseline else survey(data, reading, features=features, seed=seed)
    if found.problems:
        raise ScriptError(told(found.problems))
    # There may be more instances than files.
    idle = share.count > 1 and is_empty(data)
    featurizer = None
    if features == TABLE:
        raw = [] if idle else raw_streams(data, reading, form=found.form)
        featurizer = read_fit(baseline) if baseline else fit(raw, found, Plan.of(found, seed=seed, task=task), output)
        source = treated_streams(raw, featurizer, found.texts)
    else:
        source = [] if idle else streams(data, reading, sparse=features == SPARSE, form=found.form)
    return convert_rows(
        source,
        output,
        found,
        task=task,
        positive_class=positive_class,
        seed=seed,
        share=share,
        featurizer=featurizer,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.convert", description="Raw data to linear-learner's formats.")
    parser.add_argument("--data", type=Path, required=True, help="file or folder of the raw data")
    parser.add_argument("--output", type=Path, required=True, help="folder whose subfolders are the outputs")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--positive-class", default="1", help="binary: the class that counts as 1")
    Reading.add_options(parser)
    parser.add_argument("--features", choices=(NUMERIC, TABLE, SPARSE), default=NUMERIC, help=FEATURES)
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
            Reading.of(options),
            task=options.task,
            positive_class=options.positive_class,
            seed=options.seed,
            features=options.features,
            baseline=options.baseline,
            share=share,
        )
        # It is true of all data, and the messages of all instances come one after the other.
        return said if share.index == 0 else ""

    return conclude(options.message, work)


if __name__ == "__main__":
    end(main())
