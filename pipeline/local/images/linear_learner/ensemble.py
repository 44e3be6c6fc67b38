"""All models of a job trained at once: one matrix product a mini-batch, for losses and gradients alike.

`Ensemble` holds their weights on normalised features, (features + 1, outputs x models), and trains them one epoch
at a time; `folded` gives the weights for raw features, by which validation and the artefact are computed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.batches import Batches, batches
from pipeline.local.images.linear_learner.grid import Candidate
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.losses import loss_function
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.optimizers import Optimizer
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.scaler import Scaler
from pipeline.local.images.linear_learner.weights import RowWeights

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="randomness of the initial weights",
        here="a fixed seed: the same input gives the same model",
        aws="a fixed seed too, of numbers that are not these: jobs months apart print the same losses",
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
# Fewer columns than this and the products of a mini-batch no longer outweigh what each group repeats.
_GROUP_COLUMNS: Final = 140


def initial_weights(parameters: Hyperparameters, columns: int, models: int) -> Floats:
    """Weights (columns + 1, outputs, models) by the init_ hyperparameters, the bias last; none where it is not used.

    They are drawn model by model, so a model begins alike whatever their number.
    """
    source = np.random.RandomState(_SEED)
    shape = (models, parameters.outputs, columns)
    if parameters.init_method == "uniform":
        drawn = source.uniform(-parameters.init_scale, parameters.init_scale, shape)
    else:
        drawn = source.normal(0.0, parameters.init_sigma, shape)
    weights = np.empty((columns + 1, parameters.outputs, models), np.float32)
    weights[:-1] = drawn.T
    weights[-1] = parameters.init_bias if parameters.use_bias else 0.0
    return weights


class Ensemble:
    """The models of one job in training.

    Many columns (multiclass) are trained in groups of models, side by side in threads: numpy lets go of the
    interpreter's lock. How they are grouped depends on the job only, never on the machine.
    """

    def __init__(
        self,
        parameters: Hyperparameters,
        models: Sequence[Candidate],
        rows: Rows,
        scaler: Scaler,
        row_weights: RowWeights,
    ) -> None:
        self.models = models
        self._scaler = scaler
        self._outputs = parameters.outputs
        weights = initial_weights(parameters, rows.feature_dim, len(models))
        labels = scaler.normalise_labels(rows.labels)[:, np.newaxis]
        self._groups = [
            _Group(
                parameters,
                models[part],
                np.ascontiguousarray(weights[:, :, part]).reshape(len(weights), -1),
                batches(rows, scaler, parameters, (part.stop - part.start) * self._outputs),
                labels,
                row_weights.of_models(part),
            )
            for part in model_groups(len(models), self._outputs)
        ]

    def train_epoch(self) -> npt.NDArray[np.float64]:
        """Train on every whole mini-batch in order; the mean loss of each model, taken before each update."""
        if len(self._groups) == 1:
            return self._groups[0].train_epoch()
        with ThreadPoolExecutor(min(len(self._groups), os.cpu_count() or 1)) as threads:
            return np.concatenate(list(threads.map(_Group.train_epoch, self._groups)))

    def folded(self) -> tuple[Floats, Floats]:
        """Weights (features, columns) and bias (1, columns) of all models for raw features and labels."""
        parts = [group.weights.reshape(len(group.weights), self._outputs, -1) for group in self._groups]
        whole = np.concatenate(parts, axis=2)
        return self._scaler.fold(whole.reshape(len(whole), -1))


def model_groups(models: int, outputs: int) -> list[slice]:
    """Models to be trained together: all where there are few columns, else as even groups as there can be."""
    count = min(models, -(-models * outputs // _GROUP_COLUMNS))
    bounds = [models * number // count for number in range(count + 1)]
    return [slice(first, last) for first, last in zip(bounds, bounds[1:], strict=False)]


@dataclass(frozen=True)
class _Group:
    """Some of the models: their weights (features + 1, outputs x models) and all that training changes with them."""

    parameters: Hyperparameters
    models: Sequence[Candidate]
    weights: Floats
    batches: Batches
    labels: Floats
    row_weights: RowWeights
    optimizer: Optimizer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", Optimizer(self.parameters, self.models, self.weights.shape))

    def train_epoch(self) -> npt.NDArray[np.float64]:
        loss = loss_function(self.parameters)
        size = self.parameters.mini_batch_size
        scale = np.float32(1 / size)
        total = np.zeros(len(self.models))
        # The setting of numpy's warnings belongs to a thread.
        with np.errstate(over="ignore", invalid="ignore"):
            for number in range(self.batches.count):
                labels = self.labels[number * size : (number + 1) * size]
                raw = self.batches.outputs(number, self.weights)
                losses, slopes = self.row_weights.apply(*loss(raw, labels), labels)
                total += losses.sum(axis=0)
                slopes *= scale
                self.optimizer.step(self.weights, self.batches.gradient(slopes))
        return total / (self.batches.count * size)


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
