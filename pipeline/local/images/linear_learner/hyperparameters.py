"""The hyperparameters of linear-learner: names, defaults, ranges, auto rules, and the typed result.

`DEFAULTS` is the container's own default file; `parse` merges what the user gave into it and returns a frozen
`Hyperparameters`, in which None stands for an "auto" that the grid of models decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.images.linear_learner.container_errors import CustomerError
from pipeline.local.images.linear_learner.hyperparameter_ranges import Choice, Flag, Number, Value, refuse
from pipeline.local.images.linear_learner.predictor_types import BINARY, MULTICLASS, REGRESSOR

PARITY: Final = (
    Row(
        area="linear-learner",
        subject="exact wording of range errors",
        here="the sentence frames of Amazon's algorithm SDK around the documented ranges",
        aws="the JSON schema of linear-learner is not public",
    ),
    Row(
        area="linear-learner",
        subject="positive_example_weight_mult=auto",
        here="every candidate is trained twice, with weight 1 and balanced, and the selection criterion decides. By "
        "loss_function it is 1 where positives are the fewer, since the loss of the others counts them more often",
        aws='documented only as "the weight that optimizes performance"; no log of such a job is public',
    ),
    Row(
        area="linear-learner",
        subject="beta_1, beta_2, momentum and bias_wd_mult of auto",
        here="0.9, 0.999, 0 and 0",
        aws="the defaults documented in 2017; the losses of real jobs agree with them, but show nothing of momentum",
    ),
)

LOSSES: Final[Mapping[str, tuple[str, ...]]] = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
CRITERIA: Final = (
    "accuracy",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "loss_function",
    "f1",
    "cross_entropy_loss",
)

_POSITIVE: Final = Number(low=0, low_open=True)
_FRACTION: Final = Number(low=0, high=1, low_open=True, high_open=True)
_COUNT: Final = Number(low=1, integer=True)
_AUTO: Final = ("auto",)
_AUTO_PENALTY: Final = Number(low=0, words=_AUTO)
_AUTO_POSITIVE: Final = Number(low=0, low_open=True, words=_AUTO)
_AUTO_COUNT: Final = Number(low=1, integer=True, words=_AUTO)
_AUTO_DECAY: Final = Number(low=0, high=1, high_open=True, words=_AUTO)
_AUTO_FRACTION: Final = Number(low=0, high=1, low_open=True, high_open=True, words=_AUTO)

SPECS: Final[Mapping[str, Choice | Flag | Number]] = {
    "predictor_type": Choice((BINARY, MULTICLASS, REGRESSOR)),
    "num_classes": Number(low=1, high=1_000_000, integer=True),
    "feature_dim": _AUTO_COUNT,
    "mini_batch_size": _COUNT,
    "epochs": _COUNT,
    "num_models": _AUTO_COUNT,
    "loss": Choice(("auto", *(loss for losses in LOSSES.values() for loss in losses))),
    "optimizer": Choice(("auto", "sgd", "adam", "rmsprop")),
    "learning_rate": _AUTO_POSITIVE,
    "wd": _AUTO_PENALTY,
    "l1": _AUTO_PENALTY,
    "momentum": _AUTO_DECAY,
    "beta_1": _AUTO_DECAY,
    "beta_2": _AUTO_DECAY,
    "bias_lr_mult": _AUTO_POSITIVE,
    "bias_wd_mult": _AUTO_PENALTY,
    "use_bias": Flag(),
    "use_lr_scheduler": Flag(),
    "lr_scheduler_step": _AUTO_COUNT,
    "lr_scheduler_factor": _AUTO_FRACTION,
    "lr_scheduler_minimum_lr": _AUTO_POSITIVE,
    "init_method": Choice(("uniform", "normal")),
    "init_scale": _POSITIVE,
    "init_sigma": _POSITIVE,
    "init_bias": Number(),
    "normalize_data": Flag(auto=True),
    "normalize_label": Flag(auto=True),
    "unbias_data": Flag(auto=True),
    "unbias_label": Flag(auto=True),
    "num_point_for_scaler": _COUNT,
    "num_calibration_samples": _AUTO_COUNT,
    "binary_classifier_model_selection_criteria": Choice(CRITERIA),
    "target_recall": _FRACTION,
    "target_precision": _FRACTION,
    "f_beta": _POSITIVE,
    "positive_example_weight_mult": Number(low=0, low_open=True, words=("auto", "balanced")),
    "balance_multiclass_weights": Flag(),
    "accuracy_top_k": Number(low=1, high=1_000_000, integer=True),
    "early_stopping_patience": _COUNT,
    "early_stopping_tolerance": _POSITIVE,
    "margin": Number(low=0),
    "quantile": _FRACTION,
    "loss_insensitivity": _POSITIVE,
    "huber_delta": Number(low=0),
}
# Accepted, since the container's default file holds them and tuning jobs send the last; only the last has effect.
HIDDEN: Final = (
    "_enable_profiler",
    "_kvstore",
    "_log_level",
    "_num_gpus",
    "_num_kv_servers",
    "_tuning_objective_metric",
)
# In the order of the file, which the log shows.
DEFAULTS: Final[Mapping[str, str]] = {
    "mini_batch_size": "1000",
    "epochs": "15",
    "feature_dim": "auto",
    "use_bias": "true",
    "binary_classifier_model_selection_criteria": "accuracy",
    "f_beta": "1.0",
    "target_recall": "0.8",
    "target_precision": "0.8",
    "num_models": "auto",
    "num_calibration_samples": "10000000",
    "init_method": "uniform",
    "init_scale": "0.07",
    "init_sigma": "0.01",
    "init_bias": "0.0",
    "optimizer": "auto",
    "loss": "auto",
    "margin": "1.0",
    "quantile": "0.5",
    "loss_insensitivity": "0.01",
    "huber_delta": "1.0",
    "num_classes": "1",
    "accuracy_top_k": "3",
    "wd": "auto",
    "l1": "auto",
    "momentum": "auto",
    "learning_rate": "auto",
    "beta_1": "auto",
    "beta_2": "auto",
    "bias_lr_mult": "auto",
    "bias_wd_mult": "auto",
    "use_lr_scheduler": "true",
    "lr_scheduler_step": "auto",
    "lr_scheduler_factor": "auto",
    "lr_scheduler_minimum_lr": "auto",
    "positive_example_weight_mult": "1.0",
    "balance_multiclass_weights": "false",
    "normalize_data": "true",
    "normalize_label": "auto",
    "unbias_data": "auto",
    "unbias_label": "auto",
    "num_point_for_scaler": "10000",
    "_kvstore": "auto",
    "_num_gpus": "auto",
    "_num_kv_servers": "auto",
    "_log_level": "info",
    "_tuning_objective_metric": "",
    "early_stopping_patience": "3",
    "early_stopping_tolerance": "0.001",
    "_enable_profiler": "false",
}


@dataclass(frozen=True)
class Hyperparameters:
    """One training job's hyperparameters, typed. None where "auto" is decided by the grid or the data."""

    predictor_type: str
    num_classes: int
    feature_dim: int | None
    mini_batch_size: int
    epochs: int
    num_models: int | None
    loss: str
    optimizer: str | None
    learning_rate: float | None
    wd: float | None
    l1: float | None
    momentum: float
    beta_1: float
    beta_2: float
    bias_lr_mult: float | None
    bias_wd_mult: float
    use_bias: bool
    use_lr_scheduler: bool
    lr_scheduler_step: int | None
    lr_scheduler_factor: float | None
    lr_scheduler_minimum_lr: float | None
    init_method: str
    init_scale: float
    init_sigma: float
    init_bias: float
    normalize_data: bool
    normalize_label: bool
    unbias_data: bool
    unbias_label: bool
    num_point_for_scaler: int
    num_calibration_samples: int | None
    binary_classifier_model_selection_criteria: str
    target_recall: float
    target_precision: float
    f_beta: float
    positive_example_weight_mult: float | str
    balance_multiclass_weights: bool
    accuracy_top_k: int
    early_stopping_patience: int
    early_stopping_tolerance: float
    margin: float
    quantile: float
    loss_insensitivity: float
    huber_delta: float

    @property
    def outputs(self) -> int:
        """Raw outputs of one model: 1, or the number of classes."""
        return self.num_classes if self.predictor_type == MULTICLASS else 1


