"""Raw outputs of a linear model as scores, in float32 as linear-learner serves them: logistic, softmax, or as they are.

What predicts on localhost and what compares two models score alike, to the last digit.
"""

from __future__ import annotations

import numpy as np

from scripts.formats.ndarray_list import Floats
from scripts.splitting.targets import MULTICLASS


def activate(margin: Floats, predictor_type: str, loss_type: str) -> Floats:
    """Raw outputs (rows, outputs) as served scores, (rows,) except for multiclass; float32 throughout."""
    if predictor_type == MULTICLASS:
        return softmax(margin)
    column = margin[:, 0]
    return sigmoid(column) if loss_type == "logistic" else column


def sigmoid(margin: Floats) -> Floats:
    """1 / (1 + exp(-z)) in float32, without overflow warnings."""
    with np.errstate(over="ignore"):
        return np.asarray(np.float32(1) / (np.float32(1) + np.exp(-margin)), dtype=np.float32)


def softmax(margin: Floats) -> Floats:
    """Softmax over the last axis in float32."""
    shifted = np.exp(margin - margin.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)
