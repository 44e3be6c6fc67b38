"""CheckMetrics: the gate. Every gated metric must be on the right side of its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.workflow.conditions import (
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.steps import Step

from steps import compare_approved, evaluate

NAME: Final = "CheckMetrics"


@dataclass(frozen=True)
class GatedMetric:
    """One gated figure: where in a step's property file it stands, and the parameter that bounds it."""

    path: str
    threshold: str
    step: str = evaluate.NAME
    report: str = evaluate.REPORT.name

    @property
    def is_minimum(self) -> bool:
        """Whether more is better; the parameter's name says so."""
        return self.threshold.startswith("Min")

    def figure(self) -> JsonGet:
        """The figure as an expression over the property file."""
        return JsonGet(step_name=self.step, property_file=self.report, json_path=self.path)


def _binary(key: str, threshold: str) -> GatedMetric:
    return GatedMetric(f"binary_classification_metrics.{key}.value", threshold)


def _multiclass(key: str, threshold: str) -> GatedMetric:
    return GatedMetric(f"multiclass_classification_metrics.{key}.value", threshold)


def _regression(key: str, threshold: str) -> GatedMetric:
    return GatedMetric(f"regression_metrics.{key}.value", threshold)


GATES: Final = {
    "binary_classifier": (
        _binary("accuracy", "MinAccuracy"),
        _binary("precision", "MinPrecision"),
        _binary("recall", "MinRecall"),
        _binary("f1", "MinF1"),
        _binary("auc", "MinAuc"),
    ),
    "multiclass_classifier": (
        _multiclass("accuracy", "MinAccuracy"),
        _multiclass("weighted_precision", "MinPrecision"),
        _multiclass("weighted_recall", "MinRecall"),
        _multiclass("weighted_f1", "MinF1"),
    ),
    "regressor": (
        _regression("relative_rmse", "MaxRelativeRmse"),
        _regression("r2", "MinR2"),
    ),
}

NEVER_WORSE: Final = GatedMetric(
    "regression.value", "MaxRegression", compare_approved.NAME, compare_approved.REPORT.name
)
"""By what share the worst gated metric is behind the approved version's."""


def bounds(gates: Sequence[tuple[GatedMetric, Any]]) -> Join:
    """The gates as the evaluation is told them: accuracy>=0.96,mae<=2."""
    parts: list[Any] = []
    for gate, threshold in gates:
        parts += [f"{',' if parts else ''}{gate.path.split('.')[1]}{'>=' if gate.is_minimum else '<='}", threshold]
    return Join(on="", values=parts)


def check_metrics(
    *, gates: Sequence[tuple[GatedMetric, Any]], passed: Sequence[Step], failed: Sequence[Step]
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


def _condition(gate: GatedMetric, threshold: Any) -> Any:
    side = ConditionGreaterThanOrEqualTo if gate.is_minimum else ConditionLessThanOrEqualTo
    return side(left=gate.figure(), right=threshold)
