"""All models of a job trained at once: one matrix product a mini-batch, for losses and gradients alike.

`Ensemble` holds their weights on normalised features, (features + 1, outputs x models), and trains them one epoch
at a time; `folded` gives the weights for raw features, by which validation and the artefact are computed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.batches import Batches, batches, chunks, room_for_outputs, rows_of
from pipeline.local.images.linear_learner.grid import Candidate
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.initial import initial_weights
from pipeline.local.images.linear_learner.losses import loss_function
from pipeline.local.images.linear_learner.model import Floats
from pipeline.local.images.linear_learner.optimizers import Optimizer
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.scaler import Scaler
from pipeline.local.images.linear_learner.weights import RowWeights

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="training on several instances",
        here="one instance trains on all data it was given",
        aws="the instances train together through a parameter server",
    ),
)

# Products of fewer columns than this are slower, for the numbers in them.
_GROUP_COLUMNS: Final = 150


class Ensemble:
    """The models of one job in training.

    Models of another optimizer, and many columns (multiclass), are trained in groups, side by side in threads: numpy
    lets go of the interpreter's lock. How they are grouped depends on the job only, never on the machine.
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
        self._rows = rows
        self._size = parameters.mini_batch_size
        self._chunks = chunks(rows, scaler, parameters)
        self._members = model_groups([model.optimizer for model in models], self._outputs)
        self._groups = [
            _Group(
                parameters,
                [models[number] for number in part],
                (weights if len(part) == len(models) else weights[:, :, part]).reshape(len(weights), -1),
                batches(rows, scaler, parameters, len(part) * self._outputs),
                row_weights.of_models(part),
            )
            for part in self._members
        ]

    def train_epoch(self) -> npt.NDArray[np.float64]:
        """Train on every whole mini-batch in order; the mean loss of each model, taken before each update."""
        losses = np.zeros(len(self.models))
        count = 0
        # One thread more makes the next chunk ready.
        with ThreadPoolExecutor(1 + min(len(self._groups), os.cpu_count() or 1)) as threads:
            ready = self._ready()
            ahead = threads.submit(_next, ready)
            while (chunk := ahead.result()) is not None:
                ahead = threads.submit(_next, ready)
                train = partial(_Group.train, features=chunk[0], labels=chunk[1])
                for part, own in zip(self._members, threads.map(train, self._groups), strict=True):
                    losses[part] += own
                count += len(chunk[1])
        return losses / count

    def _ready(self) -> Iterator[tuple[Any, Floats]]:
        """Chunks of whole mini-batches as models are trained on them: features, and labels (rows, 1)."""
        for features, raw_labels in self._rows.blocks(self._size):
            labels = self._scaler.normalise_labels(raw_labels)[:, np.newaxis]
            for chunk, part in self._chunks.of(features):
                yield chunk, labels[part]

    def folded(self) -> tuple[Floats, Floats]:
        """Weights (features, columns) and bias (1, columns) of all models for raw features and labels."""
        parts = [self._scaler.fold(group.weights) for group in self._groups]
        if len(parts) == 1:
            return parts[0]
        weight, bias = (np.empty((len(whole), self._outputs, len(self.models)), np.float32) for whole in parts[0])
        for part, (own_weight, own_bias) in zip(self._members, parts, strict=True):
            weight[:, :, part] = own_weight.reshape(len(weight), self._outputs, -1)
            bias[:, :, part] = own_bias.reshape(1, self._outputs, -1)
        return weight.reshape(len(weight), -1), bias.reshape(1, -1)


def _next(ready: Iterator[tuple[Any, Floats]]) -> tuple[Any, Floats] | None:
    # The setting of numpy's warnings belongs to a thread.
    with np.errstate(over="ignore", invalid="ignore"):
        return next(ready, None)


def model_groups(optimizers: Sequence[str], outputs: int) -> list[list[int]]:
    """The numbers of models to be trained together: those of one optimizer, in even groups of not too many columns."""
    groups = []
    for optimizer in dict.fromkeys(optimizers):
        alike = [number for number, own in enumerate(optimizers) if own == optimizer]
        count = min(len(alike), -(-len(alike) * outputs // _GROUP_COLUMNS))
        bounds = [len(alike) * part // count for part in range(count + 1)]
        groups += [alike[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]
    return groups


@dataclass(frozen=True)
class _Group:
    """Some of the models: their weights (features + 1, outputs x models) and all that training changes with them."""

    parameters: Hyperparameters
    models: Sequence[Candidate]
    weights: Floats
    batches: Batches
    row_weights: RowWeights
    optimizer: Optimizer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", Optimizer(self.parameters, self.models, self.weights.shape))

    def train(self, features: Any, labels: Floats) -> npt.NDArray[np.float64]:
        """Train on the mini-batches of a chunk, labels (rows, 1); the summed loss of each model."""
        loss = loss_function(self.parameters)
        size = self.parameters.mini_batch_size
        scale = np.float32(1 / size)
        total = np.zeros(len(self.models))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(labels), size):
                own = labels[start : start + size]
                raw = self.batches.outputs(rows_of(features, start, size), self.weights)
                losses, slopes = self.row_weights.apply(*loss(raw, own), own)
                total += losses.sum(axis=0)
                slopes *= scale
                self.optimizer.step(self.weights, self.batches.gradient(slopes))
        return total


class Losses:
    """The mean loss of each model over rows given part by part, in the units of the labels."""

    def __init__(self, parameters: Hyperparameters, folded: tuple[Floats, Floats], row_weights: RowWeights) -> None:
        self._parameters = parameters
        self._loss = loss_function(parameters)
        self._weight, self._bias = folded
        self._row_weights = row_weights
        self._total = np.zeros(self._weight.shape[1] // parameters.outputs)
        self._count = 0

    def add(self, features: Any, labels: Floats) -> Floats:
        """Take in rows; their raw outputs under all models, (rows, columns)."""
        column = labels[:, np.newaxis]
        if isinstance(features, np.ndarray):
            room = room_for_outputs(self._parameters, len(features), self._weight.shape[1])
            raw = np.matmul(features, self._weight, out=room)
        else:
            raw = np.asarray(features @ self._weight)
        raw += self._bias
        losses, _ = self._row_weights.apply(*self._loss(raw, column), column)
        self._total += losses.sum(axis=0, dtype=np.float64)
        self._count += len(labels)
        return raw

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean loss of each model so far."""
        return self._total / self._count
