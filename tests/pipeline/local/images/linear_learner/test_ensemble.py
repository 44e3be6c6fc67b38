"""The ensemble: groups of models change nothing but the time, and initial weights are as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.local.images.linear_learner import ensemble
from pipeline.local.images.linear_learner.ensemble import Ensemble, initial_weights, margins, mean_losses, model_groups
from pipeline.local.images.linear_learner.grid import candidates
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.rows import Rows
from pipeline.local.images.linear_learner.scaler import fit
from pipeline.local.images.linear_learner.weights import RowWeights

SOURCE = np.random.default_rng(9)
FEATURES = SOURCE.normal(1, 2, (120, 6)).astype(np.float32)
ROWS = Rows(FEATURES, SOURCE.integers(0, 4, 120).astype(np.float32), 100)


def parameters(**given: str) -> Hyperparameters:
    return parse({"predictor_type": "multiclass_classifier", "num_classes": "4", "mini_batch_size": "30", **given})


def trained(given: Hyperparameters) -> tuple[Ensemble, np.ndarray]:
    models = candidates(given)
    made = Ensemble(given, models, ROWS, fit(ROWS, given), RowWeights.of(given, models, ROWS.labels))
    return made, np.array([made.train_epoch() for _ in range(3)])


def test_groups_are_even_and_depend_on_the_columns_only() -> None:
    assert model_groups(32, 1) == [slice(0, 32)]
    assert model_groups(28, 10) == [slice(0, 14), slice(14, 28)]
    assert model_groups(3, 1000) == [slice(0, 1), slice(1, 2), slice(2, 3)]


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
    measured = mean_losses(given, made.folded(), ROWS, RowWeights())
    assert measured.shape == (3,) and (measured < losses[0]).all()
    raw = margins(made.folded(), ROWS, 50)
    weight, bias = made.folded()
    assert np.allclose(raw.T, FEATURES[:50] @ weight + bias, atol=1e-5)


def test_initial_weights_follow_their_hyperparameters() -> None:
    uniform = initial_weights(parameters(init_scale="0.5", init_bias="2"), 500, 1)
    assert uniform.shape == (501, 4, 1) and (uniform[-1] == 2).all()
    assert np.abs(uniform[:-1]).max() <= 0.5 and np.abs(uniform[:-1]).max() > 0.49
    normal = initial_weights(parameters(init_method="normal", init_sigma="0.2"), 5000, 1)
    assert normal[:-1].std() == pytest.approx(0.2, rel=0.05)
    assert (initial_weights(parameters(init_bias="2", use_bias="false"), 3, 4)[-1] == 0).all()


def test_a_model_begins_alike_however_many_there_are() -> None:
    few, many = (initial_weights(parameters(), 9, count) for count in (2, 7))
    assert (few == many[:, :, :2]).all() and not (many[:, :, 0] == many[:, :, 1]).all()
