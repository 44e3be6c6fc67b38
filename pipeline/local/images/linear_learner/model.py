"""A trained linear model: weights and bias for raw features, and how a score becomes a predicted label.

The scaler is folded into the weights before a `Model` is made, so predicting is one product of float32 numbers; that
is also how AWS's artefacts are (their outputs are reproduced to the last digit by `Model.predict`). The product is
summed in float64, so that the answer to a row does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.local.images.linear_learner.predictor_types import MULTICLASS, REGRESSOR
from scripts.scoring.scores import activate

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Scores, and for classifiers labels, of `n` rows.

    `score` is float32, (n,) for binary and regressor, (n, classes) for multiclass; `predicted_label` is
    int64 (n,), None for a regressor.
    """

    score: Floats
    predicted_label: npt.NDArray[np.int64] | None


@dataclass(frozen=True)
class Model:
    """What the artefact holds: `weight` (feature_dim, outputs), `bias` (1, outputs), float32, and the rest.

    `threshold` cuts the score of a binary classifier (label 1 where score > threshold); `metrics_params` are
    carried through from and to `additional-params.json`.
    """

    weight: Floats
    bias: Floats
    predictor_type: str
    loss_type: str
    threshold: float = 0.5
    metrics_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feature_dim(self) -> int:
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        """Columns of the weights: 1, or the number of classes."""
        return int(self.weight.shape[1])

    @cached_property
    def _exact_weight(self) -> npt.NDArray[np.float64]:
        return self.weight.astype(np.float64)

    def margin(self, features: Any) -> Floats:
        """Raw outputs (n, outputs) in float32 of float32 rows, dense or a SciPy CSR matrix."""
        product = np.asarray(features @ self._exact_weight).astype(np.float32)
        return np.add(product, self.bias, out=product)

    def scores(self, features: Any) -> Floats:
        """Scores as served: probability (logistic), class probabilities (softmax), else the raw output."""
        return activate(self.margin(features), self.predictor_type, self.loss_type)

    def predict(self, features: Any) -> Prediction:
        """Scores and predicted labels of rows of raw features."""
        score = self.scores(features)
        return Prediction(score, self.labels(score))

    def labels(self, score: Floats) -> npt.NDArray[np.int64] | None:
        """Predicted labels for scores that this model gave; None for a regressor."""
        if self.predictor_type == REGRESSOR:
            return None
        if self.predictor_type == MULTICLASS:
            return np.asarray(np.argmax(score, axis=1), dtype=np.int64)
        return (score > np.float32(self.threshold)).astype(np.int64)
