"""The optimizers and the learning rate schedule, for the weights of all models at once.

Weights are one float32 array (features + 1, columns) whose last row is the bias; a column belongs to one model
(column modulo models), so learning rates and penalties are row vectors. The updates are MXNet's: weight decay joins
the gradient, and so does l1, as the slope of a loss of its own, l1 x sum |w|, which MXNet divides by the size of the
mini-batch as it does every slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.grid import Candidate
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="mechanics of l1",
        here="l1 x sign(w) / mini_batch_size joins the gradient of every weight but the bias",
        aws="not documented; the losses of real jobs are met to four digits so, and not otherwise",
    ),
    Row(
        area="linear-learner",
        subject="epsilon and decay of the optimizers",
        here="MXNet's defaults: adam epsilon 1e-8; rmsprop decay 0.9, epsilon 1e-8",
        aws="not documented; the losses of real jobs agree",
    ),
)

_EPSILON: Final = 1e-8
# Keeps the moments of weights whose gradient is exactly zero out of float32's subnormal range, which is slow by two
# orders of magnitude; far below anything that moves a weight.
_FLOOR: Final = np.float32(1e-16)
_RMSPROP_DECAY: Final = np.float32(0.9)
# So many weights are updated at a time: what belongs to them stays in the processor's cache from one operation to the
# next, and the memory for what comes between does not grow with the features.
_BLOCK_NUMBERS: Final = 1 << 15


@dataclass(frozen=True)
class Rates:
    """Learning rates of the columns, (columns,), and those of the bias, which is the last row; None where it is not."""

    rows: Floats
    bias: Floats | None

    def scale(self, gradient: Floats, factor: np.float32) -> None:
        """Multiply by the rates and a factor in place."""
        if self.bias is None:
            gradient *= self.rows * factor
            return
        gradient[:-1] *= self.rows * factor
        gradient[-1] *= self.bias * factor


class Update(Protocol):
    """Changes some rows of the weights in place, given their gradient, room for as much, and the number of the step.

    `rows` says which rows of all these are; gradient and room may be overwritten.
    """

    def step(self, rows: slice, weights: Floats, gradient: Floats, room: Floats, rates: Rates, number: int) -> None: ...


class Sgd:
    """Gradient descent with momentum."""

    def __init__(self, shape: tuple[int, int], momentum: float) -> None:
        self._momentum = np.float32(momentum)
        self._velocity = np.zeros(shape, np.float32) if momentum else None

    def step(self, rows: slice, weights: Floats, gradient: Floats, room: Floats, rates: Rates, number: int) -> None:
        rates.scale(gradient, np.float32(1))
        if self._velocity is None:
            weights -= gradient
            return
        velocity = self._velocity[rows]
        velocity *= self._momentum
        velocity -= gradient
        weights += velocity


class Adam:
    """Adam with bias correction.

    The moments are kept without their factors (1 - beta), which join the rate: two passes over the weights fewer.
    """

    def __init__(self, shape: tuple[int, int], beta_1: float, beta_2: float) -> None:
        self._beta_1, self._beta_2 = beta_1, beta_2
        self._mean = np.zeros(shape, np.float32)
        self._square = np.zeros(shape, np.float32)

    def step(self, rows: slice, weights: Floats, gradient: Floats, room: Floats, rates: Rates, number: int) -> None:
        # MXNet takes the betas from 1 in float32: of 0.999 the fifth digit of what is left is another one so.
        fresh_1, fresh_2 = (float(1 - np.float32(beta)) for beta in (self._beta_1, self._beta_2))
        root = math.sqrt(fresh_2)
        scale = fresh_1 / root
        scale *= math.sqrt(1 - self._beta_2**number) / (1 - self._beta_1**number)
        mean, square = self._mean[rows], self._square[rows]
        mean *= np.float32(self._beta_1)
        mean += gradient
        square *= np.float32(self._beta_2)
        gradient *= gradient
        square += gradient
        np.sqrt(square, out=gradient)
        gradient += np.float32(_EPSILON / root)
        np.divide(mean, gradient, out=gradient)
        rates.scale(gradient, np.float32(scale))
        weights -= gradient


class RmsProp:
    """RMSProp as MXNet has it, not centred."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._square = np.zeros(shape, np.float32)

    def step(self, rows: slice, weights: Floats, gradient: Floats, room: Floats, rates: Rates, number: int) -> None:
        square = self._square[rows]
        square *= _RMSPROP_DECAY
        np.multiply(gradient, 1 - _RMSPROP_DECAY, out=room)
        room *= gradient
        square += room
        np.add(square, np.float32(_EPSILON), out=room)
        gradient /= np.sqrt(room, out=room)
        rates.scale(gradient, np.float32(1))
        weights -= gradient


