"""The weights that training begins with: by their hyperparameters, and number by number those that MXNet draws."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.initial import initial_weights


def parameters(**given: str) -> Hyperparameters:
    return parse({"predictor_type": "multiclass_classifier", "num_classes": "4", "mini_batch_size": "30", **given})


def test_initial_weights_follow_their_hyperparameters() -> None:
    uniform = initial_weights(parameters(init_scale="0.5", init_bias="2"), 500, 1)
    assert uniform.shape == (501, 4, 1) and (uniform[-1] == 2).all()
    assert np.abs(uniform[:-1]).max() <= 0.5 and np.abs(uniform[:-1]).max() > 0.49
    normal = initial_weights(parameters(init_method="normal", init_sigma="0.2"), 5000, 1)
    assert normal[:-1].std() == pytest.approx(0.2, rel=0.05)
    assert (initial_weights(parameters(init_bias="2", use_bias="false"), 3, 4)[-1] == 0).all()


# Drawn by MXNet 1.9.1: mx.random.seed(0), then mx.random.uniform(-0.07, 0.07) once a model, in the order of the names.
# Model, place in the array of 22 features and 3 classes, and what lies there.
MXNET = (
    (0, 0, 0, 0.006833896040916443),
    (0, 10, 2, -0.0671694278717041),
    (0, 11, 0, -0.011616922914981842),
    (0, 21, 2, -0.01157732680439949),
    (1, 0, 0, -0.06294818967580795),
    (2, 5, 1, 0.012263946235179901),
    (10, 0, 0, -0.018446184694767),
    (10, 21, 1, 0.06410453468561172),
    (27, 0, 0, 0.02483765035867691),
    (9, 21, 2, 0.052431441843509674),
)


def test_uniform_weights_are_those_of_mxnet() -> None:
    weights = initial_weights(parameters(num_classes="3"), 22, 28)
    for model, row, column, expected in MXNET:
        assert weights[row, column, model] == np.float32(expected)
