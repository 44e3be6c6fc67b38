"""Final figures against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as oracle

from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters, parse
from pipeline.local.images.linear_learner.model_figures import figures_of

SOURCE = np.random.default_rng(7)


def told(
    given: Hyperparameters, score: np.ndarray, predicted: np.ndarray | None, labels: np.ndarray
) -> dict[str, float]:
    """The figures by name, of rows that come in three parts."""
    figures = figures_of(given, len(labels))
    for part in np.array_split(np.arange(len(labels)), 3):
        figures.add(score[part], None if predicted is None else predicted[part], labels[part])
    return {figure.name: figure.value for figure in figures.metrics()}


def test_binary_figures() -> None:
    labels = SOURCE.integers(0, 2, 400).astype(np.float32)
    score = np.round(np.clip(labels * 0.3 + SOURCE.random(400) * 0.7, 0, 1), 2).astype(np.float32)
    predicted = (score > 0.55).astype(np.int64)
    given = parse({"predictor_type": "binary_classifier", "f_beta": "2"})
    figures = told(given, score, predicted, labels)
    assert figures == pytest.approx(
        {
            "binary_classification_accuracy": oracle.accuracy_score(labels, predicted),
            "binary_f_2.000": oracle.fbeta_score(labels, predicted, beta=2),
            "precision": oracle.precision_score(labels, predicted),
            "recall": oracle.recall_score(labels, predicted),
            "roc_auc_score": oracle.roc_auc_score(labels, score),
        }
    )


def test_a_channel_of_one_class_has_no_area_under_the_curve() -> None:
    given = parse({"predictor_type": "binary_classifier"})
    ones = np.ones(3, np.float32)
    names = told(given, ones, np.zeros(3, np.int64), ones)
    assert "roc_auc_score" not in names and "recall" in names


def test_multiclass_figures() -> None:
    labels = SOURCE.integers(0, 5, 500).astype(np.float32)
    raw = SOURCE.random((500, 5)) + 0.6 * np.eye(5)[labels.astype(int)]
    score = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    predicted = score.argmax(axis=1)
    given = parse({"predictor_type": "multiclass_classifier", "num_classes": "5", "accuracy_top_k": "2"})
    figures = told(given, score, predicted, labels)
    exact = score.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    gain = np.eye(5)[labels.astype(int)]
    assert figures == pytest.approx(
        {
            "multiclass_accuracy": oracle.accuracy_score(labels, predicted),
            "multiclass_top_k_accuracy_2": oracle.top_k_accuracy_score(labels, score, k=2),
            "dcg": oracle.dcg_score(gain, score),
            "macro_recall": oracle.recall_score(labels, predicted, average="macro"),
            "macro_precision": oracle.precision_score(labels, predicted, average="macro"),
            "macro_f_1.000": oracle.f1_score(labels, predicted, average="macro"),
            "multiclass_balanced_accuracy": oracle.balanced_accuracy_score(labels, predicted),
            "multiclass_log_loss": oracle.log_loss(labels, softmax(exact, axis=1)),
        },
        rel=1e-5,
    )


def test_a_class_that_is_nowhere_does_not_count_and_one_that_is_only_predicted_does() -> None:
    labels = np.array([0, 0, 1, 1], np.float32)
    score = np.eye(5, dtype=np.float32)[[0, 2, 1, 1]] * 0.5 + 0.1
    predicted = score.argmax(axis=1)
    given = parse({"predictor_type": "multiclass_classifier", "num_classes": "5"})
    figures = told(given, score, predicted, labels)
    for name, rule in (("macro_recall", oracle.recall_score), ("macro_precision", oracle.precision_score)):
        assert figures[name] == pytest.approx(rule(labels, predicted, average="macro", zero_division=0))
    assert figures["multiclass_balanced_accuracy"] == pytest.approx(0.75)


def test_regression_figures() -> None:
    labels = SOURCE.normal(20, 5, 300).astype(np.float32)
    score = (labels + SOURCE.normal(0, 2, 300)).astype(np.float32)
    figures = told(parse({"predictor_type": "regressor"}), score, None, labels)
    assert figures == pytest.approx(
        {
            "mse": oracle.mean_squared_error(labels, score),
            "absolute_loss": oracle.mean_absolute_error(labels, score),
            "rmse": oracle.root_mean_squared_error(labels, score),
            "r2": oracle.r2_score(labels, score),
            "mae": oracle.mean_absolute_error(labels, score),
        },
        rel=1e-5,
    )
