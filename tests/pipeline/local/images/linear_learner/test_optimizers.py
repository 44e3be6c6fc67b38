"""Optimizers and schedule against plain restatements of MXNet's rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.local.images.linear_learner.grid import Candidate
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.optimizers import Optimizer, Schedule

MODEL = Candidate(0.1, 0.0, 0.0, 3, 0.5, 0.02)


def parameters(**given: str) -> Hyperparameters:
    return parse({"predictor_type": "binary_classifier", **given})


def walk(given: Hyperparameters, models: list[Candidate], gradients: np.ndarray) -> np.ndarray:
    models = [replace(model, optimizer=given.optimizer or model.optimizer) for model in models]
    weights = np.full(gradients.shape[1:], 0.5, np.float32)
    optimizer = Optimizer(given, models, weights.shape)
    for gradient in gradients:
        optimizer.step(weights, gradient.copy().__getitem__)
    return weights


def reference(name: str, gradients: np.ndarray, rates: list[float]) -> np.ndarray:
    weights = np.full(gradients.shape[1:], 0.5)
    first = np.zeros_like(weights)
    second = np.zeros_like(weights)
    for number, (gradient, rate) in enumerate(zip(gradients.astype(np.float64), rates, strict=True), 1):
        multipliers = np.ones((len(weights), 1))
        multipliers[-1] = 10
        if name == "sgd":
            first = 0.7 * first - rate * multipliers * gradient
            weights = weights + first
        elif name == "rmsprop":
            second = 0.9 * second + 0.1 * gradient**2
            weights = weights - rate * multipliers * gradient / np.sqrt(second + 1e-8)
        else:
            first = 0.8 * first + 0.2 * gradient
            second = 0.95 * second + 0.05 * gradient**2
            scaled = rate * math.sqrt(1 - 0.95**number) / (1 - 0.8**number)
            weights = weights - scaled * multipliers * first / (np.sqrt(second) + 1e-8)
    return weights


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_the_update_is_mxnets(name: str) -> None:
    gradients = np.random.default_rng(1).normal(0, 1, (8, 5, 2)).astype(np.float32)
    rates = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025]
    given = parameters(optimizer=name, momentum="0.7", beta_1="0.8", beta_2="0.95")
    got = walk(given, [MODEL, MODEL], gradients)
    assert np.allclose(got, reference(name, gradients, rates), atol=2e-5)


def test_the_schedule_falls_by_steps_to_its_minimum_model_by_model() -> None:
    slow = replace(MODEL, learning_rate=0.01, lr_scheduler_step=2, lr_scheduler_minimum_lr=0.5)
    schedule = Schedule([MODEL, slow], enabled=True)
    rates = np.array([schedule.rates(number) for number in (1, 3, 4, 7, 10, 13)])
    assert np.allclose(rates[:, 0], [0.1, 0.1, 0.05, 0.025, 0.02, 0.02])
    # A minimum above the rate itself never raises it.
    assert np.allclose(rates[:, 1], 0.01)


def test_without_the_schedule_the_rate_stays() -> None:
    assert np.allclose(Schedule([MODEL], enabled=False).rates(10_000), [0.1])


def test_weight_decay_spares_the_bias_unless_asked() -> None:
    decaying = replace(MODEL, wd=0.5)
    still = np.zeros((20, 3, 1), np.float32)
    weights = walk(parameters(optimizer="sgd"), [decaying], still)
    assert (weights[:-1] < 0.45).all() and weights[-1, 0] == pytest.approx(0.5)
    weights = walk(parameters(optimizer="sgd", bias_wd_mult="1"), [decaying], still)
    assert weights[-1, 0] < 0.45


def test_l1_pulls_every_weight_but_the_bias_by_its_share_of_a_mini_batch() -> None:
    still = np.zeros((4, 3, 2), np.float32)
    weights = walk(parameters(optimizer="sgd", mini_batch_size="20"), [replace(MODEL, l1=4.0), MODEL], still)
    assert np.allclose(weights[:-1, 0], 0.5 - 4.0 / 20 * (0.1 + 0.1 + 0.1 + 0.05))
    assert np.allclose(weights[-1], 0.5) and np.allclose(weights[:, 1], 0.5)


def test_columns_of_a_model_share_its_rate() -> None:
    gradients = np.ones((1, 2, 6), np.float32)
    fast = replace(MODEL, learning_rate=0.2)
    weights = walk(parameters(optimizer="sgd"), [MODEL, fast], gradients)
    assert np.allclose(weights[0], [0.4, 0.3] * 3)


def test_moments_of_idle_weights_never_become_subnormal() -> None:
    gradients = np.zeros((1, 2, 1), np.float32)
    optimizer = Optimizer(parameters(), [MODEL], (2, 1))
    weights = np.ones((2, 1), np.float32)
    optimizer.step(weights, np.ones((2, 1), np.float32).__getitem__)
    for _ in range(2000):
        optimizer.step(weights, gradients[0].copy().__getitem__)
    mean = optimizer._rule._mean  # type: ignore[attr-defined]
    assert (np.abs(mean) > np.finfo(np.float32).tiny).all()
