"""All models of a job trained at once: one matrix product a mini-batch, for losses and gradients alike.

`Ensemble` holds their weights on normalised features, (features + 1, outputs x models), and trains them one epoch
at a time; `folded` gives the weights for raw features, by which validation and the artefact are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.local.linear_learner.batches import batches
from pipeline.local.linear_learner.grid import Candidate
from pipeline.local.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.linear_learner.losses import LossFunction, loss_function
from pipeline.local.linear_learner.model import Floats
from pipeline.local.linear_learner.optimizers import Optimizer
from pipeline.local.linear_learner.rows import Rows
from pipeline.local.linear_learner.scaler import Scaler
from pipeline.local.linear_learner.weights import RowWeights
from pipeline.local.parity import Row

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="randomness of the initial weights",
        here="a fixed seed: the same input gives the same model",
        aws="not established; no seed is documented",
    ),
    Row(
        area="linear-learner",
        subject="training on several instances",
        here="one instance trains on all data it was given",
        aws="the instances train together through a parameter server",
    ),
)

_SEED: Final = 0
_CHUNK: Final = 4096


def initial_weights(parameters: Hyperparameters, columns: int, outputs: int) -> Floats:
    """Weights (columns + 1, outputs) by the init_ hyperparameters, the bias last; no bias where it is not used."""
    source = np.random.RandomState(_SEED)
    weights = np.empty((columns + 1, outputs), np.float32)
    if parameters.init_method == "uniform":
        weights[:-1] = source.uniform(-parameters.init_scale, parameters.init_scale, (columns, outputs))
    else:
        weights[:-1] = source.normal(0.0, parameters.init_sigma, (columns, outputs))
    weights[-1] = parameters.init_bias if parameters.use_bias else 0.0
    return weights


class Ensemble:
    """The models of one job in training."""

    def __init__(
        self,
        parameters: Hyperparameters,
        models: Sequence[Candidate],
        rows: Rows,
        scaler: Scaler,
        row_weights: RowWeights,
    ) -> None:
        self.models = models
        self._columns = len(models) * parameters.outputs
        self.weights = initial_weights(parameters, rows.feature_dim, self._columns)
        self._scaler = scaler
        self._labels = scaler.normalise_labels(rows.labels)[:, np.newaxis]
        self._size = parameters.mini_batch_size
        self._batches = batches(rows, scaler, self._size, self._columns, use_bias=parameters.use_bias)
        self._loss: LossFunction = loss_function(parameters)
        self._row_weights = row_weights
        self._optimizer = Optimizer(parameters, models, self.weights.shape)

    def train_epoch(self) -> npt.NDArray[np.float64]:
        """Train on every whole mini-batch in order; the mean loss of each model, taken before each update."""
        total = np.zeros(len(self.models))
        scale = np.float32(1 / self._size)
        for number in range(self._batches.count):
            start = number * self._size
            labels = self._labels[start : start + self._size]
            raw = self._batches.outputs(number, self.weights)
            losses, slopes = self._row_weights.apply(*self._loss(raw, labels), labels)
            total += losses.sum(axis=0)
            slopes *= scale
            self._optimizer.step(self.weights, self._batches.gradient(slopes))
        return total / (self._batches.count * self._size)

    def folded(self) -> tuple[Floats, Floats]:
        """Weights (features, columns) and bias (1, columns) of all models for raw features and labels."""
        return self._scaler.fold(self.weights)


def mean_losses(
    parameters: Hyperparameters, folded: tuple[Floats, Floats], rows: Rows, row_weights: RowWeights
) -> npt.NDArray[np.float64]:
    """Mean loss of each model over all rows, in the units of the labels."""
    weight, bias = folded
    loss = loss_function(parameters)
    total = np.zeros(weight.shape[1] // parameters.outputs)
    for features, labels in rows.slices(_CHUNK):
        column = labels[:, np.newaxis]
        raw = np.asarray(features @ weight + bias, dtype=np.float32)
        losses, _ = row_weights.apply(*loss(raw, column), column)
        total += losses.sum(axis=0, dtype=np.float64)
    return total / len(rows)


def margins(folded: tuple[Floats, Floats], rows: Rows, limit: int | None) -> Floats:
    """Raw outputs (columns, rows) of all models for the first `limit` rows: a model's are side by side."""
    weight, bias = folded
    count = len(rows) if limit is None else min(limit, len(rows))
    raw = np.empty((weight.shape[1], count), np.float32)
    start = 0
    for features, _ in rows.slices(_CHUNK, limit=limit):
        part = np.asarray(features @ weight + bias)
        raw[:, start : start + len(part)] = part.T
        start += len(part)
    return raw
