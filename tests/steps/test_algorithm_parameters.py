"""What of the definition is linear-learner's own: its image, its hyperparameters and what they may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.config.algorithm_parameters import PARAMETERS
from pipeline.config.pipeline_parameters import Task, Type, declared, parse
from pipeline.definition.step_types import steps
from pipeline.errors import UsageError
from tests.support.definitions import definition, settings
from tests.support.linear_learner import train


def test_image_is_that_of_the_region() -> None:
    for case, registry in [("binary", "382416733822.dkr.ecr.us-east-1"), ("full", "438346466558.dkr.ecr.eu-west-1")]:
        image = steps(definition(case))["TrainModel"].arguments["AlgorithmSpecification"]["TrainingImage"]
        assert image == f"{registry}.amazonaws.com/linear-learner:1"


def test_training_has_no_code_of_its_own() -> None:
    arguments = steps(definition())["TrainModel"].arguments
    assert set(arguments["AlgorithmSpecification"]) == {"TrainingImage", "TrainingInputMode"}
    assert "Environment" not in arguments


_COMMON = {
    "mini_batch_size": "MiniBatchSize",
    "epochs": "Epochs",
    "num_models": "NumModels",
    "learning_rate": "LearningRate",
    "l1": "L1",
    "wd": "Wd",
    "loss": "Loss",
}


@pytest.mark.parametrize(
    ("task", "own"),
    [
        (
            Task.BINARY,
            {
                "positive_example_weight_mult": "PositiveExampleWeightMult",
                "binary_classifier_model_selection_criteria": "ModelSelectionCriteria",
                "target_recall": "TargetRecall",
                "target_precision": "TargetPrecision",
            },
        ),
        (
            Task.MULTICLASS,
            {"num_classes": "NumClasses", "balance_multiclass_weights": "BalanceMulticlassWeights"},
        ),
        (Task.REGRESSION, {}),
    ],
)
def test_hyperparameters_come_from_parameters_as_strings(task: Task, own: dict[str, str]) -> None:
    declared = {parameter.name: parameter for parameter in settings(task.value).declared}
    expected: dict[str, Any] = {"predictor_type": task.predictor_type}
    for name, parameter in {**_COMMON, **own}.items():
        reference = {"Get": f"Parameters.{parameter}"}
        joined = {"Std:Join": {"On": "", "Values": [reference]}}
        expected[name] = reference if declared[parameter].type is Type.STRING else joined
    assert steps(definition(task.value))["TrainModel"].arguments["HyperParameters"].items() >= expected.items()


def _parse(*assignments: str) -> dict[str, str]:
    return parse(assignments, declared(Task.BINARY, name="digits", region="eu-west-1"), Task.BINARY)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Loss=softmax_loss", "parameter Loss: 'softmax_loss' is not one of auto, logistic, hinge_loss"),
        ("LearningRate=0", "parameter LearningRate: '0' is not a number above 0"),
        ("LearningRate=fast", "parameter LearningRate: 'fast' is not \"auto\" or a number above 0"),
        ("NumModels=1.5", "parameter NumModels: '1.5' is not \"auto\" or a whole number at least 1"),
        ("TargetRecall=1", "parameter TargetRecall: '1' is not in range: above 0 and below 1"),
        ("L1=inf", "parameter L1: 'inf' is not a number at least 0"),
        ("PositiveExampleWeightMult=0.0", "parameter PositiveExampleWeightMult: '0.0' is not"),
    ],
)
def test_values_that_cannot_be(assignment: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _parse(assignment)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", ["auto", "balanced", "1", "2.5", "1e-3", ".5", "100000"])
def test_weight_of_positive_examples(value: str) -> None:
    assert _parse(f"PositiveExampleWeightMult={value}") == {"PositiveExampleWeightMult": value}


@pytest.mark.long
def test_the_default_criterion_is_as_right_as_a_peer_where_validation_has_few_rows(tmp_path: Path) -> None:
    features, labels = load_breast_cancer(return_X_y=True)
    criterion = next(known.default for known in PARAMETERS if known.name == "ModelSelectionCriteria")
    given = {
        "predictor_type": "binary_classifier",
        "mini_batch_size": "45",
        "binary_classifier_model_selection_criteria": str(criterion),
    }
    ours, theirs = [], []
    for seed in range(5):
        seen, rest, own, others = train_test_split(features, labels, test_size=0.2, stratify=labels, random_state=seed)
        validation, test, known, asked = train_test_split(
            rest, others, test_size=0.5, stratify=others, random_state=seed
        )
        job = train(tmp_path / str(seed), given, {"train": (seen, own), "validation": (validation, known)})
        ours.append(np.mean(job.model.predict(test.astype(np.float32)).predicted_label == asked))
        peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(seen, own)
        theirs.append(peer.score(test, asked))
    assert np.mean(ours) > np.mean(theirs) - 0.01
