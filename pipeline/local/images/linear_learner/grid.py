"""The models that one job trains at once: which learning rate, regularisation and schedule each one has.

For a binary classifier and a regressor `num_models=auto` means 32 models whose number, read as bits, is their
setting; for multiclass it means 28 models with fixed irregular settings. Both were read off real logs as far as
those show them; what the user fixes is the same in all models.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.predictor_types import MULTICLASS

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="l1 and wd of models 16..31 of the automatic grid",
        here="(wd 0.0001, l1 0.03) for 16..23 and (wd 0.0001, l1 1.0) for 24..31",
        aws="real logs show a moderate and a very strong l1 there; the values are not established; l1 up to 0.3 in "
        "16..23 would fit them too",
    ),
    Row(
        area="linear-learner",
        subject="settings of the 28 models of multiclass",
        here="models 22 and 26 as seen in real logs, the others drawn log-uniformly by a fixed seed",
        aws="fixed values; those of 26 models are not established",
    ),
    Row(
        area="linear-learner",
        subject="num_models other than auto",
        here="the first models of the automatic grid; beyond its length, models drawn by a fixed seed",
        aws="not established",
    ),
    Row(
        area="linear-learner",
        subject="grid where learning_rate is given",
        here="the bit that chose the learning rate chooses lr_scheduler_factor 0.99 or 0.98",
        aws="a schedule of step 10 and factor 0.98 was seen to win in such a job; the grid is not established",
    ),
)


@dataclass(frozen=True)
class Candidate:
    """The settings of one model. `positive_weight` is None where it is "balanced", known only from the data."""

    learning_rate: float
    l1: float
    wd: float
    lr_scheduler_step: int
    lr_scheduler_factor: float
    lr_scheduler_minimum_lr: float
    positive_weight: float | None = 1.0

    def describe(self, optimizer: str) -> dict[str, str | float | int]:
        """The settings as the "Best model found" line prints them."""
        return {
            "optimizer": optimizer,
            "learning_rate": self.learning_rate,
            "l1": self.l1,
            "wd": self.wd,
            "lr_scheduler_step": self.lr_scheduler_step,
            "lr_scheduler_factor": self.lr_scheduler_factor,
            "lr_scheduler_minimum_lr": self.lr_scheduler_minimum_lr,
        }


_BLOCKS: Final = ((1e-4, 0.0), (1e-2, 0.0), (1e-4, 0.03), (1e-4, 1.0))
_SEEN_MULTICLASS: Final = {
    22: Candidate(
        learning_rate=0.06940075632562186,
        l1=0.00661855972259075,
        wd=0.0012646460339582688,
        lr_scheduler_step=295,
        lr_scheduler_factor=0.9898241409192494,
        lr_scheduler_minimum_lr=5.0968542639990265e-05,
    ),
    26: Candidate(
        learning_rate=0.03578924546103785,
        l1=0.3730851993396367,
        wd=0.0020367449461466797,
        lr_scheduler_step=153,
        lr_scheduler_factor=0.9895518165671255,
        lr_scheduler_minimum_lr=2.294182951069527e-05,
    ),
}
BINARY_MODELS: Final = 32
MULTICLASS_MODELS: Final = 28


def candidates(parameters: Hyperparameters) -> tuple[Candidate, ...]:
    """The models to train, in the order of their numbers in the log."""
    multiclass = parameters.predictor_type == MULTICLASS
    both_weights = parameters.positive_example_weight_mult == "auto" and not multiclass
    standard = MULTICLASS_MODELS if multiclass else BINARY_MODELS
    count = parameters.num_models or standard * (2 if both_weights else 1)
    chosen = []
    for number in range(count):
        index = number // 2 if both_weights else number
        base = _multiclass(index) if multiclass else _binary(index, parameters.learning_rate is not None)
        chosen.append(_with_given(base, parameters, _positive_weight(parameters, number)))
    return tuple(chosen)


def _binary(index: int, rate_is_given: bool) -> Candidate:
    if index >= BINARY_MODELS:
        return _drawn(index)
    weight_decay, l1 = _BLOCKS[index >> 3]
    second = bool(index & 4)
    return Candidate(
        learning_rate=0.1 if second else 0.005,
        l1=l1,
        wd=weight_decay,
        lr_scheduler_step=100 if index & 1 else 10,
        lr_scheduler_factor=0.98 if second and rate_is_given else 0.99,
        lr_scheduler_minimum_lr=1e-4 if index & 2 else 1e-5,
    )


def _multiclass(index: int) -> Candidate:
    return _SEEN_MULTICLASS.get(index) or _drawn(index)


def _drawn(index: int) -> Candidate:
    """Settings of one irregular model, the same on every machine and Python."""
    source = random.Random(f"linear-learner model {index}")

    def log_uniform(low: float, high: float) -> float:
        return math.exp(math.log(low) + source.random() * (math.log(high) - math.log(low)))

    return Candidate(
        learning_rate=log_uniform(1e-3, 1e-1),
        l1=log_uniform(1e-5, 1.0),
        wd=log_uniform(1e-5, 1e-2),
        lr_scheduler_step=1 + int(source.random() * 300),
        lr_scheduler_factor=0.98 + 0.0199 * source.random(),
        lr_scheduler_minimum_lr=log_uniform(1e-6, 1e-4),
    )


def _positive_weight(parameters: Hyperparameters, number: int) -> float | None:
    given = parameters.positive_example_weight_mult
    if given == "balanced":
        return None
    if given == "auto":
        return None if number % 2 else 1.0
    return float(given)


def _with_given(base: Candidate, parameters: Hyperparameters, positive_weight: float | None) -> Candidate:
    given = parameters
    return Candidate(
        learning_rate=base.learning_rate if given.learning_rate is None else given.learning_rate,
        l1=base.l1 if given.l1 is None else given.l1,
        wd=base.wd if given.wd is None else given.wd,
        lr_scheduler_step=given.lr_scheduler_step or base.lr_scheduler_step,
        lr_scheduler_factor=given.lr_scheduler_factor or base.lr_scheduler_factor,
        lr_scheduler_minimum_lr=given.lr_scheduler_minimum_lr or base.lr_scheduler_minimum_lr,
        positive_weight=positive_weight,
    )
