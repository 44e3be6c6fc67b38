"""The figures of the epochs as real logs have them: whose loss a line shows, and which epoch's models are kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.linear_learner import Outcome, train

SOURCE = np.random.default_rng(12)
FEATURES = SOURCE.normal(1, 2, (200, 5)).astype(np.float32)
MARGIN = FEATURES @ np.array([1, -1, 0.5, 0, 0.2]) + SOURCE.normal(0, 2, 200)
BINARY = (FEATURES, (MARGIN > 2).astype(np.float32))
LINE = (FEATURES, (50 + 9 * MARGIN).astype(np.float32))
CLASSIFIER = {"predictor_type": "binary_classifier", "mini_batch_size": "20", "epochs": "3", "num_models": "6"}
REGRESSOR = {**CLASSIFIER, "predictor_type": "regressor"}


def by_model(outcome: Outcome, channel: str, epoch: int) -> list[float]:
    """The objective of each model in one epoch."""
    documents = [json.loads(line[9:]) for line in outcome.log.splitlines() if line.startswith("#metrics ")]
    return [
        float(counts["sum"])
        for document in documents
        if document["Dimensions"].get("epoch") == epoch and "model" in document["Dimensions"]
        for name, counts in document["Metrics"].items()
        if name.startswith(channel)
    ]


def shown(outcome: Outcome, pattern: str) -> list[float]:
    return [float(value) for value in re.findall(pattern + r"=(\S+)", outcome.log)]


@pytest.mark.parametrize("channel", ["train", "validation"])
def test_an_epoch_shows_the_loss_of_model_0(tmp_path: Path, channel: str) -> None:
    outcome = train(tmp_path, REGRESSOR, {"train": LINE, "validation": LINE})
    values = shown(outcome, rf"epoch=\d+, {channel} mse_objective <loss>")
    assert values == [by_model(outcome, channel, epoch)[0] for epoch in range(3)]
    assert all(value > min(by_model(outcome, channel, epoch)) for epoch, value in enumerate(values))


@pytest.mark.parametrize(("channels", "watched"), [(("train",), "train"), (("train", "validation"), "validation")])
def test_the_criterion_is_the_best_loss_of_all_models(tmp_path: Path, channels: tuple[str, ...], watched: str) -> None:
    outcome = train(tmp_path, REGRESSOR, dict.fromkeys(channels, LINE))
    values = shown(outcome, "criteria=mse_objective, value")
    assert values[:3] == [min(by_model(outcome, watched, epoch)) for epoch in range(3)]


def test_the_criterion_of_a_classifier_is_the_best_of_all_models(tmp_path: Path) -> None:
    apart = {**CLASSIFIER, "epochs": "1"}
    alone = [
        shown(
            train(tmp_path / str(count), {**apart, "num_models": str(count)}, both(BINARY)), "sampled_accuracy, value"
        )
        for count in (1, 6)
    ]
    assert alone[0][0] < alone[1][0]


def both(rows: tuple[np.ndarray, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {"train": rows, "validation": rows}


def test_the_models_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    wild = {"optimizer": "sgd", "learning_rate": "0.3", "use_lr_scheduler": "false", "momentum": "0.9", "wd": "0"}
    outcome = train(tmp_path, {**REGRESSOR, **wild, "epochs": "12", "l1": "0", "num_models": "1"}, both(LINE))
    values = shown(outcome, "criteria=mse_objective, value")[:-1]
    assert min(values) < values[-1]
    assert outcome.score("mse_objective") == pytest.approx(min(values), rel=1e-6)


def test_training_losses_of_a_regressor_are_in_normalised_units_and_those_of_validation_in_its_own(
    tmp_path: Path,
) -> None:
    outcome = train(tmp_path, REGRESSOR, both(LINE))
    variance = float(LINE[1].var())
    (first, *_), (own, *_) = by_model(outcome, "train", 0), by_model(outcome, "validation", 0)
    assert first < 3 and own == pytest.approx(first * variance, rel=0.5)


def test_the_objective_counts_positives_by_their_weight(tmp_path: Path) -> None:
    outcome = train(tmp_path, {**CLASSIFIER, "positive_example_weight_mult": "5"}, both(BINARY))
    features, labels = BINARY
    score = outcome.model.predict(features).score.astype(np.float64)
    losses = np.where(labels > 0, -5 * np.log(score), -np.log1p(-score))
    assert outcome.score("binary_classification_weighted_cross_entropy_objective") == pytest.approx(
        losses.mean(), rel=1e-4
    )


def test_with_both_weights_tried_the_objective_is_by_the_weight_of_the_best(tmp_path: Path) -> None:
    # Of two models the second is the balanced one; on these rows it is the better.
    slow = {"learning_rate": "0.005", "wd": "0.0001", "l1": "0"}
    given = {**CLASSIFIER, **slow, "positive_example_weight_mult": "auto", "num_models": "2"}
    outcome = train(tmp_path, given, both(BINARY))
    features, labels = BINARY
    weight = outcome.model.metrics_params["positive_example_weight_mult"]
    assert weight == pytest.approx(float((labels == 0).sum() / labels.sum()))
    score = outcome.model.predict(features).score.astype(np.float64)
    losses = np.where(labels > 0, -weight * np.log(score), -np.log1p(-score))
    assert outcome.score("binary_classification_weighted_cross_entropy_objective") == pytest.approx(
        losses.mean(), rel=1e-4
    )
