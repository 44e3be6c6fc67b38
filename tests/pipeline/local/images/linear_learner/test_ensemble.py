"""The ensemble: groups of models change nothing but the time, and initial weights are as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.local.images.linear_learner import ensemble
from pipeline.local.images.linear_learner.ensemble import Ensemble, Losses, model_groups
from pipeline.local.images.linear_learner.grid import candidates
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.rows import KeptRows
from pipeline.local.images.linear_learner.scaler import fit
from pipeline.local.images.linear_learner.weights import RowWeights

SOURCE = np.random.default_rng(9)
FEATURES = SOURCE.normal(1, 2, (120, 6)).astype(np.float32)
ROWS = KeptRows(FEATURES, SOURCE.integers(0, 4, 120).astype(np.float32), 100)


def parameters(**given: str) -> Hyperparameters:
    return parse({"predictor_type": "multiclass_classifier", "num_classes": "4", "mini_batch_size": "30", **given})


def trained(given: Hyperparameters) -> tuple[Ensemble, np.ndarray]:
    models = candidates(given)
    made = Ensemble(given, models, ROWS, fit(ROWS, given), RowWeights.of(given, models, ROWS))
    return made, np.array([made.train_epoch() for _ in range(3)])


def test_groups_are_even_and_depend_on_the_columns_only() -> None:
    assert model_groups(["adam"] * 32, 1) == [list(range(32))]
    assert model_groups(["adam"] * 15, 10) == [list(range(15))]
    assert model_groups(["adam"] * 28, 10) == [list(range(14)), list(range(14, 28))]
    assert model_groups(["adam"] * 3, 1000) == [[0], [1], [2]]
    assert model_groups(["adam", "rmsprop", "adam"], 1) == [[0, 2], [1]]


@pytest.mark.parametrize("balanced", ["false", "true"])
def test_models_trained_in_groups_are_the_same(balanced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = parameters(balance_multiclass_weights=balanced)
    together, losses = trained(given)
    monkeypatch.setattr(ensemble, "_GROUP_COLUMNS", 30)
    apart, own = trained(given)
    assert np.allclose(losses, own, rtol=1e-5)
    for first, second in zip(together.folded(), apart.folded(), strict=True):
        assert first.shape == second.shape and np.allclose(first, second, atol=1e-4)


def test_training_lowers_the_loss_that_is_measured_on_raw_features() -> None:
    given = parameters(num_models="3")
    made, losses = trained(given)
    assert (losses[-1] < losses[0]).all()
    weight, bias = made.folded()
    measured = Losses(given, (weight, bias), RowWeights())
    raw = np.concatenate([measured.add(features, labels) for features, labels in ROWS.slices(50)])
    assert np.allclose(raw, FEATURES @ weight + bias, atol=1e-5)
    assert measured.mean.shape == (3,) and (measured.mean < losses[0]).all()
