"""A data set looked at before anything is learnt from it: rows, label, columns, and all that must be mended first.

Both the step InspectData and `pipeline inspect` look through this module, and nothing else finds problems. All that has
rows in files is read as a stream, in memory that does not grow with them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts.formats.reading_options import Reading
from scripts.formats.sources import find
from scripts.formats.sparse import SPARSE
from scripts.formats.sparse_files import SPARSE_KINDS
from scripts.profiling.fitness import Purpose, unfit
from scripts.profiling.number_survey import MOST_PROFILES, survey_numbers
from scripts.profiling.problems import TREATED
from scripts.profiling.surveyed import Survey
from scripts.profiling.table_survey import survey_table

NUMERIC: Final = "numeric"
TABLE: Final = "table"
FEATURES: Final = "table: fill, encode, take apart; sparse: leave out zeros on the whole way"


def survey(
    place: Path, reading: Reading, *, features: str = NUMERIC, seed: int = 0, purpose: Purpose | None = None
) -> Survey:
    """Look at the data at `place` as it will be read with this setting. `ScriptError` for what is no data."""
    if features == TABLE:
        found = survey_table(place, reading, seed)
    else:
        found = survey_numbers(place, reading, seed, sparse=features == SPARSE)
    return replace(found, problems=(*found.problems, *unfit(found, purpose, seed=seed)))


def proposed(place: Path, reading: Reading) -> Survey:
    """The same, with a treatment of the columns where numbers alone would be refused and one would help.

    Wide rows of a sparse format are proposed to stay so.
    """
    if find(place).kind in SPARSE_KINDS:
        found = survey(place, reading, features=SPARSE)
        if found.width > MOST_PROFILES:
            return found
    found = survey(place, reading)
    if any(problem.kind in TREATED and problem.index >= 0 for problem in found.problems):
        return survey(place, reading, features=TABLE)
    return found
