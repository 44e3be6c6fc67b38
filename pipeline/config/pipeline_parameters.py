"""The pipeline's parameters: name, type, default, meaning and what a value may be, in one typed place.

The definition, the command-line flags, `pipeline.toml` and the documentation are all made from `declared`.
A parameter belongs to the tasks whose steps read it; a definition declares those of its own task and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from pipeline.config import algorithm_parameters
from pipeline.config.declaring import (
    BINARY,
    COUNT,
    MULTICLASS,
    REGRESSION,
    SHARE,
    choice,
    integer,
    number,
    only,
    string,
)
from pipeline.config.parameter_types import Bounds, Parameter, Pattern, Task, Type, Value
from pipeline.errors import UsageError

__all__ = ["Bounds", "Parameter", "Pattern", "Task", "Type", "Value", "declared", "named_as", "parse"]

_S3: Final = Pattern(r"s3://[^/]+(/.*)?", "an s3:// address")
_INSTANCE: Final = Pattern(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", "an instance type such as ml.m5.large")
_NAME: Final = Pattern(
    r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a name of letters, digits and inner hyphens, at most 63 long"
)


def _threshold(name: str, default: float, metric: str) -> Parameter:
    bound, bounds = ("at least", SHARE) if name.startswith("Min") else ("at most", Bounds(0))
    return number(name, default, bounds, f"The gate opens only if the {metric} is {bound} this.", "Gate")


def _resources(step: str, instance: str, what: str) -> tuple[Parameter, ...]:
    return (
        string(f"{step}InstanceType", instance, f"The instance type of {what}.", "Resources", _INSTANCE),
        integer(f"{step}InstanceCount", 1, COUNT, f"The number of instances of {what}.", "Resources"),
    )


OFF: Final = "off"
"""What the settings give an optional parameter that is no part of the definition, which is so by default."""

# "{name}" and "{region}" in a default stand for the pipeline's name and its region.
_ALL: Final[tuple[Parameter, ...]] = (
    string(
        "InputDataUrl",
        "s3://sagemaker-example-files-prod-{region}/datasets/image/MNIST/mnist.pkl.gz",
        "The raw data: an S3 object or prefix with an MNIST pickle, IDX files, an NPZ, or CSV, Parquet, JSON Lines or "
        "libsvm files.",
        "Data",
        _S3,
    ),
    string(
        "LabelColumn",
        "auto",
        'The label of a table: the name of a column, "first" or "last"; "auto" for the one that a header calls label, '
        "target, class or y, and without a header the first.",
        "Data",
    ),
    choice(
        "CsvHeader",
        "auto",
        ("auto", "true", "false"),
        'Whether a CSV has a header; "auto": if its first line holds names alone.',
        "Data",
    ),
    string(
        "Features",
        "all",
        "The columns to learn from, names and patterns with commas between; after a `!`, those to leave out.",
        "Data",
    ),
    *only(BINARY, string("PositiveClass", "0", "The class to be told from all others.", "Data")),
    integer(
        "CacheGeneration",
        1,
        COUNT,
        "Earlier results of another number are not reused; `--no-cache` and `clean` raise it in the deployed pipeline.",
        "Data",
    ),
    integer("SplitSeed", 0, Bounds(0, 2**32 - 1), "The seed that splits data which has no split of its own.", "Data"),
    *algorithm_parameters.PARAMETERS,
    *_resources("Processing", "ml.m5.xlarge", "the processing jobs; ConvertData shares out its files"),
    *_resources("Training", "ml.m5.xlarge", "the training job"),
    *_resources("Transform", "ml.m5.large", "the batch prediction"),
    *_resources("Endpoint", "ml.m5.large", "the endpoint"),
    *only(
        BINARY,
        _threshold("MinAccuracy", 0.96, "accuracy"),
        _threshold("MinPrecision", 0.8, "precision"),
        _threshold("MinRecall", 0.8, "recall"),
        _threshold("MinF1", 0.85, "F1"),
        _threshold("MinAuc", 0.95, "area under the ROC curve"),
    ),
    *only(
        MULTICLASS,
        _threshold("MinAccuracy", 0.8, "accuracy"),
        _threshold("MinPrecision", 0.8, "precision, weighted by class"),
        _threshold("MinRecall", 0.8, "recall, weighted by class"),
        _threshold("MinF1", 0.8, "F1, weighted by class"),
    ),
    *only(
        REGRESSION,
        _threshold("MaxRelativeRmse", 0.85, "root of the mean squared error, as a share of the label's deviation,"),
        replace(_threshold("MinR2", 0.3, "coefficient of determination"), bounds=Bounds(high=1)),
    ),
    replace(
        number(
            "MaxRegression",
            0.0,
            SHARE,
            "The gate opens only if no gated metric is worse than the approved version's by more than this share; 0: "
            "never worse.",
            "Gate",
        ),
        optional=True,
    ),
    string("ModelPackageGroupName", "{name}", "The group of the registry that takes the model.", "Registry", _NAME),
    choice(
        "ModelApprovalStatus",
        "PendingManualApproval",
        ("PendingManualApproval", "Approved", "Rejected"),
        "The approval status that the model is registered with.",
        "Registry",
    ),
    choice("Deploy", "false", ("false", "true"), "Whether the registered model is deployed.", "Deployment"),
    string("EndpointName", "{name}", "The endpoint that is created, or updated if it is there.", "Deployment", _NAME),
)


def declared(
    task: Task, *, name: str, region: str, overrides: Mapping[str, Value] | None = None
) -> tuple[Parameter, ...]:
    """The parameters of a task's definition, in their order, with their defaults settled.

    `overrides` are an environment's own defaults by parameter name; those of other tasks are left alone, so that
    one file can serve all tasks. Raises `UsageError` for a name that no task has and for a value that the
    parameter cannot take.
    """
    own = dict(overrides or {})
    parameters = [parameter for parameter in _ALL if task in parameter.tasks]
    for wrong in own.keys() - {parameter.name for parameter in _ALL}:
        raise _unknown(wrong, parameters, task)
    parameters = [item for item in parameters if not (item.optional and str(own.get(item.name, OFF)) == OFF)]
    return tuple(_settled(parameter, own, name=name, region=region) for parameter in parameters)


def _settled(parameter: Parameter, own: Mapping[str, Value], *, name: str, region: str) -> Parameter:
    default = own.get(parameter.name, parameter.default)
    text = str(default).replace("{name}", name).replace("{region}", region)
    return replace(parameter, default=parameter.read(text))


def parse(assignments: Iterable[str], parameters: Sequence[Parameter], task: Task) -> dict[str, str]:
    """NAME=VALUE assignments as StartPipelineExecution takes them; a later one wins over an earlier one.

    Raises `UsageError` for what is no assignment, no parameter (with the nearest right name) or no value of it.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    values: dict[str, str] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"{assignment!r} assigns nothing", hint="write NAME=VALUE, such as Epochs=20")
        if name not in by_name:
            raise _unknown(name, parameters, task)
        values[name] = str(by_name[name].read(text))
    return values


def named_as(name: str) -> str | None:
    """The parameter of any task that is meant by a name in another style: positive_class, epochs."""
    return next((parameter.name for parameter in _ALL if parameter.name.casefold() == _folded(name)), None)


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _unknown(name: str, parameters: Sequence[Parameter], task: Task) -> UsageError:
    names = [parameter.name for parameter in parameters]
    meant = named_as(name)
    if meant and any(parameter.optional for parameter in _ALL if parameter.name == meant):
        return UsageError(
            f"the parameter {meant} is off: it adds a step, so the settings turn it on, not a start",
            hint=f"put {meant} = 0 into [env.NAME.parameters] of pipeline.toml, or --set parameters={meant}=0; upsert",
        )
    if meant and meant not in names:
        return UsageError(f"there is no parameter {meant} when the task is {task}")
    by_fold = {candidate.casefold(): candidate for candidate in names}
    near = get_close_matches(_folded(name), by_fold, n=1, cutoff=0.6)
    if near:
        return UsageError(f"there is no parameter {name}", hint=f"did you mean {by_fold[near[0]]}?")
    return UsageError(f"there is no parameter {name}", hint=f"the parameters are {', '.join(names)}")
