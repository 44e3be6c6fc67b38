"""The nine losses: value and derivative with respect to the raw output, for all models of a batch at once.

A loss takes raw outputs (rows, columns) and labels (rows, 1) and returns two arrays: the loss of each row and
model (rows, models), and its derivative (rows, columns). Columns are models; for softmax classes x models.
The formulas are those AWS published when the losses were added. Squared loss is reported as e^2 and descended as
e^2 / 2, as MXNet's regression output does: against weight decay and l1 the factor counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats

LossFunction = Callable[[Floats, Floats], tuple[Floats, Floats]]

# Within these limits exp() is finite and not subnormal in float32 (subnormal numbers are slow by two orders of
# magnitude); a loss beyond 80 is as good as infinite, one below exp(-80) as good as zero.
_EXPONENT_LIMIT = np.float32(80)


def loss_function(parameters: Hyperparameters) -> LossFunction:
    """The loss named by `parameters.loss`, with its own parameters bound."""
    chosen: dict[str, LossFunction] = {
        "logistic": logistic,
        "hinge_loss": partial(hinge, margin=parameters.margin),
        "softmax_loss": partial(softmax_loss, classes=parameters.num_classes),
        "squared_loss": squared,
        "absolute_loss": absolute,
        "eps_insensitive_squared_loss": partial(insensitive_squared, epsilon=parameters.loss_insensitivity),
        "eps_insensitive_absolute_loss": partial(insensitive_absolute, epsilon=parameters.loss_insensitivity),
        "quantile_loss": partial(quantile, q=parameters.quantile),
        "huber_loss": partial(huber, delta=parameters.huber_delta),
    }
    return chosen[parameters.loss]


def logistic(raw: Floats, label: Floats) -> tuple[Floats, Floats]:
    """-log of the probability given to the label, labels 0 and 1."""
    sign = label * 2 - 1
    odds = raw * sign
    np.clip(odds, -_EXPONENT_LIMIT, _EXPONENT_LIMIT, out=odds)
    np.negative(odds, out=odds)
    np.exp(odds, out=odds)
    total = odds + 1
    odds /= total
    odds *= -sign
    return np.log(total, out=total), odds


def hinge(raw: Floats, label: Floats, *, margin: float) -> tuple[Floats, Floats]:
    """Hinge on labels 0 and 1, so that the natural cut is at 0.5: y((m+1)/2 - f)+ + (1-y)((m-1)/2 + f)+."""
    sign = label * 2 - 1
    loss = np.maximum((margin + sign) / 2 - sign * raw, 0)
    return loss, np.where(loss > 0, -sign, np.float32(0))


def softmax_loss(raw: Floats, label: Floats, *, classes: int) -> tuple[Floats, Floats]:
    """Cross entropy of softmax; columns are classes x models, labels class numbers.

    Quick where the raw outputs of a column lie side by side: nothing is copied, and rows are the last axis of all.
    """
    rows = np.arange(len(raw))
    index = label[:, 0].astype(np.int64)
    scores = raw.T.reshape(classes, -1, len(raw))
    slopes = scores - scores.max(axis=0)
    chosen = slopes[index, :, rows]
    np.maximum(slopes, -_EXPONENT_LIMIT, out=slopes)
    np.exp(slopes, out=slopes)
    total = slopes.sum(axis=0)
    slopes /= total
    slopes[index, :, rows] -= 1
    return np.log(total, out=total).T - chosen, slopes.reshape(-1, len(raw)).T


def squared(raw: Floats, label: Floats) -> tuple[Floats, Floats]:
    """e^2, and half its derivative."""
    error = raw - label
    return error * error, error


def absolute(raw: Floats, label: Floats) -> tuple[Floats, Floats]:
    """|e|."""
    error = raw - label
    return np.abs(error), np.sign(error)


def insensitive_squared(raw: Floats, label: Floats, *, epsilon: float) -> tuple[Floats, Floats]:
    """max(0, e^2 - epsilon^2)."""
    error = raw - label
    loss = np.maximum(error * error - np.float32(epsilon * epsilon), 0)
    return loss, np.where(loss > 0, error * 2, np.float32(0))


def insensitive_absolute(raw: Floats, label: Floats, *, epsilon: float) -> tuple[Floats, Floats]:
    """max(0, |e| - epsilon)."""
    error = raw - label
    loss = np.maximum(np.abs(error) - np.float32(epsilon), 0)
    return loss, np.where(loss > 0, np.sign(error), np.float32(0))


def quantile(raw: Floats, label: Floats, *, q: float) -> tuple[Floats, Floats]:
    """q (y - f)+ + (1 - q)(f - y)+."""
    error = raw - label
    slopes = np.where(error > 0, np.float32(1 - q), np.float32(-q))
    return error * slopes, slopes


def huber(raw: Floats, label: Floats, *, delta: float) -> tuple[Floats, Floats]:
    """e^2 / 2 within delta, |e| delta - delta^2 / 2 beyond."""
    error = raw - label
    slopes = np.clip(error, np.float32(-delta), np.float32(delta))
    return slopes * (error - slopes / 2), slopes
