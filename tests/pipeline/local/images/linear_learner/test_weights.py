"""Weights of rows: the published arithmetic of "balanced", and that they fall on the rows they are meant for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.local.images.linear_learner.grid import candidates
from pipeline.local.images.linear_learner.hyperparameters import parse
from pipeline.local.images.linear_learner.rows import KeptRows
from pipeline.local.images.linear_learner.weights import RowWeights

# Two positives in a hundred, as in AWS's explanation of "balanced".
RARE = KeptRows(np.zeros((100, 1), np.float32), np.array([1, 1] + [0] * 98, np.float32), 0)


def binary(multiplier: str, **given: str) -> RowWeights:
    more = {"num_models": "2", "positive_example_weight_mult": multiplier, **given}
    parameters = parse({"predictor_type": "binary_classifier", **more})
    return RowWeights.of(parameters, candidates(parameters), RARE)


def applied(weights: RowWeights, labels: list[float], models: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    shape = (len(labels), 1)
    return weights.apply(
        np.full((len(labels), models), 2, np.float32),
        np.full((len(labels), columns), -3, np.float32),
        np.array(labels, np.float32).reshape(shape),
    )


@pytest.mark.parametrize(("multiplier", "factor"), [("balanced", 49.0), ("5", 5.0), ("0.25", 0.25)])
def test_positives_count_by_the_multiplier_and_negatives_once(multiplier: str, factor: float) -> None:
    losses, slopes = applied(binary(multiplier), [1, 0], models=2, columns=2)
    assert losses.tolist() == [[2 * factor] * 2, [2, 2]]
    assert slopes.tolist() == [[-3 * factor] * 2, [-3, -3]]


def test_a_multiplier_of_1_changes_nothing() -> None:
    assert binary("1.0") == RowWeights()


def test_auto_tries_both_weights_on_neighbouring_models() -> None:
    weights = binary("auto", num_models="4")
    assert weights.positive is not None and weights.positive.tolist() == [1, 49, 1, 49]
    second = weights.of_models(slice(1, 2)).positive
    assert second is not None and second.tolist() == [49]


def test_classes_count_by_one_over_their_share_and_an_absent_one_a_million() -> None:
    given = {"predictor_type": "multiclass_classifier", "num_classes": "3", "balance_multiclass_weights": "true"}
    parameters = parse({**given, "num_models": "1"})
    rows = KeptRows(np.zeros((4, 1), np.float32), np.array([0, 0, 0, 1], np.float32), 0)
    weights = RowWeights.of(parameters, candidates(parameters), rows)
    assert weights.classes is not None
    assert np.allclose(weights.classes, [4 / 3, 4, 1_000_000])
    losses, slopes = applied(weights, [1, 0], models=1, columns=3)
    assert np.allclose(losses, [[8], [8 / 3]]) and np.allclose(slopes, [[-12] * 3, [-4] * 3])


def test_regressors_and_plain_classes_have_none() -> None:
    for given in ({"predictor_type": "regressor"}, {"predictor_type": "multiclass_classifier", "num_classes": "3"}):
        parameters = parse(given)
        assert RowWeights.of(parameters, candidates(parameters), RARE) == RowWeights()
