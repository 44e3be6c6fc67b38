"""The models that one job trains at once: which learning rate, regularisation and schedule each one has.

Where nothing is given, a binary classifier and a regressor train a grid of 32 models whose number, read as bits, is
their setting. In any other case the first model has what is given, or its default, and the others are spread around
it by fixed factors. Both reproduce what real jobs print, digit by digit, and the losses of their models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.predictor_types import MULTICLASS

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="models of a binary classifier or a regressor with given values or num_models",
        here="the first has what is given, else learning_rate, l1 and wd 0.02, the others are spread around it as for "
        "multiclass",
        aws="documented so; which values they have is established for multiclass only",
    ),
    Row(
        area="linear-learner",
        subject="losses of each model of a job",
        here="those of three real jobs are met: in the last epoch 25 of 28 models of several classes within 3e-7, all "
        "32 of a regressor within 6e-7, 28 of 32 of another within 6e-5. Models of a high rate leap, and multiply what "
        "sums differ by in their last bit: models 18, 9 and 21 of the first end 0.002, 2 and 3 % apart on validation, "
        "models 5, 7, 13 and 15 of the last, which fits perfectly, at most 0.2 %; none of them can win. 14 of the 28 "
        "models print an l1 and leave it out, which was read off the curves; where there are fewer or more models, "
        "those of the same numbers do",
        aws="the order of the sums of a dot product is MXNet's, and depends on the machine",
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
    optimizer: str = "adam"
    bias_lr_mult: float = 10.0
    positive_weight: float | None = 1.0
    uses_l1: bool = True

    def describe(self, parameters: Hyperparameters) -> dict[str, str | float | int]:
        """The settings as the "Best model found" line prints them."""
        penalties = {"l1": self.l1, "wd": self.wd}
        if parameters.predictor_type != MULTICLASS:
            penalties = {"wd": self.wd, "l1": self.l1}
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            **penalties,
            "lr_scheduler_step": self.lr_scheduler_step,
            "lr_scheduler_factor": self.lr_scheduler_factor,
            "lr_scheduler_minimum_lr": self.lr_scheduler_minimum_lr,
        }


BINARY_MODELS: Final = 32
MULTICLASS_MODELS: Final = 28

_GRID_DECAYS: Final = (1e-4, 1e-2, 1.0, 100.0)
_DEFAULT: Final = Candidate(
    learning_rate=0.02,
    l1=0.02,
    wd=0.02,
    lr_scheduler_step=10,
    lr_scheduler_factor=0.98,
    lr_scheduler_minimum_lr=1e-5,
)
_SEED: Final = 0
# Models whose l1 is printed and does nothing: with none, each of the 28 curves of a real job is met, with it none of
# these is. How the container chooses them could not be found, as they are none of the next numbers of the stream.
_WITHOUT_L1: Final = frozenset({2, 3, 5, 6, 10, 12, 15, 18, 19, 20, 21, 22, 24, 25})


def candidates(parameters: Hyperparameters) -> tuple[Candidate, ...]:
    """The models to train, in the order of their numbers in the log."""
    multiclass = parameters.predictor_type == MULTICLASS
    first = _given(parameters)
    if multiclass or parameters.num_models or first != _DEFAULT:
        count = parameters.num_models or (MULTICLASS_MODELS if multiclass else BINARY_MODELS)
        models = tuple(replace(model, **_chosen(parameters)) for model in _spread(first, count))
    else:
        models = tuple(replace(_grid(number), **_chosen(parameters)) for number in range(BINARY_MODELS))
    weights = _positive_weights(parameters)
    return tuple(replace(model, positive_weight=own) for model in models for own in weights)[: parameters.num_models]


def _positive_weights(parameters: Hyperparameters) -> tuple[float | None, ...]:
    given = parameters.positive_example_weight_mult
    if parameters.predictor_type == MULTICLASS:
        return (1.0,)
    if given == "auto":
        return (1.0, None)
    return (None if given == "balanced" else float(given),)


def _given(parameters: Hyperparameters) -> Candidate:
    names = ("learning_rate", "l1", "wd", "lr_scheduler_step", "lr_scheduler_factor", "lr_scheduler_minimum_lr")
    given = {name: value for name in names if (value := getattr(parameters, name)) is not None}
    return replace(_DEFAULT, **given)


def _grid(number: int) -> Candidate:
    return Candidate(
        learning_rate=0.1 if number & 4 else 0.005,
        l1=0.0,
        wd=_GRID_DECAYS[number >> 3],
        lr_scheduler_step=100 if number & 1 else 10,
        lr_scheduler_factor=0.99,
        lr_scheduler_minimum_lr=1e-4 if number & 2 else 1e-5,
    )


def _spread(first: Candidate, count: int) -> tuple[Candidate, ...]:
    """The first model and others around it, each setting log-uniform between two multiples of the first one's."""
    source = np.random.RandomState(_SEED)

    def around(value: float, least: float, most: float) -> npt.NDArray[np.float64]:
        if value == 0:
            return np.zeros_like(source.random_sample(count - 1))
        return np.exp(source.uniform(np.log(value * least), np.log(value * most), count - 1))

    rates = around(first.learning_rate, 1 / 8, 8)
    l1 = around(first.l1, 1 / 20, 20)
    decays = around(first.wd, 1 / 20, 20)
    steps = around(first.lr_scheduler_step, 1, 100)
    losses = around(1 - first.lr_scheduler_factor, 1 / 5, 5)
    # Real settings show that a number of the stream goes elsewhere here, and another one below.
    source.random_sample()
    floors = around(first.lr_scheduler_minimum_lr, 1 / 10, 100)
    source.random_sample()
    optimizers = np.array(["adam", "rmsprop"])[source.randint(0, 2, count - 1)]
    multipliers = np.array([1.0, 10.0])[source.randint(0, 2, count - 1)]
    factors = np.maximum(1 - losses, 0.0)
    columns = (rates, l1, decays, np.rint(steps).astype(int), factors, floors, optimizers, multipliers)
    others = enumerate(zip(*(column.tolist() for column in columns), strict=True), 1)
    return (first, *(replace(Candidate(*row), uses_l1=number not in _WITHOUT_L1) for number, row in others))


def _chosen(parameters: Hyperparameters) -> dict[str, Any]:
    """What is the same in all models where it is given."""
    given = {"optimizer": parameters.optimizer, "bias_lr_mult": parameters.bias_lr_mult}
    return {name: value for name, value in given.items() if value is not None}
