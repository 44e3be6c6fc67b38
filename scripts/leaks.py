"""Features that are the label once more: a model learns nothing else from such data, and its figures look perfect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from scripts.problems import LEAK, Faults, Problem
from scripts.tables import Table, floats

_FEWEST_ROWS: Final = 10


def leaks(tables: Sequence[Table]) -> list[Problem]:
    """The features that equal the label in every row of all tables; none where the labels are names, or all alike."""
    rows = sum(map(len, tables))
    if rows < _FEWEST_ROWS or len({table.features.shape[1] for table in tables}) != 1:
        return []
    try:
        with np.errstate(over="ignore"):
            labels = [table.labels.astype(np.float32) for table in tables]
    except (ValueError, TypeError):
        return []
    if len(np.unique(np.concatenate(labels))) < 2:
        return []
    equal = np.arange(tables[0].features.shape[1])
    for table, own in zip(tables, labels, strict=True):
        for start in range(0, len(table), 1 << 10):  # few columns are left after the first rows
            part = floats(table.features[start : start + (1 << 10), equal])
            equal = equal[(part == own[start : start + len(part), None]).all(axis=0)]
            if not len(equal):
                return []
    faults = Faults(tables[0].file)
    for index in equal.tolist():
        faults.add(index, LEAK, tables[0].first, "", rows)
    return list(faults.problems([tables[0].column(index) for index in range(tables[0].features.shape[1])], "", rows))
