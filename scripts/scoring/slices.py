"""The figures of parts of the test rows: one for each value of a chosen column, or each quarter of a number's range.

A model may be good on the whole and bad for some; the chosen column says for whom to look.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.features.featurizer_archive import read_featurizer
from scripts.reporting.report_section import Section, amount, number, title
from scripts.scoring.figures import single
from scripts.scoring.metrics import HEADLINES
from scripts.scoring.predictions import Answers, feature_lines

Array = npt.NDArray[Any]

_MOST: Final = 10
_QUARTERS: Final = 4
_SHOWN: Final = 20


def slice_section(
    column: str, answers: Answers, labels: Array, task: str, group: str, *, features: Path, inspection: Path, known: int
) -> Section:
    """The section of the report. Raises `ScriptError` where the rows have no such column."""
    names = _names(inspection)
    if column not in names:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise ScriptError(
            f"there is no column {column!r} to show slices by; the columns are {shown}"
            if names
            else f"there is no column {column!r} to show slices by, since the features have no names"
        )
    place = names.index(column)
    held: dict[str, str] = {}  # each text once, however many rows and however long
    found = (row[place].strip() for row in csv.reader(_text(features)))
    cells = np.array([*(held.setdefault(cell, cell) for cell in found), None], object)[:-1]
    rows = []
    for name, chosen in _parts(cells):
        figures = single(answers.of_rows(chosen), labels[chosen], task, known=known)
        told = ["–" if math.isnan(figures[key]) else number(figures[key]) for key in HEADLINES[group]]
        rows.append([name, f"{int(chosen.sum()):,}", *told])
    head = [column, "rows", *map(title, HEADLINES[group])]
    return Section("Slices", f"The figures of the test rows, by {column}.", {}, [head, *rows])


def _names(inspection: Path) -> list[str]:
    """The columns of the test rows: raw ones where a featurizer treats them."""
    if featurizer := read_featurizer(inspection):
        return list(featurizer.names)
    found = json.loads((inspection / "inspection.json").read_text(encoding="utf-8"))
    return list(found["features"]["names"])


def _text(features: Path) -> Iterator[str]:
    return (line.decode("utf-8") + "\n" for line in feature_lines(features))


def _parts(cells: Array) -> Iterator[tuple[str, Array]]:
    """Names and masks: of each value where they are few, of quarters of numbers, else of the most frequent values."""
    values, counts = np.unique(cells, return_counts=True)
    numbers = _numbers(cells)
    if len(values) > _MOST and numbers is not None:
        yield from _quarters(numbers)
        return
    often = values[np.argsort(-counts, kind="stable")][:_MOST]
    for value in sorted(often, key=_number_first):
        yield str(value) or "(empty)", cells == value
    if len(rest := np.setdiff1d(values, often)):
        yield f"{len(rest):,} other values", np.isin(cells, rest)


def _quarters(numbers: Array) -> Iterator[tuple[str, Array]]:
    there = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[there], np.linspace(0, 1, _QUARTERS + 1)))
    which = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    for quarter in range(len(edges) - 1):
        yield f"{amount(edges[quarter])} to {amount(edges[quarter + 1])}", there & (which == quarter)
    if not there.all():
        yield "(empty)", ~there


def _numbers(cells: Array) -> Array | None:
    """The cells as numbers, gaps as NaN; None where some are none."""
    try:
        return np.array([float(cell) if cell else math.nan for cell in cells.tolist()])
    except ValueError:
        return None


def _number_first(value: str) -> tuple[int, float, str]:
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value
