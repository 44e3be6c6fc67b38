"""Losses: the published formulas, and slopes that agree with finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.local.images.linear_learner.hyperparameters import LOSSES, parse
from pipeline.local.images.linear_learner.losses import loss_function
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS

PARAMETERS = {
    "margin": "1.5",
    "quantile": "0.3",
    "loss_insensitivity": "0.2",
    "huber_delta": "0.7",
    "num_classes": "4",
}
CASES = [(kind, loss) for kind, losses in LOSSES.items() for loss in losses]

FORMULAS: dict[str, Callable[[float, float], float]] = {
    "logistic": lambda f, y: float(-np.log(1 / (1 + np.exp(-f)) if y else 1 / (1 + np.exp(f)))),
    "hinge_loss": lambda f, y: y * max(0, (1.5 + 1) / 2 - f) + (1 - y) * max(0, (1.5 - 1) / 2 + f),
    "squared_loss": lambda f, y: (y - f) ** 2,
    "absolute_loss": lambda f, y: abs(y - f),
    "eps_insensitive_squared_loss": lambda f, y: max(0, (y - f) ** 2 - 0.04),
    "eps_insensitive_absolute_loss": lambda f, y: max(0, abs(y - f) - 0.2),
    "quantile_loss": lambda f, y: 0.3 * max(0, y - f) + 0.7 * max(0, f - y),
    "huber_loss": lambda f, y: (y - f) ** 2 / 2 if abs(y - f) < 0.7 else 0.7 * abs(y - f) - 0.245,
}


def rows(kind: str, columns: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(3)
    raw = source.normal(0, 2, (50, columns)).astype(np.float32)
    labels = source.integers(0, {BINARY: 2, MULTICLASS: 4}.get(kind, 7), (50, 1)).astype(np.float32)
    return raw, labels if kind in (BINARY, MULTICLASS) else labels - 3.1


def loss_of(kind: str, loss: str) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return loss_function(parse({"predictor_type": kind, "loss": loss, **PARAMETERS}))


@pytest.mark.parametrize(("kind", "loss"), CASES)
def test_slopes_agree_with_finite_differences(kind: str, loss: str) -> None:
    columns, models = (8, 2) if kind == MULTICLASS else (3, 3)
    raw, labels = rows(kind, columns)
    function = loss_of(kind, loss)
    value, slopes = function(raw.copy(), labels)
    assert value.shape == (50, models) and slopes.shape == (50, columns)
    step = np.float32(1e-2)
    for column in range(columns):
        moved = np.zeros_like(raw)
        moved[:, column] = step
        above, below = (function(raw + sign * moved, labels)[0].astype(np.float64) for sign in (1, -1))
        numeric = ((above - below) / (2 * step)).sum(axis=1)
        # At a kink the two sides differ: there any slope between them is right.
        smooth = np.abs((above + below - 2 * value).sum(axis=1)) < 4e-4
        assert smooth.sum() > 40
        # Squared loss is descended as e^2 / 2.
        share = 0.5 if loss == "squared_loss" else 1.0
        assert np.allclose(share * numeric[smooth], slopes[smooth, column], atol=6e-3)


@pytest.mark.parametrize("loss", FORMULAS)
def test_values_are_those_of_the_published_formula(loss: str) -> None:
    kind = next(kind for kind, losses in LOSSES.items() if loss in losses)
    raw, labels = rows(kind, 2)
    value, _ = loss_of(kind, loss)(raw.copy(), labels)
    expected = [[FORMULAS[loss](float(f), float(y)) for f in row] for row, y in zip(raw, labels[:, 0], strict=True)]
    assert np.allclose(value, expected, rtol=1e-5, atol=1e-5)


def test_softmax_keeps_the_models_apart() -> None:
    from scipy.special import log_softmax

    raw, labels = rows(MULTICLASS, 8)
    value, _ = loss_of(MULTICLASS, "softmax_loss")(raw.copy(), labels)
    for model in range(2):
        own = log_softmax(raw[:, model::2].astype(np.float64), axis=1)
        assert np.allclose(value[:, model], -own[np.arange(50), labels[:, 0].astype(int)], atol=1e-5)


def test_extreme_outputs_stay_finite_and_keep_their_slope() -> None:
    raw = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    value, slopes = loss_of(BINARY, "logistic")(raw, np.array([[1.0], [1.0]], np.float32))
    assert np.isfinite(value).all()
    assert np.allclose(slopes, [[0, -1], [-1, 0]])
    wide = np.array([[1e4, -1e4, 0, 5]], np.float32)
    value, slopes = loss_of(MULTICLASS, "softmax_loss")(wide, np.array([[1.0]], np.float32))
    assert np.isfinite(value).all() and np.allclose(slopes, [[1, -1, 0, 0]])
