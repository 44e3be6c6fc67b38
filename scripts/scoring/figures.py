"""The figures of one model's answers on labelled rows, after a look at whether answers, labels and task go together.

Who evaluates a model and who compares two count the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.scoring.metrics import (
    Figures,
    binary_figures,
    binary_metrics,
    confusion,
    multiclass_figures,
    multiclass_metrics,
    regression_figures,
    regression_metrics,
)
from scripts.scoring.predictions import Answers, class_count
from scripts.splitting.targets import BINARY, REGRESSOR


def compute(answers: Answers, labels: npt.NDArray[np.float64], task: str, *, known: int = 0) -> dict[str, Any]:
    """The one top-level group of figures for `task`; `known` is how many classes the data has, 0 if it is not known."""
    if task == REGRESSOR:
        if answers.scores.ndim != 1:
            raise ScriptError("the predictions are not of a regressor; check the task")
        if labels.min() == labels.max():
            raise ScriptError(f"every test label is {labels[0]:g}; such a test says nothing, so give more data")
        return regression_metrics(labels, answers.scores)
    assert answers.labels is not None
    classes = labels.astype(np.int64)
    if task == BINARY:
        if known not in (0, 2):
            raise ScriptError(f"the data has {known} classes, where a binary classifier has 2; check the task")
        if answers.scores.ndim != 1 or not set(np.unique(answers.labels)) <= {0, 1}:
            raise ScriptError("the predictions are not of a binary classifier; check the task")
        if set(np.unique(labels)) != {0.0, 1.0}:
            raise ScriptError("the test labels are not 0 and 1, both at least once; such a test says nothing")
        return binary_metrics(classes, answers.labels, answers.scores)
    if classes.min() < 0 or np.any(classes != labels):
        raise ScriptError("the test labels are not whole numbers from 0; check the task")
    return multiclass_metrics(classes, answers.labels, class_count(answers, classes, known))


def single(answers: Answers, labels: npt.NDArray[np.float64], task: str, *, known: int = 0) -> Figures:
    """The single figures alone, of answers that `compute` has taken before: no curves, no deviations."""
    if task == REGRESSOR:
        return regression_figures(labels, answers.scores)
    assert answers.labels is not None
    classes = labels.astype(np.int64)
    if task == BINARY:
        return binary_figures(classes, answers.labels, answers.scores)
    return multiclass_figures(confusion(classes, answers.labels, class_count(answers, classes, known)))