def merge(given: Mapping[str, str]) -> dict[str, str]:
    """The container's default file with what the user gave laid over it."""
    return {**DEFAULTS, **given}


def parse(given: Mapping[str, str]) -> Hyperparameters:
    """Check what the user gave, as strings, and resolve what "auto" means where no data is needed for it.

    Raises CustomerError for an unknown name, a missing required one, or a value outside its documented range.
    """
    _check_names(given)
    merged = merge(given)
    values: dict[str, Any] = {name: spec.read(name, merged[name]) for name, spec in SPECS.items()}
    _check_classes(values, given)
    _resolve(values, forced_single=bool(merged["_tuning_objective_metric"]))
    return Hyperparameters(**{field.name: values[field.name] for field in fields(Hyperparameters)})


def _check_names(given: Mapping[str, str]) -> None:
    unknown = [name for name in given if name not in SPECS and name not in HIDDEN]
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        verb = "was" if len(unknown) == 1 else "were"
        raise CustomerError(
            f"Additional hyperparameters are not allowed ({names} {verb} unexpected)",
            caused_by="ValidationError",
        )
    for name, value in given.items():
        if not isinstance(value, str):
            refuse(name, str(value), "expects a string")
    missing = ["predictor_type"] if "predictor_type" not in given else []
    if given.get("predictor_type") == MULTICLASS and "num_classes" not in given:
        missing.append("num_classes")
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise CustomerError(
            f"No value(s) were specified for {names} which are required hyperparameter(s)",
            caused_by="ValidationError",
        )


def _check_classes(values: Mapping[str, Value], given: Mapping[str, str]) -> None:
    predictor = str(values["predictor_type"])
    if predictor == MULTICLASS:
        Number(low=3, high=1_000_000, integer=True).read("num_classes", given["num_classes"])
    loss = values["loss"]
    if loss is not None:
        Choice(("auto", *LOSSES[predictor])).read("loss", str(loss))


def _resolve(values: dict[str, Any], *, forced_single: bool) -> None:
    regression = values["predictor_type"] == REGRESSOR
    autos = {
        "loss": LOSSES[values["predictor_type"]][0],
        "momentum": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "bias_wd_mult": 0.0,
        "normalize_data": True,
        "normalize_label": regression,
        "unbias_data": values["use_bias"],
        "unbias_label": regression and values["use_bias"],
        "positive_example_weight_mult": "auto",
    }
    for name, value in autos.items():
        if values[name] is None:
            values[name] = value
    if not regression:
        values["normalize_label"] = values["unbias_label"] = False
    if forced_single:
        values["num_models"] = 1
