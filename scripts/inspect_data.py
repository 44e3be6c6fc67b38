"""InspectData: the raw data looked at before anything is learnt from it; what must be mended stops the pipeline here.

Out come `schema.json` with rows, label and columns, and `statistics.json` and `constraints.json` as the baseline that
goes into the registry with the model: the columns as the endpoint will be sent them. For a table that gets a treatment
`featurizer.json` has it, fitted on the rows that will be train's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import ScriptError, conclude, end
from scripts.features.featurizer import FILE as FITTED
from scripts.features.raw_columns import raw_streams
from scripts.features.treatment_fit import fit
from scripts.formats.reading_options import Reading
from scripts.formats.sparse import SPARSE
from scripts.outputs import Outputs
from scripts.profiling.baseline import constraints, statistics
from scripts.profiling.fitness import Purpose
from scripts.profiling.number_survey import MOST_PROFILES
from scripts.profiling.problems import told
from scripts.profiling.schema import FILE, schema
from scripts.profiling.survey import FEATURES, NUMERIC, TABLE, survey
from scripts.profiling.surveyed import Survey
from scripts.splitting.split_plan import Plan
from scripts.splitting.targets import TASKS


def inspect_data(
    data: Path,
    output: Path,
    reading: Reading,
    *,
    features: str = NUMERIC,
    seed: int = 0,
    purpose: Purpose | None = None,
) -> str:
    """Write the files into `output`; a one-line summary. `ScriptError` tells all problems that the data has.

    For a table that is to be learnt for a purpose, its treatment is fitted here, where all rows are.
    """
    found = survey(data, reading, features=features, seed=seed, purpose=purpose)
    if found.problems:
        raise ScriptError(told(found.problems))
    featurizer = None
    if found.treated and purpose:
        featurizer = fit(raw_streams(data, reading), found, Plan.of(found, seed=seed, task=purpose.task), output)
    with Outputs() as outputs:
        if featurizer:
            outputs.write(output / FITTED, featurizer.dump())
        outputs.write_json(output / FILE, schema(found, seed))
        baseline = {"statistics": statistics(found.columns, found.profiled), "constraints": constraints(found.columns)}
        for name, content in baseline.items():
            outputs.write(output / f"{name}.json", json.dumps(content, allow_nan=False).encode() + b"\n")
    return said(found)


def said(found: Survey) -> str:
    """Rows, columns and label in one line."""
    rows = ", ".join(f"{split} {count}" if len(found.rows) > 1 else f"{count}" for split, count in found.rows.items())
    width = found.width
    label = f"{len(found.classes)} classes" if found.classes else "an amount"
    said = f"{rows} rows of {width} column{'s' * (width != 1)} and a label, {label}; nothing to mend"
    if found.form is None or found.sparse or width <= MOST_PROFILES:
        return said
    share = found.form.entries / max(1, found.profiled * width)
    return f"{said}; {share:.2%} of its numbers are not 0: --set features={SPARSE} leaves out all others"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts.inspect_data", description="What the raw data are, and whether fit.")
    parser.add_argument("--data", type=Path, required=True, help="file or folder of the raw data")
    parser.add_argument("--output", type=Path, required=True, help="folder of the baseline")
    parser.add_argument("--task", choices=TASKS, help="what the labels are learnt as; else that is not looked at")
    parser.add_argument("--positive-class", default="1", help="binary: the class that counts as 1")
    Reading.add_options(parser)
    parser.add_argument("--features", choices=(NUMERIC, TABLE, SPARSE), default=NUMERIC, help=FEATURES)
    parser.add_argument("--seed", type=int, default=0, help="of the sample that shows how values spread")
    parser.add_argument("--message", type=Path, help="file for the exit message")
    options = parser.parse_args(argv)
    return conclude(
        options.message,
        lambda: inspect_data(
            options.data,
            options.output,
            Reading.of(options),
            features=options.features,
            seed=options.seed,
            purpose=Purpose(options.task, options.positive_class) if options.task else None,
        ),
    )


if __name__ == "__main__":
    end(main())
