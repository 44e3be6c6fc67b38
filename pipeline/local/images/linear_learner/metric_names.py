"""The names of the metrics in the log, and the definitions by which the service reads them from there.

Names and order are those of real logs. A loss carries the mark `<loss>`, anything else `<score>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner.hyperparameters import Hyperparameters

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="names of the objectives of hinge and of regression losses other than squared",
        here="the name of the loss followed by _objective",
        aws="not established; the metric definitions need a name that ends so",
    ),
    Row(
        area="linear-learner",
        subject="final metrics of newer containers",
        here="binary as of 2020, multiclass as of 2024, regressor as of 2025",
        aws="whether binary classifiers print more since 2020 is not established",
    ),
    Row(
        area="linear-learner",
        subject="MetricDefinitions of a training job",
        here="the list that a job of 2020 shows, for every predictor type, with the documented roc_auc_score of "
        "validation and test and rmse of validation",
        aws="the list since 2020 is not established; a metric of another name cannot be tuned by",
    ),
)

_OBJECTIVES: Final = {
    "logistic": "binary_classification_cross_entropy_objective",
    "softmax_loss": "multiclass_cross_entropy_objective",
    "squared_loss": "mse_objective",
}
_CHANNELS: Final = ("train", "validation", "test")
_VALUE: Final = r"(\S+)"


@dataclass(frozen=True)
class Metric:
    """One final figure as the log names it."""

    name: str
    value: float
    is_loss: bool = False

    @property
    def mark(self) -> str:
        return "<loss>" if self.is_loss else "<score>"


def objective_name(parameters: Hyperparameters) -> str:
    """What the log calls the objective: the loss, and whether positives count more or less than negatives."""
    loss = parameters.loss
    if loss == "logistic" and parameters.positive_example_weight_mult != 1.0:
        return "binary_classification_weighted_cross_entropy_objective"
    return _OBJECTIVES.get(loss, f"{loss}_objective")


def metric_definitions() -> list[dict[str, str]]:
    """The MetricDefinitions that the service attaches to a training job of linear-learner: Name and Regex.

    They are the same for every predictor type, as a real job shows them; a job's log has lines for those of its own.
    """
    rows = [
        ("train:progress", rf"#progress_metric: host=\S+, completed {_VALUE} %"),
        ("train:throughput", rf"#throughput_metric: host=\S+, train throughput={_VALUE} records/second"),
    ]
    for channel in _CHANNELS:
        rows += _objective_definitions(channel)
        rows += [
            (f"{channel}:{name}", rf"#quality_metric: host=\S+, {channel} {printed}={_VALUE}")
            for name, (printed, channels) in _PRINTED.items()
            if channel in channels
        ]
    return [{"Name": name, "Regex": regex} for name, regex in rows]


def _objective_definitions(channel: str) -> list[tuple[str, str]]:
    final = rf"#quality_metric: host=\S+, {channel} \S+_objective <loss>={_VALUE}"
    if channel == "test":
        return [("test:objective_loss", final)]
    running = rf"#quality_metric: host=\S+, epoch=\S+, {channel} \S+_objective <loss>={_VALUE}"
    return [(f"{channel}:objective_loss", running), (f"{channel}:objective_loss:final", final)]


_HELD_OUT: Final = ("validation", "test")
# What each metric is printed as, and the channels that it is defined for: with the others 40, the most a job may have.
_PRINTED: Final = {
    "binary_classification_accuracy": ("binary_classification_accuracy <score>", _CHANNELS),
    "binary_f_beta": (r"binary_f_\S+ <score>", _CHANNELS),
    "precision": ("precision <score>", _CHANNELS),
    "recall": ("recall <score>", _CHANNELS),
    "roc_auc_score": ("roc_auc_score <score>", _HELD_OUT),
    "multiclass_accuracy": ("multiclass_accuracy <score>", _HELD_OUT),
    "multiclass_top_k_accuracy": (r"multiclass_top_k_accuracy_\S+ <score>", _HELD_OUT),
    "dcg": ("dcg <score>", _HELD_OUT),
    "macro_recall": ("macro_recall <score>", _HELD_OUT),
    "macro_precision": ("macro_precision <score>", _HELD_OUT),
    "macro_f_beta": (r"macro_f_\S+ <score>", _HELD_OUT),
    "mse": ("mse <loss>", _CHANNELS),
    "absolute_loss": ("absolute_loss <loss>", _CHANNELS),
    "rmse": ("rmse <loss>", ("validation",)),
}
