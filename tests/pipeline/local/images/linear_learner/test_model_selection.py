"""Which model wins, and what the artefact says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.local.images.linear_learner.model_selection import Standing
from tests.support.linear_learner import train

HALF = np.full(3, 0.5, np.float32)


def standing(losses: list[float], worth: list[float], *, by_loss: bool = False) -> Standing:
    return Standing(np.array(losses), np.array(worth), HALF, by_loss=by_loss)


def test_the_criterion_decides_before_the_loss() -> None:
    found = standing([0.1, 0.3, 0.2], [0.90, 0.95, 0.94])
    assert (found.best, found.value) == (1, 0.95)


def test_of_equally_good_models_the_one_of_lower_loss_wins() -> None:
    assert standing([0.3, 0.2, 0.4], [0.95, 0.95, 0.95]).best == 1


def test_by_loss_the_lowest_wins_and_is_what_is_watched() -> None:
    found = standing([0.3, 0.2, 0.4], [-0.3, -0.2, -0.4], by_loss=True)
    assert (found.best, found.value) == (1, 0.2)


def test_a_model_whose_loss_is_not_finite_never_wins() -> None:
    assert standing([np.nan, np.inf, 9.0], [1.0, 1.0, 0.1]).best == 2


FEATURES = np.random.default_rng(3).normal(size=(60, 2))
LABELS = {
    "regressor": FEATURES[:, 0] * 3,
    "binary_classifier": (FEATURES[:, 0] > 0).astype(float),
    "multiclass_classifier": np.arange(60) % 3.0,
}
NOTHING = {"quantile": None, "huber_delta": None, "margin": None, "loss_insensitivity": None}
NOTHING |= {"eps_insensitive_loss_type": None, "class_weights": None}


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("regressor", {"loss": "quantile_loss", "quantile": "0.3"}, {"quantile": 0.3}),
        ("regressor", {"loss": "huber_loss", "huber_delta": "0.7"}, {"huber_delta": 0.7}),
        (
            "regressor",
            {"loss": "eps_insensitive_absolute_loss", "loss_insensitivity": "0.2"},
            {"loss_insensitivity": 0.2, "eps_insensitive_loss_type": "absolute_loss"},
        ),
        ("regressor", {"quantile": "0.3", "margin": "2"}, {}),
        ("binary_classifier", {"loss": "hinge_loss", "margin": "0.5"}, {"margin": 0.5}),
        ("binary_classifier", {"f_beta": "2"}, {}),
        (
            "multiclass_classifier",
            {"num_classes": "3", "balance_multiclass_weights": "true", "accuracy_top_k": "2"},
            {"class_weights": [3.0, 3.0, 3.0]},
        ),
    ],
)
def test_the_artefact_says_what_its_loss_was_made_of(
    tmp_path: Path, kind: str, given: dict[str, str], said: dict[str, object]
) -> None:
    more = {"predictor_type": kind, "mini_batch_size": "20", "epochs": "1", "num_models": "1"}
    model = train(tmp_path, {**more, **given}, {"train": (FEATURES, LABELS[kind])}).model
    expected = {
        **NOTHING,
        **said,
        "accuracy_top_k": int(given.get("accuracy_top_k", "3")),
        "f_beta": None if kind == "regressor" else float(given.get("f_beta", "1")),
        "positive_example_weight_mult": 1.0,
        "threshold": model.threshold,
    }
    assert model.metrics_params == expected
    assert model.threshold == 0.5 or kind == "binary_classifier"
