"""Every figure against scikit-learn's, and the form of SageMaker's model quality file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from scripts.scoring.curves import MOST_POINTS, area_under_roc, precision_recall, roc, sweep, thinned
from scripts.scoring.metrics import (
    binary_figures,
    binary_metrics,
    confusion,
    multiclass_metrics,
    per_class,
    regression_metrics,
)

BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}


@st.composite
def scored(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Labels of both classes, scores with ties, and the labels that some threshold predicts."""
    rows = draw(st.integers(4, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.integers(0, 2, rows)
    labels[:2] = 0, 1
    scores = np.round(random.normal(size=rows) + labels, draw(st.integers(0, 3)))
    return labels, scores, (scores > draw(st.floats(-2, 3))).astype(int)


@given(scored())
def test_binary_figures_are_those_of_scikit_learn(data: tuple[Any, Any, Any]) -> None:
    labels, scores, predicted = data
    figures = binary_figures(labels, predicted, scores)
    assert figures["accuracy"] == pytest.approx(oracle.accuracy_score(labels, predicted))
    assert figures["precision"] == pytest.approx(oracle.precision_score(labels, predicted, zero_division=0))
    assert figures["recall"] == pytest.approx(oracle.recall_score(labels, predicted))
    assert figures["auc"] == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    area = oracle.average_precision_score(labels, scores)
    assert figures["average_precision"] == pytest.approx(area, abs=1e-12)
    for name, beta in BETAS.items():
        expected = oracle.fbeta_score(labels, predicted, beta=beta, zero_division=0)
        assert figures[name] == pytest.approx(expected)
    assert figures["true_positive_rate"] + figures["false_negative_rate"] == pytest.approx(1)
    assert figures["true_negative_rate"] + figures["false_positive_rate"] == pytest.approx(1)
    np.testing.assert_array_equal(confusion(labels, predicted, 2), oracle.confusion_matrix(labels, predicted))


@given(scored())
def test_curves_are_those_of_scikit_learn(data: tuple[Any, Any, Any]) -> None:
    labels, scores, _ = data
    points = sweep(labels, scores)
    false, true, _ = oracle.roc_curve(labels, scores, drop_intermediate=False)
    own_false, own_true = roc(points)
    assert set(zip(own_false, own_true, strict=True)) <= set(zip(false, true, strict=True))
    assert oracle.auc(own_false, own_true) == pytest.approx(oracle.auc(false, true), abs=1e-12)
    precisions, recalls, _ = oracle.precision_recall_curve(labels, scores)
    own_precisions, own_recalls = precision_recall(points)
    # scikit-learn goes on to thresholds below the one at which recall is already 1
    extra = len(precisions) - len(own_precisions)
    np.testing.assert_allclose(own_precisions, precisions[extra:])
    np.testing.assert_allclose(own_recalls, recalls[extra:])
    assert (recalls[:extra] == 1).all()


@given(st.integers(0, 2**32), st.integers(3, 12))
def test_multiclass_figures_are_those_of_scikit_learn(seed: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    labels, predicted = random.integers(0, classes, 60), random.integers(0, classes, 60)
    group = multiclass_metrics(labels, predicted, classes)["multiclass_classification_metrics"]
    assert group["accuracy"]["value"] == pytest.approx(oracle.accuracy_score(labels, predicted))
    common: dict[str, Any] = {"average": "weighted", "zero_division": 0}
    assert group["weighted_recall"]["value"] == pytest.approx(oracle.recall_score(labels, predicted, **common))
    assert group["weighted_precision"]["value"] == pytest.approx(oracle.precision_score(labels, predicted, **common))
    for name, beta in BETAS.items():
        expected = oracle.fbeta_score(labels, predicted, beta=beta, **common)
        assert group[f"weighted_{name}"]["value"] == pytest.approx(expected)
    table = per_class(confusion(labels, predicted, classes))
    expected = oracle.f1_score(labels, predicted, labels=range(classes), average=None, zero_division=0)
    np.testing.assert_allclose(table["f1"], expected)
    share = np.bincount(labels).max() / 60
    assert group["accuracy_best_constant_classifier"]["value"] == pytest.approx(share)
    assert group["weighted_precision_best_constant_classifier"]["value"] == pytest.approx(share**2)


@given(st.integers(0, 2**32), st.floats(0.01, 1e5))
def test_regression_figures_are_those_of_scikit_learn(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    labels = random.normal(size=50) * scale
    scores = labels + random.normal(size=50) * scale
    group = regression_metrics(labels, scores)["regression_metrics"]
    for name, expected in (
        ("mae", oracle.mean_absolute_error(labels, scores)),
        ("mse", oracle.mean_squared_error(labels, scores)),
        ("rmse", oracle.root_mean_squared_error(labels, scores)),
        ("relative_rmse", oracle.root_mean_squared_error(labels, scores) / np.std(labels)),
        ("r2", oracle.r2_score(labels, scores)),
    ):
        assert group[name]["value"] == pytest.approx(expected)


def test_the_documented_sample_of_model_monitor() -> None:
    """Four rows, one positive, two of the others called positive: every figure of AWS's page."""
    labels, predicted, scores = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), np.array([0.1, 0.6, 0.7, 0.9])
    group = binary_metrics(labels, predicted, scores)["binary_classification_metrics"]
    assert group["confusion_matrix"] == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    expected = {
        "recall": 1.0,
        "precision": 1 / 3,
        "accuracy": 0.5,
        "recall_best_constant_classifier": 1.0,
        "precision_best_constant_classifier": 0.25,
        "accuracy_best_constant_classifier": 0.25,
        "true_positive_rate": 1.0,
        "true_negative_rate": 1 / 3,
        "false_positive_rate": 2 / 3,
        "false_negative_rate": 0.0,
        "auc": 1.0,
        "f0_5": 0.3846153846153846,
        "f1": 0.5,
        "f2": 5 / 7,
        "f0_5_best_constant_classifier": 0.29411764705882354,
        "f1_best_constant_classifier": 0.4,
        "f2_best_constant_classifier": 0.625,
    }
    for name, value in expected.items():
        assert group[name] == {"value": pytest.approx(value), "standard_deviation": "NaN"}
    assert set(group) == set(expected) | {
        "average_precision",
        "confusion_matrix",
        "receiver_operating_characteristic_curve",
        "precision_recall_curve",
    }


def test_every_figure_but_matrix_and_curves_has_the_two_keys_that_the_parser_needs() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    scores = random.random(300)
    found = binary_metrics(labels, (scores > 0.5).astype(int), scores)
    assert list(found) == ["binary_classification_metrics"]
    special = {"confusion_matrix", "receiver_operating_characteristic_curve", "precision_recall_curve"}
    for name, figure in found["binary_classification_metrics"].items():
        if name not in special:
            assert set(figure) == {"value", "standard_deviation"}
            assert math.isfinite(figure["standard_deviation"])


def test_deviation_needs_200_rows_and_is_of_the_right_size() -> None:
    random = np.random.default_rng(1)
    labels, scores = random.normal(size=1000), random.normal(size=1000)
    few = regression_metrics(labels[:199], scores[:199])["regression_metrics"]
    assert {figure["standard_deviation"] for figure in few.values()} == {"NaN"}
    many = regression_metrics(labels, scores)["regression_metrics"]
    # a mean over 800 of 1000 rows drawn without replacement deviates by sigma / sqrt(800) * sqrt(0.2)
    expected = np.abs(scores - labels).std() / math.sqrt(800) * math.sqrt(0.2)
    assert expected / 4 < many["mae"]["standard_deviation"] < expected * 3
    assert many == regression_metrics(labels, scores)["regression_metrics"]


def test_curves_of_many_rows_are_thinned_but_the_area_is_not() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, 20_000)
    scores = random.normal(size=20_000) + labels
    points = sweep(labels, scores)
    group = binary_metrics(labels, (scores > 0.5).astype(int), scores)["binary_classification_metrics"]
    rates = group["receiver_operating_characteristic_curve"]["false_positive_rates"]
    assert len(rates) <= MOST_POINTS
    assert (rates[0], rates[-1]) == (0, 1)
    assert group["auc"]["value"] == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    assert thinned(points.thresholds[:3]) == [points.thresholds[:3].tolist()]


def test_area_without_both_classes_is_not_a_number() -> None:
    assert math.isnan(area_under_roc(sweep(np.ones(3), np.arange(3.0))))
    assert math.isnan(area_under_roc(sweep(np.zeros(3), np.arange(3.0))))
