"""When training ends before its last epoch, and which epoch's weights are kept.

An epoch counts as better only if it improves on the best by at least the tolerance, relative to the best. One
worse epoch more than the patience ends the training: the fourth in a row at patience 3, as real logs show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class EarlyStopping:
    """Watches one value an epoch; `maximise` says whether higher is better."""

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
            better = gain > 0 and gain >= self.tolerance * abs(self.best)
        if better:
            self.best, self.stale = value, 0
        else:
            self.stale += 1
        return better

    @property
    def met(self) -> bool:
        """Whether training should end now."""
        return self.stale > self.patience
