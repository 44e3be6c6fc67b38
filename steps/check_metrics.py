"""CheckMetrics: the gate. Every gated metric must be on the right side of its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.workflow.conditions import (
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.steps import Step

from steps import evaluate

NAME: Final = "CheckMetrics"


@dataclass(frozen=True)
class Gate:
    """One gated metric: what it is called, where in the evaluation it stands, and the parameter that bounds it."""

    title: str
    path: str
    threshold: str

    @property
    def is_minimum(self) -> bool:
        """Whether more is better; the parameter's name says so."""
        return self.threshold.startswith("Min")

    def figure(self) -> JsonGet:
        """The metric as an expression over the evaluation's property file."""
        return JsonGet(step_name=evaluate.NAME, property_file=evaluate.REPORT, json_path=self.path)

    def text(self) -> JsonGet:
        """The metric as people read it."""
        return JsonGet(step_name=evaluate.NAME, property_file=evaluate.FIGURES, json_path=self.path)


def _binary(title: str, key: str, threshold: str) -> Gate:
    return Gate(title, f"binary_classification_metrics.{key}.value", threshold)


def _multiclass(title: str, key: str, threshold: str) -> Gate:
    return Gate(title, f"multiclass_classification_metrics.{key}.value", threshold)


def _regression(title: str, key: str, threshold: str) -> Gate:
    return Gate(title, f"regression_metrics.{key}.value", threshold)


GATES: Final = {
    "binary_classifier": (
        _binary("accuracy", "accuracy", "MinAccuracy"),
        _binary("precision", "precision", "MinPrecision"),
        _binary("recall", "recall", "MinRecall"),
        _binary("F1", "f1", "MinF1"),
        _binary("AUC", "auc", "MinAuc"),
    ),
    "multiclass_classifier": (
        _multiclass("accuracy", "accuracy", "MinAccuracy"),
        _multiclass("precision", "weighted_precision", "MinPrecision"),
        _multiclass("recall", "weighted_recall", "MinRecall"),
        _multiclass("F1", "weighted_f1", "MinF1"),
    ),
    "regressor": (
        _regression("MAE", "mae", "MaxMae"),
        _regression("RMSE", "rmse", "MaxRmse"),
        _regression("R2", "r2", "MinR2"),
    ),
}


def check_metrics(
    *, gates: Sequence[tuple[Gate, Any]], passed: Sequence[Step], failed: Sequence[Step]
) -> ConditionStep:
    """The step; `gates` pairs each metric with its threshold."""
    return ConditionStep(
        name=NAME,
        conditions=[_condition(gate, threshold) for gate, threshold in gates],
        if_steps=list(passed),
        else_steps=list(failed),
        display_name="Check metrics",
        description="The gate: every metric on the right side of its threshold, or the model is rejected.",
    )


def _condition(gate: Gate, threshold: Any) -> Any:
    side = ConditionGreaterThanOrEqualTo if gate.is_minimum else ConditionLessThanOrEqualTo
    return side(left=gate.figure(), right=threshold)
