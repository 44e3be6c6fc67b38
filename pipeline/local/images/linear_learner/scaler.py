"""Normalisation: mean and deviation of features and labels from the first rows, and folding them into weights.

Whole mini-batches are read until more than `num_point_for_scaler` rows were seen; the deviation is the
population's. Both are carried from batch to batch in float32 as the container does it, since what that rounds away is
what the models of a high rate multiply. Models are trained on normalised values and served on raw ones, so the scaler
ends in the weights.
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
        aws="not established: none of the rows that real jobs learnt from, as far as they are public, have one",
    ),
    Row(
        area="linear-learner",
        subject="unbias_data with sparse rows",
        here="features of sparse rows are divided by their deviation, never shifted",
        aws="documented so of auto; true is not established",
    ),
    Row(
        area="linear-learner",
        subject="rounding of means and deviations",
        here="those that a job of November 2020 printed are met to the last digit; those of sparse rows are exact",
        aws="a job of August 2020 carried them otherwise, in the last digit; sparse rows are not established",
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
    if rows.is_sparse:
        mean, deviation, label_mean, label_deviation = _sparse_moments(rows, count)
    else:
        mean, deviation, label_mean, label_deviation = _moments(rows, count, parameters.mini_batch_size)
    columns = rows.feature_dim
    return Scaler(
        # As documented, features are shifted only where rows are dense.
        mean=mean if parameters.unbias_data and not rows.is_sparse else np.zeros(columns),
        stdev=_without_zero(deviation) if parameters.normalize_data else np.ones(columns),
        label_mean=label_mean if parameters.unbias_label else None,
        label_stdev=label_deviation or 1.0 if parameters.normalize_label else None,
    )


def _moments(rows: Rows, count: int, batch: int) -> tuple[Doubles, Doubles, float, float]:
    """Mean and deviation of the features of the first `count` rows, and of their labels."""
    features, labels = _Running(rows.feature_dim), _Running(1)
    left = count
    for own, own_labels in rows.blocks(batch):
        end = min(len(own_labels) // batch * batch, left)
        features.add(own[:end], batch)
        labels.add(own_labels[:end, np.newaxis], batch)
        left -= end
        if not left:
            break
    (mean, deviation), (label_mean, label_deviation) = features.moments(), labels.moments()
    return mean, deviation, float(label_mean[0]), float(label_deviation[0])


class _Running:
    """Mean and deviation of columns, carried from mini-batch to mini-batch in float32."""

    def __init__(self, columns: int) -> None:
        self._seen = 0
        self._mean, self._deviation = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
        self._lowest, self._highest = np.full(columns, np.inf, np.float32), np.full(columns, -np.inf, np.float32)

    def add(self, values: Floats, batch: int) -> None:
        """Take in whole mini-batches of values (rows, columns)."""
        step = max(1, _CHUNK // batch)
        for start in range(0, len(values), step * batch):
            batches = values[start : start + step * batch].reshape(-1, batch, values.shape[1])
            np.minimum(self._lowest, batches.min(axis=(0, 1)), out=self._lowest)
            np.maximum(self._highest, batches.max(axis=(0, 1)), out=self._highest)
            means = _batch_means(batches)
            centred = batches - means[:, np.newaxis]
            centred *= centred
            for mean, deviation in zip(means, np.sqrt(_batch_means(centred)), strict=True):
                self._merge(mean, deviation, batch)

    def _merge(self, mean: Floats, deviation: Floats, batch: int) -> None:
        total = self._seen + batch
        before, own = np.float32(self._seen / total), np.float32(batch / total)
        merged = self._mean * before + mean * own
        square = (self._deviation**2 + (self._mean - merged) ** 2) * before + (
            deviation**2 + (mean - merged) ** 2
        ) * own
        self._mean, self._deviation, self._seen = merged, np.sqrt(square), total

    def moments(self) -> tuple[Doubles, Doubles]:
        """Mean and deviation; a column of one value has that mean and no deviation, whatever rounding made of it."""
        constant = self._lowest == self._highest
        mean = np.where(constant, self._lowest, self._mean).astype(np.float64)
        return mean, np.where(constant, 0.0, self._deviation).astype(np.float64)


def _batch_means(batches: Floats) -> Floats:
    """Means of mini-batches (batches, rows, columns), (batches, columns), summed up by Kahan's rule as in MXNet."""
    total = np.zeros((len(batches), batches.shape[2]), np.float32)
    lost = np.zeros_like(total)
    for row in range(batches.shape[1]):
        own = batches[:, row] - lost
        raised = total + own
        lost = (raised - total) - own
        total = raised
    return np.asarray(total / np.float32(batches.shape[1]), np.float32)


def _sparse_moments(rows: Rows, count: int) -> tuple[Doubles, Doubles, float, float]:
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
    known = np.concatenate(labels).astype(np.float64)
    return mean, np.sqrt(variance), float(known.mean()), float(known.std())


def _without_zero(deviation: Doubles) -> Doubles:
    return np.where(deviation > 0, deviation, 1.0)
