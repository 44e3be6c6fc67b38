"""Each hyperparameter takes effect: one small job as it is, one with the hyperparameter changed, and what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from pipeline.local.images.linear_learner.hyperparameters import SPECS
from tests.support.linear_learner import Outcome, train

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
BASE = {"mini_batch_size": "20", "epochs": "4", "num_models": "2"}


@dataclass(frozen=True)
class Seen:
    """What can be seen of a job from outside."""

    weights: list[list[float]]
    bias: list[float]
    threshold: float
    params: dict[str, Any]
    log: str

    def count(self, text: str) -> int:
        return self.log.count(text)


@dataclass(frozen=True)
class Case:
    """The type of predictor, what both jobs have, the two values, and what must hold of (before, after)."""

    kind: str
    before: str
    after: str
    holds: Callable[[Seen, Seen], bool]
    both: dict[str, str] = field(default_factory=dict)


def rows(kind: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy rows with features of different scales, off centre, and rare positives."""
    source = np.random.default_rng(seed)
    features = source.normal(2, 1, (count, 4)) * [1, 3, 0.5, 10]
    signal = features @ np.array([1.0, -0.4, 1.5, 0.03]) + source.normal(0, 0.8, count)
    if kind == BINARY:
        return features, (signal > np.quantile(signal, 0.7)).astype(float)
    if kind == MULTICLASS:
        return features, np.digitize(signal, np.quantile(signal, [0.3, 0.6, 0.92])).astype(float)
    return features, signal * 5 + 100 + source.standard_t(2, count)


def observe(outcome: Outcome) -> Seen:
    assert outcome.exit_code == 0, outcome.failure
    model = outcome.model
    return Seen(model.weight.tolist(), model.bias[0].tolist(), model.threshold, dict(model.metrics_params), outcome.log)


@cache
def run(kind: str, given: tuple[tuple[str, str], ...]) -> Seen:
    hyperparameters = {"predictor_type": kind, **BASE, **dict(given)}
    if kind == MULTICLASS:
        hyperparameters.setdefault("num_classes", "4")
    with TemporaryDirectory() as folder:
        channels = {"train": rows(kind, 190, 1), "validation": rows(kind, 90, 2)}
        return observe(train(Path(folder), hyperparameters, channels))


def weights_differ(before: Seen, after: Seen) -> bool:
    return not np.allclose(before.weights, after.weights, rtol=1e-4, atol=1e-5)


def threshold_differs(before: Seen, after: Seen) -> bool:
    return before.threshold != after.threshold and not weights_differ(before, after)


def penalised(before: Seen, after: Seen) -> bool:
    return bool(np.linalg.norm(after.weights) < 0.8 * np.linalg.norm(before.weights))


def threshold_falls(before: Seen, after: Seen) -> bool:
    return after.threshold < before.threshold


def threshold_rises(before: Seen, after: Seen) -> bool:
    return after.threshold > before.threshold


def positives_balanced(before: Seen, after: Seen) -> bool:
    weight = after.params["positive_example_weight_mult"]
    return weights_differ(before, after) and weight == pytest.approx(133 / 57)


def bias_rises(before: Seen, after: Seen) -> bool:
    return after.bias[0] > before.bias[0]


def classes_balanced(before: Seen, after: Seen) -> bool:
    return weights_differ(before, after) and len(after.params["class_weights"]) == 4


def fewer_epochs(before: Seen, after: Seen) -> bool:
    return after.count("#early_stopping_criteria") < before.count("#early_stopping_criteria")


def prints(text: str) -> Callable[[Seen, Seen], bool]:
    return lambda before, after: text in after.log and text not in before.log


CRITERION = "binary_classifier_model_selection_criteria"
SGD = {"optimizer": "sgd", "learning_rate": "0.05"}
ONE = {**SGD, "num_models": "1"}
FIXED = {
    "learning_rate": "0.01",
    "lr_scheduler_step": "1",
    "lr_scheduler_factor": "0.5",
    "lr_scheduler_minimum_lr": "1e-6",
}
NORMAL = {"init_method": "normal"}
ONE_F = {CRITERION: "f_beta", "epochs": "1"}
ONE_PRECISION = {CRITERION: "precision_at_target_recall", "epochs": "1", "num_models": "1"}
ONE_RECALL = {CRITERION: "recall_at_target_precision", "epochs": "1"}
BY_LOSS = {CRITERION: "loss_function", "epochs": "12"}

