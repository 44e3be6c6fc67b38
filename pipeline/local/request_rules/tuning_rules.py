"""Rules of tuning jobs: those of the training jobs that they would start, and what joins them to their parents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.local.kinds import TUNING_JOB, Body
from pipeline.local.request_rules import job_rules
from pipeline.local.request_rules.rule_type import API, REPORT, Around, Rule

_WARM_START: Final = API + "API_HyperParameterTuningJobWarmStartConfig.html"
_TUNING: Final = "CreateHyperParameterTuningJob"


def _of_definitions(problems: Callable[[Body, Around], Iterator[str]]) -> Callable[[Body, Around], Iterator[str]]:
    """A rule for training jobs, for those that a tuning job would start."""

    def of_definitions(request: Body, around: Around) -> Iterator[str]:
        single = [request["TrainingJobDefinition"]] if "TrainingJobDefinition" in request else []
        for definition in (*single, *request.get("TrainingJobDefinitions", [])):
            yield from problems(definition, around)

    return of_definitions


def _hyperband(request: Body, around: Around) -> Iterator[str]:
    config = request["HyperParameterTuningJobConfig"]
    if config.get("Strategy") == "Hyperband" and config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        yield "TrainingJobEarlyStoppingType must be Off to use the strategy Hyperband."


def _parents(request: Body, around: Around) -> Iterator[str]:
    for name in _parent_names(request):
        if around.stored(TUNING_JOB, name) is None:
            yield f"WarmStartConfig: Amazon SageMaker can't find a tuning job called {name}. Type another name."


def _parents_parameters(request: Body, around: Around) -> Iterator[str]:
    ours = _hyperparameters(request)
    for name in _parent_names(request):
        theirs = _hyperparameters(around.stored(TUNING_JOB, name) or {})
        if None not in (ours, theirs) and ours != theirs:
            yield (
                "The set of tunable plus static HyperParameter names is not the same across current and parent tuning"
                " jobs. Please ensure this set is constant when warm starting. Note that previously static"
                " HyperParameters can be tuned in warm start jobs and vice versa."
            )


def _parents_objective(request: Body, around: Around) -> Iterator[str]:
    ours = _objective(request)
    for name in _parent_names(request):
        theirs = _objective(around.stored(TUNING_JOB, name) or {})
        if ours and theirs and ours != theirs:
            yield f"The objective metric must be the same as that of the parent {name}, {theirs!r}, not {ours!r}."


def _parent_names(request: Body) -> list[str]:
    given = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return [parent["HyperParameterTuningJobName"] for parent in given if "HyperParameterTuningJobName" in parent]


def _hyperparameters(job: Body) -> set[str] | None:
    """Names of all hyperparameters, static and tuned; None for a job of several definitions, or of none."""
    definition = job.get("TrainingJobDefinition")
    if definition is None:
        return None
    tuned = definition.get("HyperParameterRanges") or job["HyperParameterTuningJobConfig"].get("ParameterRanges", {})
    return {one["Name"] for ranges in tuned.values() for one in ranges} | set(
        definition.get("StaticHyperParameters", {})
    )


def _objective(job: Body) -> str | None:
    if "TrainingJobDefinition" not in job:
        return None
    ours = job["TrainingJobDefinition"].get("TuningObjective")
    found: Body = ours or job["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective", {})
    return str(found["MetricName"]) if "MetricName" in found else None


RULES: Final = (
    *(
        Rule(_TUNING, _of_definitions(rule.problems), rule.source)
        for rule in job_rules.RULES
        if rule.problems in job_rules.OF_DEFINITIONS
    ),
    Rule(_TUNING, _hyperband, API + "API_HyperParameterTuningJobConfig.html"),
    Rule(_TUNING, _parents, _WARM_START),
    Rule(_TUNING, _parents_parameters, REPORT),
    Rule(_TUNING, _parents_objective, _WARM_START),
)
