"""How much each row counts in the loss: the weight of positives, or of each class.

"balanced" makes errors of either kind equal: positives count negatives / positives; a class counts one over its
share, and a class that is not in the sample a million, as AWS's example documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.grid import Candidate
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS
from pipeline.local.images.linear_learner.rows import Counts, Rows

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="sample for balanced weights",
        here="all rows of the train channel",
        aws="documented as a sample; its size is not established",
    ),
)

_ABSENT_CLASS: Final = 1_000_000.0


@dataclass(frozen=True)
class RowWeights:
    """`positive` weighs positives, one value a model; `classes` weighs classes; None where all rows are equal."""

    positive: Floats | None = None
    classes: Floats | None = None

    def apply(self, losses: Floats, slopes: Floats, labels: Floats) -> tuple[Floats, Floats]:
        """Weighted losses (rows, models) and slopes (rows, columns), given labels (rows, 1)."""
        if self.positive is not None:
            factor = np.where(labels > 0, self.positive, np.float32(1))
        elif self.classes is not None:
            factor = self.classes[labels.astype(np.int64)]
        else:
            return losses, slopes
        return losses * factor, slopes * factor

    def of_models(self, part: slice | list[int]) -> RowWeights:
        """The weights of some of the models."""
        return self if self.positive is None else RowWeights(positive=self.positive[part])

    @classmethod
    def of(cls, parameters: Hyperparameters, models: Sequence[Candidate], rows: Rows) -> RowWeights:
        """The weights that the hyperparameters ask for, given the rows of the train channel."""
        if parameters.predictor_type == BINARY:
            return cls(positive=_positive(models, rows.class_counts))
        if parameters.predictor_type == MULTICLASS and parameters.balance_multiclass_weights:
            counts = np.zeros(parameters.num_classes)
            seen = rows.class_counts
            counts[: len(seen)] = seen
            share = np.maximum(counts, 1) / len(rows)
            return cls(classes=np.where(counts > 0, 1 / share, _ABSENT_CLASS).astype(np.float32))
        return cls()


def _positive(models: Sequence[Candidate], counts: Counts) -> Floats | None:
    balanced = float(counts[0]) / max(float(counts[1:].sum()), 1.0)
    weights = [balanced if model.positive_weight is None else model.positive_weight for model in models]
    return None if all(weight == 1.0 for weight in weights) else np.array(weights, np.float32)
