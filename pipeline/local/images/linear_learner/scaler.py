"""Normalisation: mean and deviation of features and labels from the first rows, and folding them into weights.

Whole mini-batches are read until more than `num_point_for_scaler` rows were seen; the deviation is the
population's. Models are trained on normalised values and served on raw ones, so the scaler ends in the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.rows import Rows

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="features that are constant in the rows the scaler sees",
        here="centred but not scaled (deviation 1)",
        aws="not established",
    ),
)

Doubles = npt.NDArray[np.float64]
_CHUNK: Final = 2048
_FOLDED_NUMBERS: Final = 1 << 20


@dataclass(frozen=True)
class Scaler:
    """What is subtracted from and what divides features (columns,) and labels; None where a label is left alone."""

    mean: Doubles
    stdev: Doubles
    label_mean: float | None = None
    label_stdev: float | None = None

    def normalise_labels(self, labels: Floats) -> Floats:
        """Labels as the models are trained on them."""
        if self.label_mean is None and self.label_stdev is None:
            return labels
        shifted = labels - np.float32(self.label_mean or 0.0)
        return np.asarray(shifted / np.float32(self.label_stdev or 1.0), dtype=np.float32)

    def fold(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weights (columns, outputs) and bias (1, outputs) for raw features and labels.

        `weights` (columns + 1, outputs) are those for normalised values, the bias last.
        """
        factor, (columns, outputs) = self.label_stdev or 1.0, weights[:-1].shape
        raw = np.empty((columns, outputs), np.float32)
        bias = weights[-1:].astype(np.float64)
        step = max(1, _FOLDED_NUMBERS // outputs)
        for part in (slice(start, start + step) for start in range(0, columns, step)):
            exact = weights[:-1][part] / self.stdev[part, np.newaxis]
            bias -= self.mean[np.newaxis, part] @ exact
            raw[part] = exact * factor
        return raw, (bias * factor + (self.label_mean or 0.0)).astype(np.float32)


def rows_for_scaler(parameters: Hyperparameters, rows: int) -> int:
    """How many rows the scaler reads: whole batches, one more than `num_point_for_scaler` rows need."""
    batch = parameters.mini_batch_size
    batches = min(parameters.num_point_for_scaler // batch + 1, rows // batch)
    return batches * batch


def fit(rows: Rows, parameters: Hyperparameters) -> Scaler:
    """The scaler for the training rows, as the hyperparameters ask for it."""
    count = rows_for_scaler(parameters, len(rows))
    mean, deviation, labels = (_sparse_moments if rows.is_sparse else _moments)(rows, count)
    columns = rows.feature_dim
    return Scaler(
        mean=mean if parameters.unbias_data else np.zeros(columns),
        stdev=_without_zero(deviation) if parameters.normalize_data else np.ones(columns),
        label_mean=float(labels.mean()) if parameters.unbias_label else None,
        label_stdev=float(labels.std()) or 1.0 if parameters.normalize_label else None,
    )


def _moments(rows: Rows, count: int) -> tuple[Doubles, Doubles, Doubles]:
    """Mean and deviation of the first `count` rows, chunk by chunk, and their labels."""
    mean, square = np.zeros(rows.feature_dim), np.zeros(rows.feature_dim)
    labels: list[Floats] = []
    seen = 0
    for features, own in rows.slices(_CHUNK, limit=count):
        centre = features.mean(axis=0, dtype=np.float64)
        centred = features - centre
        total = seen + len(own)
        square += np.einsum("ij,ij->j", centred, centred) + (centre - mean) ** 2 * (seen * len(own) / total)
        mean += (centre - mean) * (len(own) / total)
        labels.append(own)
        seen = total
    return mean, np.sqrt(square / seen), np.concatenate(labels).astype(np.float64)


def _sparse_moments(rows: Rows, count: int) -> tuple[Doubles, Doubles, Doubles]:
    total, squares = np.zeros(rows.feature_dim), np.zeros(rows.feature_dim)
    labels: list[Floats] = []
    for features, own in rows.slices(_CHUNK, limit=count):
        exact = features.astype(np.float64)
        total += np.asarray(exact.sum(axis=0)).ravel()
        squares += np.asarray(exact.multiply(exact).sum(axis=0)).ravel()
        labels.append(own)
    mean, square = total / count, squares / count
    # Cancellation can leave a tiny difference, or one below zero, where a column is constant.
    variance = square - mean * mean
    variance[variance < 1e-12 * square] = 0.0
    return mean, np.sqrt(variance), np.concatenate(labels).astype(np.float64)


def _without_zero(deviation: Doubles) -> Doubles:
    return np.where(deviation > 0, deviation, 1.0)