CASES: dict[str, Case] = {
    "predictor_type": Case(REGRESSOR, REGRESSOR, REGRESSOR, lambda before, _: "mse_objective" in before.log),
    "num_classes": Case(MULTICLASS, "4", "6", lambda before, after: (len(before.bias), len(after.bias)) == (4, 6)),
    "feature_dim": Case(BINARY, "auto", "4", lambda before, after: before.weights == after.weights),
    "mini_batch_size": Case(BINARY, "20", "30", weights_differ),
    "epochs": Case(BINARY, "4", "2", fewer_epochs),
    "num_models": Case(BINARY, "2", "5", lambda before, after: '"model": 4' in after.log),
    "loss": Case(BINARY, "logistic", "hinge_loss", prints("hinge_loss_objective")),
    "optimizer": Case(BINARY, "adam", "rmsprop", weights_differ),
    "learning_rate": Case(BINARY, "0.005", "0.05", weights_differ),
    "wd": Case(BINARY, "0", "5", penalised, SGD),
    "l1": Case(BINARY, "0", "4", penalised, SGD),
    "momentum": Case(BINARY, "0", "0.8", weights_differ, SGD),
    "beta_1": Case(BINARY, "0.9", "0.5", weights_differ),
    "beta_2": Case(BINARY, "0.999", "0.9", weights_differ),
    "bias_lr_mult": Case(BINARY, "10", "1", weights_differ),
    "bias_wd_mult": Case(BINARY, "0", "5", weights_differ, {"wd": "0.5", **SGD}),
    "use_bias": Case(BINARY, "true", "false", lambda before, after: before.bias != [0] and after.bias == [0]),
    "use_lr_scheduler": Case(BINARY, "true", "false", weights_differ, FIXED),
    "lr_scheduler_step": Case(BINARY, "1", "3", weights_differ, FIXED),
    "lr_scheduler_factor": Case(BINARY, "0.5", "0.9", weights_differ, FIXED),
    "lr_scheduler_minimum_lr": Case(BINARY, "1e-6", "0.009", weights_differ, FIXED),
    "init_method": Case(BINARY, "uniform", "normal", weights_differ),
    "init_scale": Case(BINARY, "0.07", "3", weights_differ),
    "init_sigma": Case(BINARY, "0.01", "3", weights_differ, NORMAL),
    "init_bias": Case(BINARY, "0", "4", lambda before, after: after.bias[0] > before.bias[0] + 0.1, ONE),
    "normalize_data": Case(BINARY, "true", "false", weights_differ),
    "normalize_label": Case(REGRESSOR, "true", "false", weights_differ),
    "unbias_data": Case(BINARY, "auto", "false", weights_differ),
    "unbias_label": Case(REGRESSOR, "auto", "false", weights_differ),
    "num_point_for_scaler": Case(BINARY, "10000", "30", weights_differ),
    "num_calibration_samples": Case(BINARY, "10000000", "9", threshold_differs, {"epochs": "1", "num_models": "1"}),
    CRITERION: Case(BINARY, "accuracy", "f_beta", prints("criteria=sampled_f_beta")),
    "target_recall": Case(BINARY, "0.5", "0.95", threshold_falls, ONE_PRECISION),
    "target_precision": Case(BINARY, "0.5", "0.9", threshold_rises, ONE_RECALL),
    "f_beta": Case(BINARY, "1.0", "8", threshold_falls, ONE_F),
    "positive_example_weight_mult": Case(BINARY, "1.0", "balanced", positives_balanced),
    "balance_multiclass_weights": Case(MULTICLASS, "false", "true", classes_balanced),
    "accuracy_top_k": Case(MULTICLASS, "3", "2", prints("multiclass_top_k_accuracy_2")),
    "early_stopping_patience": Case(BINARY, "30", "1", fewer_epochs, {"epochs": "30"}),
    "early_stopping_tolerance": Case(BINARY, "0.000001", "0.5", fewer_epochs, BY_LOSS),
    "margin": Case(BINARY, "1.0", "0.2", weights_differ, {"loss": "hinge_loss"}),
    "quantile": Case(REGRESSOR, "0.5", "0.9", bias_rises, {"loss": "quantile_loss"}),
    "loss_insensitivity": Case(REGRESSOR, "0.01", "0.9", weights_differ, {"loss": "eps_insensitive_absolute_loss"}),
    "huber_delta": Case(REGRESSOR, "1.0", "0.05", weights_differ, {"loss": "huber_loss"}),
}


def test_every_hyperparameter_has_a_case() -> None:
    assert set(CASES) == set(SPECS)


@pytest.mark.parametrize("name", CASES)
def test_a_hyperparameter_takes_effect(name: str) -> None:
    case = CASES[name]
    before, after = (
        run(case.kind, tuple(sorted({**case.both, name: value}.items()))) for value in (case.before, case.after)
    )
    assert case.holds(before, after)


@pytest.mark.parametrize("loss", ["squared_loss", "absolute_loss", "quantile_loss", "huber_loss"])
def test_a_regression_loss_names_its_objective(loss: str) -> None:
    seen = run(REGRESSOR, (("loss", loss),))
    assert f"validation {'mse' if loss == 'squared_loss' else loss}_objective <loss>=" in seen.log


def test_the_loss_criterion_leaves_the_natural_cut() -> None:
    seen = run(BINARY, ((CRITERION, "loss_function"),))
    assert seen.threshold == 0.5
    assert "criteria=binary_classification_cross_entropy_objective" in seen.log


def test_a_target_recall_is_kept_on_validation() -> None:
    given = {CRITERION: "precision_at_target_recall", "target_recall": "0.9"}
    with TemporaryDirectory() as folder:
        channels = {"train": rows(BINARY, 190, 1), "validation": rows(BINARY, 90, 2)}
        outcome = train(Path(folder), {"predictor_type": BINARY, **BASE, **given}, channels)
        assert outcome.score("recall") >= 0.9


def test_an_automatic_weight_of_positives_trains_twice_the_models() -> None:
    seen = run(BINARY, (("num_models", "auto"), ("positive_example_weight_mult", "auto"), ("epochs", "1")))
    assert '"model": 63' in seen.log and '"model": 64' not in seen.log


def test_the_log_is_valid_json_where_it_says_so() -> None:
    seen = run(BINARY, ())
    documents = [
        json.loads(line.removeprefix("#metrics ")) for line in seen.log.splitlines() if line[:9] == "#metrics "
    ]
    assert documents and all(
        set(document) == {"StartTime", "EndTime", "Dimensions", "Metrics"} for document in documents
    )
