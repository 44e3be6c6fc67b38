"""When training ends before its last epoch, and which epoch's weights are kept.

An epoch counts as better only if its loss improves on the best by at least the tolerance, relative to the best. One
worse epoch more than the patience ends the training: the fourth in a row at patience 3, as real logs show. Where a
criterion such as accuracy is watched, what it lacks to 1 is its loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="early_stopping_tolerance where a criterion is watched",
        here="relative to what the criterion lacks to 1, as its loss",
        aws="documented as relative to the previous best loss; a real job went on improving with accuracy at 0.995",
    ),
)


@dataclass
class EarlyStopping:
    """Watches one value an epoch; `maximise` says that it is a criterion of at most 1, and higher is better."""

    patience: int
    tolerance: float
    maximise: bool
    best: float | None = None
    stale: int = 0

    def improves(self, value: float) -> bool:
        """Take in an epoch's value; whether it is the new best. A value that is not finite never is."""
        if not np.isfinite(value):
            better = False
        elif self.best is None:
            better = True
        else:
            gain = value - self.best if self.maximise else self.best - value
            previous = 1 - self.best if self.maximise else self.best
            better = gain > 0 and gain >= self.tolerance * abs(previous)
        if better:
            self.best, self.stale = value, 0
        else:
            self.stale += 1
        return better

    @property
    def met(self) -> bool:
        """Whether training should end now."""
        return self.stale > self.patience
