"""What of the definition is linear-learner's own: its image, its hyperparameters and what they may be."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config.parameters import Task, Type, declared, parse
from pipeline.definition.check import steps
from pipeline.errors import UsageError
from tests.support.definitions import definition, settings


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
