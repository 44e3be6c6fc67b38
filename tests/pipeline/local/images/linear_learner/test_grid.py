"""The grid of models: what real logs show of it, and what the user fixes."""

from __future__ import annotations

import pytest

from pipeline.local.images.linear_learner.grid import candidates
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse


def parameters(kind: str = "binary_classifier", **given: str) -> Hyperparameters:
    return parse({"predictor_type": kind, "num_classes": "3", **given})


@pytest.mark.parametrize(
    ("number", "step", "wd", "rate", "minimum"),
    [(0, 10, 1e-4, 0.005, 1e-5), (5, 100, 1e-4, 0.1, 1e-5), (3, 100, 1e-4, 0.005, 1e-4), (14, 10, 0.01, 0.1, 1e-4)],
)
def test_models_that_won_in_real_logs(number: int, step: int, wd: float, rate: float, minimum: float) -> None:
    assert candidates(parameters())[number].describe("adam") == {
        "optimizer": "adam",
        "learning_rate": rate,
        "l1": 0.0,
        "wd": wd,
        "lr_scheduler_step": step,
        "lr_scheduler_factor": 0.99,
        "lr_scheduler_minimum_lr": minimum,
    }


def test_multiclass_models_that_won_in_real_logs() -> None:
    models = candidates(parameters("multiclass_classifier"))
    assert len(models) == 28
    assert (models[26].l1, models[26].lr_scheduler_step) == (0.3730851993396367, 153)
    assert (models[22].wd, models[22].lr_scheduler_minimum_lr) == (0.0012646460339582688, 5.0968542639990265e-05)


def test_there_are_as_many_models_as_asked_for() -> None:
    assert len(candidates(parameters())) == len(candidates(parameters("regressor"))) == 32
    for count in (1, 7, 40):
        assert len(candidates(parameters(num_models=str(count)))) == count
    assert candidates(parameters(num_models="4")) == candidates(parameters())[:4]
    assert len(set(candidates(parameters(num_models="60")))) == 60


def test_what_is_given_holds_in_every_model() -> None:
    given = {
        "learning_rate": "0.3",
        "wd": "0",
        "l1": "0.25",
        "lr_scheduler_step": "7",
        "lr_scheduler_factor": "0.5",
        "lr_scheduler_minimum_lr": "0.001",
    }
    for kind in ("binary_classifier", "multiclass_classifier", "regressor"):
        assert len(set(candidates(parameters(kind, **given)))) == 1
    model = candidates(parameters(**given))[9]
    assert (model.learning_rate, model.wd, model.l1, model.lr_scheduler_step) == (0.3, 0.0, 0.25, 7)


def test_a_given_learning_rate_leaves_a_grid_of_schedules() -> None:
    factors = {model.lr_scheduler_factor for model in candidates(parameters(learning_rate="0.1", l1="0", wd="0"))}
    assert factors == {0.99, 0.98}


def test_automatic_weight_of_positives_tries_both() -> None:
    models = candidates(parameters(positive_example_weight_mult="auto"))
    assert len(models) == 64
    assert [model.positive_weight for model in models[:4]] == [1.0, None, 1.0, None]
    assert {model.positive_weight for model in candidates(parameters(positive_example_weight_mult="2.5"))} == {2.5}
    balanced = candidates(parameters(positive_example_weight_mult="balanced"))
    assert {model.positive_weight for model in balanced} == {None}
