"""The algorithm, linear-learner: its image, its parameters of the pipeline, and the hyperparameters made of them.

For another algorithm, write this module anew; `steps/README.md` has the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.config.declaring import (
    BINARY,
    COUNT,
    INSIDE,
    MULTICLASS,
    POSITIVE,
    REGRESSION,
    choice,
    integer,
    number,
    number_or_auto,
    only,
)
from pipeline.config.parameter_types import Bounds, Parameter, Pattern, Task, Type

IMAGE: Final = "linear-learner"
"""FRAMEWORK or FRAMEWORK:VERSION of AWS, or the URI of an image."""

PARAMETERS: Final[tuple[Parameter, ...]] = (
    integer("MiniBatchSize", 200, COUNT, "Rows a mini-batch; at most the rows of the training data.", "Training"),
    integer("Epochs", 15, COUNT, "The most passes over the training data; early stopping may use fewer.", "Training"),
    number_or_auto("NumModels", COUNT, 'How many models are trained side by side, "auto" or a number.', whole=True),
    number_or_auto("LearningRate", POSITIVE, 'The step size, "auto" or a number.'),
    number_or_auto("L1", Bounds(0), 'The weight of the L1 penalty, "auto" or a number.'),
    number_or_auto("Wd", Bounds(0), 'The weight of the L2 penalty (weight decay), "auto" or a number.'),
    *only(
        BINARY,
        choice("Loss", "auto", ("auto", "logistic", "hinge_loss"), "The loss that training minimises.", "Training"),
        Parameter(
            "PositiveExampleWeightMult",
            Type.STRING,
            "1.0",
            'The weight of a positive example against a negative one: a number, "balanced" or "auto".',
            "Training",
            pattern=Pattern(
                r"balanced|auto|(?=.*[1-9])\d+(\.\d*)?([eE][-+]?\d+)?|(?=.*[1-9])\.\d+([eE][-+]?\d+)?",
                '"balanced", "auto" or a number above 0',
            ),
        ),
        choice(
            "ModelSelectionCriteria",
            # Of few rows, or few positives, many models are equally right by chance, some of them after a single pass,
            # which ends training early; their loss still tells them apart.
            "loss_function",
            (
                "accuracy",
                "f_beta",
                "f1",
                "precision_at_target_recall",
                "recall_at_target_precision",
                "loss_function",
                "cross_entropy_loss",
            ),
            "What chooses the best model and its threshold on the validation data; the threshold of a loss is 0.5.",
            "Training",
        ),
        number("TargetRecall", 0.8, INSIDE, "The recall held by precision_at_target_recall.", "Training"),
        number("TargetPrecision", 0.8, INSIDE, "The precision held by recall_at_target_precision.", "Training"),
    ),
    *only(
        MULTICLASS,
        integer("NumClasses", 10, Bounds(3, 1_000_000), "The number of classes in the data.", "Data"),
        choice("Loss", "auto", ("auto", "softmax_loss"), "The loss that training minimises.", "Training"),
        choice(
            "BalanceMulticlassWeights",
            "false",
            ("false", "true"),
            "Whether every class weighs the same in the loss.",
            "Training",
        ),
    ),
    *only(
        REGRESSION,
        choice(
            "Loss",
            "auto",
            (
                "auto",
                "squared_loss",
                "absolute_loss",
                "eps_insensitive_squared_loss",
                "eps_insensitive_absolute_loss",
                "quantile_loss",
                "huber_loss",
            ),
            "The loss that training minimises.",
            "Training",
        ),
    ),
)


def hyperparameters(task: Task, p: Mapping[str, Any]) -> dict[str, Any]:
    """linear-learner's hyperparameters from the parameters; all strings, as CreateTrainingJob requires."""
    common = {
        "predictor_type": task.predictor_type,
        "mini_batch_size": p["MiniBatchSize"].to_string(),
        "epochs": p["Epochs"].to_string(),
        "num_models": p["NumModels"],
        "learning_rate": p["LearningRate"],
        "l1": p["L1"],
        "wd": p["Wd"],
        "loss": p["Loss"],
    }
    match task:
        case Task.BINARY:
            return common | {
                "positive_example_weight_mult": p["PositiveExampleWeightMult"],
                "binary_classifier_model_selection_criteria": p["ModelSelectionCriteria"],
                "target_recall": p["TargetRecall"].to_string(),
                "target_precision": p["TargetPrecision"].to_string(),
            }
        case Task.MULTICLASS:
            return common | {
                "num_classes": p["NumClasses"].to_string(),
                "balance_multiclass_weights": p["BalanceMulticlassWeights"],
            }
        case Task.REGRESSION:
            return common