def update_rule(name: str, parameters: Hyperparameters, shape: tuple[int, int]) -> Update:
    """The optimizer of this name, with fresh state for weights of `shape`."""
    if name == "sgd":
        return Sgd(shape, parameters.momentum)
    if name == "rmsprop":
        return RmsProp(shape)
    return Adam(shape, parameters.beta_1, parameters.beta_2)


class Schedule:
    """Learning rates by update: every `step` updates times `factor`, never below the minimum; MXNet's rule."""

    def __init__(self, models: Sequence[Candidate], *, enabled: bool) -> None:
        self._base = np.array([model.learning_rate for model in models])
        self._step = np.array([model.lr_scheduler_step for model in models])
        self._factor = np.array([model.lr_scheduler_factor for model in models])
        self._floor = np.minimum(self._base, [model.lr_scheduler_minimum_lr for model in models])
        self._enabled = enabled

    def rates(self, update: int) -> Floats:
        """Learning rate of each model for the update with this number, the first being 1."""
        if not self._enabled:
            return self._base.astype(np.float32)
        decayed = self._base * self._factor ** ((update - 1) // self._step)
        return np.asarray(np.maximum(decayed, self._floor), dtype=np.float32)


class Optimizer:
    """One step for all models, which share an update rule: penalties, schedule, multipliers of the bias, the rule."""

    def __init__(self, parameters: Hyperparameters, models: Sequence[Candidate], shape: tuple[int, int]) -> None:
        self._repeat = shape[1] // len(models)
        self._schedule = Schedule(models, enabled=parameters.use_lr_scheduler)
        self._decay = self._columns([model.wd for model in models])
        self._l1 = self._columns([model.l1 * model.uses_l1 / parameters.mini_batch_size for model in models])
        self._has_decay, self._has_l1 = bool(self._decay.any()), bool(self._l1.any())
        multipliers = self._columns([model.bias_lr_mult for model in models])
        self._bias_rate = multipliers if parameters.use_bias else np.float32(0.0)
        self._bias_decay = np.float32(parameters.bias_wd_mult)
        self._rule = update_rule(models[0].optimizer, parameters, shape)
        step = max(1, _BLOCK_NUMBERS // shape[1])
        self._blocks = [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]
        self._room = np.empty((min(step, shape[0]), shape[1]), np.float32)
        self._updates = 0

    def _columns(self, values: Sequence[float]) -> Floats:
        return np.tile(np.array(values, np.float32), self._repeat)

    def step(self, weights: Floats, gradient: Callable[[slice], Floats]) -> None:
        """Update `weights` in place; `gradient` gives that of some of their rows, to be overwritten."""
        self._updates += 1
        rate = np.tile(self._schedule.rates(self._updates), self._repeat)
        for rows in self._blocks:
            bias = rate * self._bias_rate if rows.stop == len(weights) else None
            own, slopes = weights[rows], gradient(rows)
            room = self._room[: len(own)]
            # The bias is the last row, of the last block.
            others = len(own) if bias is None else -1
            if self._has_decay:
                np.multiply(own, self._decay, out=room)
                if bias is not None:
                    room[-1] *= self._bias_decay
                slopes += room
            if self._has_l1:
                np.sign(own[:others], out=room[:others])
                room[:others] *= self._l1
                slopes[:others] += room[:others]
            slopes += _FLOOR
            self._rule.step(rows, own, slopes, room, Rates(rate, bias), self._updates)
