"""The models of a job: every setting that a real job has printed, and what else its log shows of them."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from pipeline.local.images.linear_learner.grid import Candidate, candidates
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse


def parameters(kind: str = "binary_classifier", **given: str) -> Hyperparameters:
    return parse({"predictor_type": kind, "num_classes": "3", **given})


@pytest.mark.parametrize(
    ("number", "step", "wd", "rate", "minimum"),
    [(0, 10, 1e-4, 0.005, 1e-5), (5, 100, 1e-4, 0.1, 1e-5), (3, 100, 1e-4, 0.005, 1e-4), (14, 10, 0.01, 0.1, 1e-4)],
)
def test_models_that_won_in_real_logs(number: int, step: int, wd: float, rate: float, minimum: float) -> None:
    given = parameters()
    described = candidates(given)[number].describe(given)
    assert described == {
        "optimizer": "adam",
        "learning_rate": rate,
        "wd": wd,
        "l1": 0.0,
        "lr_scheduler_step": step,
        "lr_scheduler_factor": 0.99,
        "lr_scheduler_minimum_lr": minimum,
    }
    assert list(described)[2:4] == ["wd", "l1"]


def test_the_grid_decays_by_four_strengths_and_has_no_l1() -> None:
    for kind in ("binary_classifier", "regressor"):
        models = candidates(parameters(kind))
        assert [model.wd for model in models[::8]] == [1e-4, 1e-2, 1.0, 100.0]
        assert {model.l1 for model in models} == {0.0} and len(set(models)) == 32


# Job, its hyperparameters, the number of the model that won and how the log describes it. Model 0 has what is given.
REAL: dict[str, tuple[dict[str, str], int, Candidate]] = {
    "nothing given, April 2020": (
        {},
        26,
        Candidate(
            0.03578924546103785,
            0.3730851993396367,
            0.0020367449461466797,
            153,
            0.9895518165671255,
            2.294182951069527e-05,
        ),
    ),
    "nothing given, August 2020": (
        {},
        22,
        Candidate(
            0.06940075632562186,
            0.00661855972259075,
            0.0012646460339582688,
            295,
            0.9898241409192494,
            5.0968542639990265e-05,
        ),
    ),
    "rate, wd and l1 given, August 2020": (
        {"learning_rate": "0.02986332628768753", "wd": "0.0028658419345028887", "l1": "0.00015634445960768285"},
        11,
        Candidate(
            0.1004722437624804,
            0.00031502989657088544,
            0.0004653088747992106,
            216,
            0.9316602901273723,
            1.998391905573772e-06,
        ),
    ),
    "wd and l1 given, June 2019": (
        {"wd": "0.008898628555711788", "l1": "0.1333817642465768"},
        3,
        Candidate(
            0.030664730174005284,
            0.0799911067820927,
            0.022269995381740192,
            243,
            0.9831300246895756,
            9.042943346173945e-05,
        ),
    ),
    "rate, wd and l1 given, 13 August 2019": (
        {"learning_rate": "0.3845283993921106", "wd": "0.00016191101061184497", "l1": "0.6854682581436183"},
        17,
        Candidate(
            0.052282518254785845,
            0.04916631319336727,
            0.002812240736971193,
            11,
            0.9843474924627743,
            3.072407411146648e-06,
        ),
    ),
    "rate, wd and l1 given, 27 August 2019": (
        {"learning_rate": "0.3845283993921106", "wd": "0.00016191101061184497", "l1": "0.6854682581436183"},
        0,
        Candidate(0.3845283993921106, 0.6854682581436183, 0.00016191101061184497, 10, 0.98, 1e-05),
    ),
}


@pytest.mark.parametrize("job", REAL)
def test_the_winner_of_a_real_multiclass_job_is_met_to_the_last_digit(job: str) -> None:
    given, number, expected = REAL[job]
    asked = parameters("multiclass_classifier", **given)
    models = candidates(asked)
    assert len(models) == 28
    # Exponentials may differ in the last bit from one mathematical library to the next.
    numbers = astuple(models[number])[:6]
    assert numbers == pytest.approx(astuple(expected)[:6], rel=1e-14)
    assert models[number].optimizer == "adam"
    assert list(expected.describe(asked))[2:4] == ["l1", "wd"]


@pytest.mark.parametrize("kind", ["binary_classifier", "multiclass_classifier", "regressor"])
def test_the_first_model_has_what_is_given_and_a_single_one_is_the_first(kind: str) -> None:
    given = {
        "learning_rate": "0.3",
        "wd": "0",
        "l1": "0.25",
        "lr_scheduler_step": "7",
        "lr_scheduler_factor": "0.5",
        "lr_scheduler_minimum_lr": "0.001",
    }
    models = candidates(parameters(kind, **given))
    assert models[0] == Candidate(0.3, 0.25, 0.0, 7, 0.5, 0.001)
    assert len(set(models)) == len(models) > 1
    for alone in (candidates(parameters(kind, num_models="1", **given)), tuned(kind, **given)):
        assert alone == models[:1]


@pytest.mark.parametrize("kind", ["binary_classifier", "multiclass_classifier", "regressor"])
def test_a_single_model_has_the_defaults(kind: str) -> None:
    assert tuned(kind) == (Candidate(0.02, 0.02, 0.02, 10, 0.98, 1e-5),)


def tuned(kind: str, **given: str) -> tuple[Candidate, ...]:
    """The models of a job that a tuning job starts."""
    return candidates(parameters(kind, _tuning_objective_metric="validation:objective_loss", **given))


def test_the_models_around_the_first_have_the_optimizers_and_bias_rates_that_fit_a_real_job() -> None:
    models = candidates(parameters("multiclass_classifier"))
    numbers = range(28)
    assert [n for n in numbers if models[n].optimizer == "rmsprop"] == [
        1,
        2,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        15,
        16,
        18,
        21,
        23,
        25,
    ]
    assert [n for n in numbers if models[n].bias_lr_mult == 1] == [1, 2, 6, 8, 10, 11, 12, 13, 17, 19, 20, 24, 27]
    given = candidates(parameters("multiclass_classifier", optimizer="sgd", bias_lr_mult="3"))
    assert {(model.optimizer, model.bias_lr_mult) for model in given} == {("sgd", 3.0)}


def test_values_around_a_given_one_stay_usable() -> None:
    for model in candidates(parameters(lr_scheduler_factor="0.01", l1="0", wd="0")):
        assert 0 <= model.lr_scheduler_factor < 1 and (model.l1, model.wd) == (0, 0)
        assert model.learning_rate > 0 and model.lr_scheduler_step >= 1


def test_there_are_as_many_models_as_asked_for() -> None:
    assert len(candidates(parameters())) == len(candidates(parameters("regressor"))) == 32
    for count in (1, 7, 40):
        assert len(set(candidates(parameters(num_models=str(count))))) == count


def test_automatic_weight_of_positives_tries_both() -> None:
    models = candidates(parameters(positive_example_weight_mult="auto"))
    assert len(models) == 64
    assert [model.positive_weight for model in models[:4]] == [1.0, None, 1.0, None]
    assert {model.positive_weight for model in candidates(parameters(positive_example_weight_mult="2.5"))} == {2.5}
    balanced = candidates(parameters(positive_example_weight_mult="balanced"))
    assert {model.positive_weight for model in balanced} == {None}
