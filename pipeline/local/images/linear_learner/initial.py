"""The weights that training begins with, drawn as MXNet draws them in the container, whose seed is 0.

MXNet fills an array from many generators at once, generator i with the seed 0 + i, each a stretch of the array, and
goes on with them for the next array; the arrays come in the order of their names, fc0_weight, fc10_weight and so on.
So the losses of real jobs are met from their first epoch on.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters
from pipeline.local.images.linear_learner.model import Floats

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="initial weights with init_method=normal",
        here="drawn by a fixed seed, by NumPy",
        aws="drawn by a fixed seed, by MXNet; the uniform ones are the same here, number by number",
    ),
)

_SEED: Final = 0
_GENERATORS: Final = 1024
_LEAST_EACH: Final = 64


def initial_weights(parameters: Hyperparameters, columns: int, models: int) -> Floats:
    """Weights (columns + 1, outputs, models) by the init_ hyperparameters, the bias last; none where it is not used."""
    outputs = parameters.outputs
    weights = np.empty((columns + 1, outputs, models), np.float32)
    uniform = _Uniform(columns * outputs)
    normal = np.random.RandomState(_SEED)
    for model in sorted(range(models), key="fc{}_weight".format):
        if parameters.init_method == "uniform":
            scale = np.float32(parameters.init_scale)
            drawn = uniform.draw() * (scale + scale) - scale
        else:
            drawn = normal.normal(0.0, parameters.init_sigma, columns * outputs)
        weights[:-1, :, model] = drawn.reshape(columns, outputs)
    weights[-1] = parameters.init_bias if parameters.use_bias else 0.0
    return weights


class _Uniform:
    """Arrays of `size` numbers in [0, 1), as MXNet draws them on a CPU."""

    def __init__(self, size: int) -> None:
        self._size = size
        count = max(1, min(_GENERATORS, -(-size // _LEAST_EACH)))
        self._each = -(-size // count)
        self._generators = [np.random.RandomState(_SEED + number) for number in range(count)]

    def draw(self) -> Floats:
        words = np.empty(self._size, np.uint32)
        for start, generator in zip(range(0, self._size, self._each), self._generators, strict=False):
            part = words[start : start + self._each]
            part[:] = generator.randint(0, 1 << 32, len(part), dtype=np.uint32)
        numbers = np.minimum(words.astype(np.float32) * np.float32(2.0**-32), np.float32(1 - 2.0**-24))
        return np.asarray(numbers, dtype=np.float32)
