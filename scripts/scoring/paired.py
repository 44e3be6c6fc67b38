"""Whether two models that answered the same rows differ beyond noise: McNemar's test, or a paired t-test of the errors.

Both look only at the rows on which the models disagree, which is why they see more than two figures side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.scoring.predictions import Answers

LEVEL: Final = 0.05
"""A difference that chance alone would show more often than this is taken for noise."""


@dataclass(frozen=True)
class PairedTest:
    """One test: its name, what it counted, and how often chance alone would give at least such a difference."""

    name: str
    counted: str
    p_value: float
    rows: int

    @property
    def noise(self) -> bool:
        """Whether the difference may well be chance."""
        return self.p_value >= LEVEL

    def __str__(self) -> str:
        what = "may be noise" if self.noise else "is beyond noise"
        return f"The difference {what} ({self.name}, p = {self.p_value:.2g}: {self.counted} of {self.rows:,} rows)"


def paired_test(new: Answers, approved: Answers, truth: npt.NDArray[np.float64]) -> PairedTest:
    """McNemar's exact test of the labels; for a regressor a t-test of the absolute errors, pair by pair."""
    if new.labels is not None and approved.labels is not None:
        return _mcnemar(new.labels == truth, approved.labels == truth)
    return _paired_t(np.abs(new.scores - truth), np.abs(approved.scores - truth))


def _mcnemar(new: npt.NDArray[np.bool_], approved: npt.NDArray[np.bool_]) -> PairedTest:
    from scipy.stats import binomtest

    better, worse = int(np.sum(new & ~approved)), int(np.sum(approved & ~new))
    apart = better + worse
    p_value = float(binomtest(better, apart, 0.5).pvalue) if apart else 1.0
    return PairedTest(
        "McNemar's test", f"right where the other is wrong in {better}, the reverse in {worse}", p_value, len(new)
    )


def _paired_t(new: npt.NDArray[np.float64], approved: npt.NDArray[np.float64]) -> PairedTest:
    from scipy.stats import ttest_rel

    better, worse = int(np.sum(new < approved)), int(np.sum(new > approved))
    # Errors that differ by the same amount in every row leave the test nothing to divide by.
    same = bool(np.ptp(new - approved) == 0)
    p_value = float(new[0] == approved[0]) if same else float(ttest_rel(new, approved).pvalue)
    return PairedTest("paired t-test", f"nearer in {better}, farther in {worse}", p_value, len(new))
