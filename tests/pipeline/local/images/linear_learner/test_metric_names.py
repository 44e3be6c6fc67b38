"""Metric definitions: as the service attaches them, and matched by the log of a job of each task."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.local.images.linear_learner.hyperparameters import parse
from pipeline.local.images.linear_learner.metric_names import metric_definitions, objective_name
from tests.support.linear_learner import train

KINDS = ["binary_classifier", "multiclass_classifier", "regressor"]
# What the documentation lists for tuning, by task; a validation and a test channel are given.
DOCUMENTED = {
    "binary_classifier": {"binary_classification_accuracy", "binary_f_beta", "precision", "recall", "roc_auc_score"},
    "multiclass_classifier": {
        "dcg",
        "macro_f_beta",
        "macro_precision",
        "macro_recall",
        "multiclass_accuracy",
        "multiclass_top_k_accuracy",
    },
    "regressor": {"absolute_loss", "mse", "rmse"},
}


def by_name() -> dict[str, str]:
    return {row["Name"]: row["Regex"] for row in metric_definitions()}


def test_definitions_keep_the_limits_of_the_api() -> None:
    definitions = metric_definitions()
    assert len(definitions) == len(by_name()) == 40
    for definition in definitions:
        assert len(definition["Regex"]) <= 500 and re.compile(definition["Regex"]).groups == 1


def test_definitions_are_those_of_a_real_job() -> None:
    found = by_name()
    assert found["train:progress"] == r"#progress_metric: host=\S+, completed (\S+) %"
    assert found["validation:objective_loss"] == (
        r"#quality_metric: host=\S+, epoch=\S+, validation \S+_objective <loss>=(\S+)"
    )
    assert found["test:objective_loss"] == r"#quality_metric: host=\S+, test \S+_objective <loss>=(\S+)"
    assert found["test:binary_f_beta"] == r"#quality_metric: host=\S+, test binary_f_\S+ <score>=(\S+)"
    assert {name.removeprefix("train:") for name in found if name.startswith("train:")} == {
        *("progress", "throughput", "objective_loss", "objective_loss:final", "mse", "absolute_loss"),
        *("binary_classification_accuracy", "binary_f_beta", "precision", "recall"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_of_a_job_holds_every_metric(kind: str, tmp_path: Path) -> None:
    source = np.random.default_rng(1)
    features, labels = source.normal(size=(60, 3)), np.arange(60) % (2 if kind == "binary_classifier" else 3)
    given = {"predictor_type": kind, "num_classes": "3", "mini_batch_size": "20", "epochs": "2", "num_models": "2"}
    channels = {name: (features, labels) for name in ("train", "validation", "test")}
    log = train(tmp_path, given, channels).log
    found = {
        name: float(matches[-1])
        for name, regex in by_name().items()
        if (matches := re.findall(regex, log)) and np.isfinite(float(matches[-1]))
    }
    expected = {f"{channel}:{name}" for name in DOCUMENTED[kind] for channel in ("validation", "test")} - {"test:rmse"}
    running = {"train:progress", "train:throughput", "train:objective_loss"}
    losses = {"validation:objective_loss", "validation:objective_loss:final", "test:objective_loss"}
    assert set(found) == expected | running | losses
    assert found["train:progress"] == 100


def test_objectives_end_as_the_definitions_need() -> None:
    binary = {"predictor_type": "binary_classifier"}
    assert objective_name(parse(binary)) == "binary_classification_cross_entropy_objective"
    for weight in ("2.5", "balanced", "auto"):
        weighted = parse({**binary, "positive_example_weight_mult": weight})
        assert objective_name(weighted) == "binary_classification_weighted_cross_entropy_objective"
    assert objective_name(parse({"predictor_type": "regressor", "loss": "huber_loss"})) == "huber_loss_objective"
