"""A model's labels from its scores."""

from __future__ import annotations

import numpy as np

from pipeline.local.images.linear_learner.model import Model

ONE = np.ones((1, 1), np.float32)


def test_a_score_at_the_threshold_is_no_positive() -> None:
    model = Model(ONE, 0 * ONE, "binary_classifier", "hinge_loss", threshold=0.5)
    found = model.predict(np.array([[0.49], [0.5], [0.51]], np.float32)).predicted_label
    assert found is not None and found.tolist() == [0, 0, 1]


def test_of_equal_classes_the_first_is_predicted_and_a_regressor_predicts_none() -> None:
    classes = Model(np.ones((1, 3), np.float32), np.zeros((1, 3), np.float32), "multiclass_classifier", "softmax_loss")
    found = classes.predict(ONE).predicted_label
    assert found is not None and found.tolist() == [0]
    assert Model(ONE, ONE, "regressor", "squared_loss").predict(ONE).predicted_label is None
