"""Whether data can be divided, and learnt as the task wants: what ConvertData would stumble over, found beforehand.

These are problems of the data as a whole, told beside those of single columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scripts.errors import ScriptError
from scripts.features.featurizer import is_number
from scripts.profiling.problems import LABEL, Problem
from scripts.profiling.surveyed import Survey
from scripts.splitting.split_names import TURNS, missing_of, source_of
from scripts.splitting.split_plan import Plan
from scripts.splitting.targets import MOST_CLASSES, REGRESSOR, Wanted, real_labels


@dataclass(frozen=True)
class Purpose:
    """What the labels are to be learnt as; the positive class matters to the task binary_classifier."""

    task: str
    positive_class: str


def unfit(found: Survey, purpose: Purpose | None, *, seed: int) -> list[Problem]:
    """Too few rows to divide, labels that are all alike, and whatever else the purpose cannot use.

    Nothing where labels are missing, since those must be mended first.
    """
    if any(problem.index < 0 for problem in found.problems):
        return []
    rows = found.rows[source_of(found.rows)]
    problems = []
    if missing_of(found.rows) and rows < TURNS:
        problems.append(_problem(found, f"{rows} rows are too few to split; give at least {TURNS}"))
    if len(found.names) == 1 and rows > 1:
        problems.append(
            _problem(
                found,
                f"every label is {found.names[0]!r}; give rows of other labels too, or another column by "
                "LabelColumn=NAME",
            )
        )
    if purpose and not problems:
        problems += _refusals(found, lambda: _learnt(found, purpose, seed))
    return problems


def wanted_of(found: Survey, plan: Plan, task: str, positive_class: str) -> Wanted | None:
    """What labels mean to a classifier. `ScriptError` for labels that the task cannot use."""
    if task == REGRESSOR:
        if found.amounts is None:
            text = next((name for name in found.names if not is_number(name)), "")
            real_labels("train", np.array([text], object))
        elif found.amounts.low is not None:
            real_labels("train", np.array([found.amounts.low, found.amounts.high]))
        return None
    if not found.names:
        raise ScriptError(
            f"train: more than {MOST_CLASSES} different labels; if they are amounts rather than classes, use the task "
            "regressor"
        )
    return Wanted.of(task, plan.counts(), positive_class)


def _learnt(found: Survey, purpose: Purpose, seed: int) -> None:
    """As ConvertData will divide and number the labels. Raises `ScriptError`."""
    wanted_of(found, Plan.of(found, seed=seed, task=purpose.task), purpose.task, purpose.positive_class)


def _refusals(found: Survey, work: Callable[[], None]) -> list[Problem]:
    try:
        work()
    except ScriptError as error:
        return [_problem(found, str(error))]
    return []


def _problem(found: Survey, text: str) -> Problem:
    what, _, remedy = text.partition("; ")
    return Problem(found.files[0].key, -1, LABEL, what, remedy, 1, 1)
