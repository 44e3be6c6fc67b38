"""Which of the models is best: by the selection criterion for binary classifiers, by the loss for the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.ensemble import Losses
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.metric_names import objective_name
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.predictor_types import BINARY
from pipeline.local.images.linear_learner.rows import PASS_ROWS, Rows
from pipeline.local.images.linear_learner.threshold_choice import NATURAL_CUT, Criterion, Sample, calibrate
from pipeline.local.images.linear_learner.weights import RowWeights
from scripts.scoring.scores import sigmoid


@dataclass(frozen=True)
class Standing:
    """How the models stand on some rows: losses, worth by the criterion (higher is better), thresholds; (models,)."""

    losses: npt.NDArray[np.float64]
    worth: npt.NDArray[np.float64]
    thresholds: Floats
    by_loss: bool

    @property
    def best(self) -> int:
        """The number of the best model; of equally good ones, of lower loss."""
        losses = np.where(np.isfinite(self.losses), self.losses, np.inf)
        worth = np.where(np.isfinite(losses), self.worth, -np.inf)
        return int(np.lexsort((losses, -worth))[0])

    @property
    def value(self) -> float:
        """The best value of the early stopping metric over the models."""
        best = self.best
        return float(self.losses[best] if self.by_loss else self.worth[best])


class Judge:
    """Measures the models on one channel by the criterion of the job."""

    def __init__(self, parameters: Hyperparameters, rows: Rows, row_weights: RowWeights) -> None:
        self._parameters = parameters
        self._rows = rows
        self._row_weights = row_weights
        criterion = Criterion.of(parameters)
        binary = parameters.predictor_type == BINARY
        self._criterion = criterion if binary and not criterion.is_loss else None

    @property
    def rows(self) -> Rows:
        """The rows on which the models are measured."""
        return self._rows

    @property
    def by_loss(self) -> bool:
        """Whether models are compared by their loss, lower being better."""
        return self._criterion is None

    @property
    def criterion_name(self) -> str:
        """What the log calls the metric by which models are compared."""
        if self._criterion is None:
            return objective_name(self._parameters)
        return f"sampled_{self._criterion.name}"

    def standing(self, folded: tuple[Floats, Floats]) -> Standing:
        """How models stand, given their weights and biases for raw features."""
        losses = Losses(self._parameters, folded, self._row_weights)
        left = min(self._parameters.num_calibration_samples or len(self._rows), len(self._rows))
        sample = Sample(left, len(folded[1][0])) if self._criterion else None
        for features, labels in self._rows.slices(PASS_ROWS):
            raw = losses.add(features, labels)
            if sample and left > 0:
                sample.add(raw[:left], labels[:left])
                left -= len(labels)
        mean = losses.mean
        if self._criterion is None or sample is None:
            thresholds = np.full(len(mean), NATURAL_CUT, np.float32)
            return Standing(mean, -mean, thresholds, by_loss=True)
        scores, known = sample.taken
        if self._parameters.loss == "logistic":
            for model, margin in enumerate(scores):
                scores[model] = sigmoid(margin)
        worth, thresholds = calibrate(scores, known, self._criterion)
        return Standing(mean, worth, thresholds, by_loss=False)
