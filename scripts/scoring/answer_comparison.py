"""Whether two sets of answers to the same rows agree, and whether answers give the figures that were registered.

Scores may differ by `TOLERANCE`, since one server adds up in another order than another; labels may not differ at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.errors import ScriptError
from scripts.scoring.figures import compute
from scripts.scoring.metrics import HEADLINES
from scripts.scoring.predictions import Answers

TOLERANCE: Final = 1e-6

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Comparison:
    """Which rows the endpoint answered otherwise, and by how much scores differ at most."""

    labels: Rows
    scores: Rows
    largest: float

    def of_rows(self, sent: Rows) -> Comparison:
        """The same, its rows as they are numbered in all of the test set, of which these were sent."""
        return Comparison(sent[self.labels], sent[self.scores], self.largest)

    @property
    def reason(self) -> str:
        """Empty where all answers agree."""
        parts = []
        if len(self.labels):
            parts.append(f"{len(self.labels)} labels differ (first in row {self.labels[0] + 1})")
        if len(self.scores):
            parts.append(
                f"{len(self.scores)} scores differ by more than {TOLERANCE:g} (at most {self.largest:.3g}, first in "
                f"row {self.scores[0] + 1})"
            )
        return " and ".join(parts)


def compare(expected: Answers, got: Answers) -> Comparison:
    """Labels must be equal, scores within `TOLERANCE`, absolute or (for large regression values) relative."""
    if expected.scores.shape != got.scores.shape:
        raise ScriptError(
            f"the endpoint's scores have the shape {got.scores.shape}, the batch prediction's {expected.scores.shape}; "
            "do both serve the same model?"
        )
    rows = len(expected)
    difference = np.abs(expected.scores - got.scores).reshape(rows, -1)
    allowed = TOLERANCE * np.maximum(1, np.abs(expected.scores).reshape(rows, -1))
    far = np.flatnonzero((difference > allowed).any(axis=1))
    other = np.empty(0, np.intp)
    if expected.labels is not None and got.labels is not None:
        other = np.flatnonzero(expected.labels != got.labels)
    return Comparison(other, far, float(difference.max()))


def same_figures(
    answers: Answers, truth: npt.NDArray[np.float64], registered: Mapping[str, Any], *, task: str, known: int
) -> None:
    """Raises `ScriptError` where the endpoint's answers give other figures than were registered with the version."""
    if not registered:
        return
    ((group, found),) = compute(answers, truth, task, known=known).items()
    for name in HEADLINES[group]:
        was, now = registered.get(name, {}).get("value"), found[name]["value"]
        if isinstance(was, int | float) and abs(now - was) > TOLERANCE * max(1.0, abs(was)):
            raise ScriptError(
                f"the endpoint's answers give {name.replace('_', ' ')} {now:.6g} where {was:.6g} was registered"
            )
