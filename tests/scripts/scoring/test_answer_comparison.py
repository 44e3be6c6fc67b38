"""When answers to the same rows agree, and when they give the figures that were registered."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.errors import ScriptError
from scripts.scoring.answer_comparison import compare, same_figures
from scripts.scoring.figures import compute
from scripts.scoring.predictions import Answers


def test_large_regression_values_are_compared_relatively() -> None:
    answers = Answers(np.array([1e6, 1.0]), None)
    assert not compare(answers, Answers(np.array([1e6 + 0.5, 1.0]), None)).reason
    assert compare(answers, Answers(np.array([1e6 + 2, 1.0]), None)).scores.tolist() == [0]
    with pytest.raises(ScriptError, match="do both serve the same model"):
        compare(answers, Answers(np.zeros((2, 3)), None))


def test_an_endpoint_that_gives_other_figures_than_were_registered_is_told() -> None:
    truth = np.array([0.0, 1.0, 2.0])
    answers = Answers(truth + 0.5, None)
    figures = compute(answers, truth, "regressor")["regression_metrics"]
    same_figures(answers, truth, figures, task="regressor", known=0)
    with pytest.raises(ScriptError, match="give mae 0.5 where 0.25 was registered"):
        same_figures(answers, truth, figures | {"mae": {"value": 0.25}}, task="regressor", known=0)
