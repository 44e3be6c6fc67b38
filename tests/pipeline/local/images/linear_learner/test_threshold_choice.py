"""Thresholds and selection criteria against trying every threshold there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.images.linear_learner import threshold_choice
from pipeline.local.images.linear_learner.hyperparameters import CRITERIA, parse
from pipeline.local.images.linear_learner.threshold_choice import SAMPLE_NUMBERS, Criterion, Sample, calibrate

NAMES = ["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]


def worth(name: str, predicted: np.ndarray, truth: np.ndarray) -> float:
    hits = int((predicted & truth).sum())
    precision = hits / max(int(predicted.sum()), 1)
    recall = hits / int(truth.sum())
    if name == "accuracy":
        return float((predicted == truth).mean())
    if name == "f_beta":
        return (1 + 4) * precision * recall / (4 * precision + recall) if hits else 0.0
    if name == "precision_at_target_recall":
        return precision if recall >= 0.7 else 0.0
    return recall if precision >= 0.6 else 0.0


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.500001, 0.7, 1.0]), st.booleans()),
        min_size=2,
        max_size=25,
    ).filter(lambda rows: len({label for _, label in rows}) == 2),
    st.sampled_from(NAMES),
)
def test_no_other_threshold_is_better(rows: list[tuple[float, bool]], name: str) -> None:
    scores = np.array([[score for score, _ in rows]], np.float32)
    truth = np.array([label for _, label in rows])
    criterion = Criterion(name, f_beta=2.0, target_recall=0.7, target_precision=0.6)
    value, threshold = calibrate(scores, truth.astype(np.float32), criterion)
    column = scores[0]
    every = [-1.0, *column.tolist()]
    assert value[0] == pytest.approx(max(worth(name, column > cut, truth) for cut in every))
    if value[0] > 0 or name == "accuracy":
        # Of accuracies one row apart either will do: a sample cannot tell them apart.
        slack = 1 / len(rows) if name == "accuracy" else 0.0
        assert worth(name, column > threshold[0], truth) >= value[0] - slack - 1e-9


def test_of_equal_thresholds_the_one_nearest_to_the_natural_cut_is_taken() -> None:
    labels = np.repeat([0, 1], 50).astype(np.float32)
    scores = np.concatenate([np.linspace(0, 0.2, 50), np.linspace(0.7, 1, 50)]).astype(np.float32)[np.newaxis]
    value, threshold = calibrate(scores, labels, Criterion("accuracy"))
    assert value[0] == 1.0 and threshold[0] == pytest.approx(0.45)
    # One row in a hundred is no reason to move the cut away: 2 are wrong at 0.4, 1 at 0.8; a second row is one.
    scores[0, 48:51] = 0.7, 0.7, 0.6
    scores[0, 51:] = np.linspace(0.9, 1, 49)
    value, threshold = calibrate(scores, labels, Criterion("accuracy"))
    assert value[0] == 0.99 and threshold[0] == pytest.approx(0.4, abs=0.01)
    scores[0, 47] = 0.7
    value, threshold = calibrate(scores, labels, Criterion("accuracy"))
    assert value[0] == 0.99 and threshold[0] == pytest.approx(0.8)


def test_models_are_judged_apart_and_a_broken_one_last() -> None:
    labels = np.array([0, 1, 0, 1], np.float32)
    scores = np.array([[0.1, 0.8, 0.2, 0.9], [0.9, 0.2, 0.3, 0.1], [np.nan, 0.5, 0.5, 0.5]], np.float32)
    value, threshold = calibrate(scores, labels, Criterion("accuracy"))
    assert value[0] == 1.0 and threshold[0] == pytest.approx(0.5)
    assert value[1] == 0.5 and value[2] == -np.inf


def test_a_precision_out_of_reach_counts_nothing() -> None:
    scores = np.array([[0.9, 0.1]], np.float32)
    value, threshold = calibrate(scores, np.array([0, 1], np.float32), Criterion("recall_at_target_precision"))
    assert value[0] == 0.0 and threshold[0] < 0.1


def test_a_target_that_is_just_met_is_met() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
    half = Criterion("precision_at_target_recall", target_recall=0.5)
    value, threshold = calibrate(scores, np.array([1, 0, 1, 0], np.float32), half)
    assert value[0] == 1.0 and 0.8 <= threshold[0] < 0.9
    half = Criterion("recall_at_target_precision", target_precision=0.5)
    value, threshold = calibrate(scores, np.array([1, 0, 0, 1], np.float32), half)
    assert value[0] == 1.0 and threshold[0] < 0.6


def test_names_of_2017_mean_the_criteria_of_today() -> None:
    made = {}
    for name in CRITERIA:
        given = {"predictor_type": "binary_classifier", "binary_classifier_model_selection_criteria": name}
        made[name] = Criterion.of(parse({**given, "f_beta": "3"}))
    assert made["f1"] == Criterion("f_beta", 1.0) and made["f_beta"] == Criterion("f_beta", 3.0)
    assert made["cross_entropy_loss"].is_loss and made["loss_function"].is_loss
    assert not made["accuracy"].is_loss


def passed_over(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """What is taken of rows that come a few at a time; the scores of a row are its number, its label is too."""
    sample = Sample(rows, columns)
    for start in range(0, rows, 700):
        numbers = np.arange(start, min(start + 700, rows), dtype=np.float32)
        sample.add(np.tile(numbers[:, np.newaxis], columns), numbers)
    return sample.taken


def test_of_rows_that_can_be_held_all_are_taken() -> None:
    scores, labels = passed_over(3000, 2)
    assert (labels == np.arange(3000)).all() and (scores == labels).all()


def test_of_too_many_rows_an_even_part_is_taken_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threshold_choice, "SAMPLE_NUMBERS", 26_000)
    scores, labels = passed_over(10_000, 2)
    assert scores.shape == (2, 1000) and (scores == labels).all()
    # One of every ten neighbours, and not always the same one.
    assert (labels // 10 == np.arange(1000)).all()
    assert 300 < (labels % 2).sum() < 700


@pytest.mark.parametrize("columns", [1, 32, 64])
def test_a_sample_takes_the_same_memory_of_any_number_of_rows(columns: int) -> None:
    for rows in (10**6, 10**8, 10**10):
        scores = Sample(rows, columns)._scores
        assert scores.size <= SAMPLE_NUMBERS and scores.shape[0] == columns
