"""Hyperparameter tuning jobs: create, describe, list, stop, delete, and the list of their training jobs."""

from __future__ import annotations

from typing import Final

from pipeline.local.api import action
from pipeline.local.api.jobs.job_actions import JobActions
from pipeline.local.api.jobs.training_jobs import prepared
from pipeline.local.api.listing import Listing
from pipeline.local.api_errors import ResourceNotFound, ValidationException
from pipeline.local.containers.jobs.running_job import TUNING
from pipeline.local.containers.jobs.tuning import (
    definitions_of,
    jobs_of,
    objective_of,
    ranges_of,
    resources_of,
    summary,
    value_of,
)
from pipeline.local.kinds import Body
from pipeline.local.service import Service

_MEMBER: Final = "HyperParameterTuningJobName"

JOBS: Final = JobActions(
    TUNING,
    exists="A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
    unknown="Amazon SageMaker can't find a tuning job called {name}. Type another name.",
    unknown_to_stop="Amazon SageMaker can't find a tuning job called {name}. Type another name.",
    word="hyperparameter tuning job",
    sort_by="Name",
    unknown_error=ResourceNotFound,
    shown=("TrainingJobStatusCounters", "ObjectiveStatusCounters", "HyperParameterTuningJobConfig"),
)
JOBS.offer("Describe", "Stop", "Delete")


@action("CreateHyperParameterTuningJob")
def create(service: Service, request: Body) -> Body:
    """Check, store, start."""
    name = request[_MEMBER]
    body = {member: value for member, value in request.items() if member not in ("Tags", _MEMBER)}
    if ("TrainingJobDefinition" in body) == bool(body.get("TrainingJobDefinitions")):
        raise ValidationException("Give either TrainingJobDefinition or TrainingJobDefinitions.")
    for definition in definitions_of(body):
        _check(service, body, definition)
    body |= {
        "TrainingJobStatusCounters": {
            "Completed": 0,
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": 0,
            "Stopped": 0,
        },
        "ObjectiveStatusCounters": {"Succeeded": 0, "Pending": 0, "Failed": 0},
    }
    return JOBS.create(service, name, body, request, arn=service.arns.of("hyper-parameter-tuning-job", name))


@action("ListHyperParameterTuningJobs")
def list_jobs(service: Service, request: Body) -> Body:
    """A page of jobs."""
    answer = JOBS.list(service, request)
    for entry in answer["HyperParameterTuningJobSummaries"]:
        config = entry.pop("HyperParameterTuningJobConfig")
        entry |= {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
    return answer


@action("ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs(service: Service, request: Body) -> Body:
    """A page of the training jobs of one tuning job."""
    JOBS.get(service, request[_MEMBER])
    jobs: list[Body] = [{**job, "_Value": value_of(job)} for job in jobs_of(service, request[_MEMBER])]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        jobs = [job for job in jobs if job["_Value"] is not None]
    listing = Listing(
        name="TrainingJobName",
        status="TrainingJobStatus",
        sort_by="Name",
        sort_order="Ascending",
        members={"FinalObjectiveMetricValue": "_Value"},
        status_last=True,
    )
    summaries, token = listing.page(jobs, request, summary)
    return {"TrainingJobSummaries": summaries, **token}


def _check(service: Service, body: Body, definition: Body) -> None:
    """Refuse a definition whose training jobs would be refused. Raises ValidationException."""
    tuned = ranges_of(body, definition)
    if tuned.get("AutoParameters") or "Autotune" in body:
        raise ValidationException("Localhost has no Autotune; give the ranges.")
    names = [entry["Name"] for entries in tuned.values() for entry in entries]
    if not names:
        raise ValidationException("A tuning job needs at least one hyperparameter range.")
    if body["HyperParameterTuningJobConfig"]["Strategy"] == "Grid" and (
        tuned.get("IntegerParameterRanges") or tuned.get("ContinuousParameterRanges")
    ):
        raise ValidationException("Grid search can only have categorical hyperparameter ranges.")
    for entry in [*tuned.get("IntegerParameterRanges", []), *tuned.get("ContinuousParameterRanges", [])]:
        _check_range(entry)
    both = sorted(set(names) & set(definition.get("StaticHyperParameters", {})))
    if both:
        raise ValidationException(f"The hyperparameters {both} are both static and tuned.")
    request = {**definition, **resources_of(definition)}
    checked = prepared(service, request | {"HyperParameters": definition.get("StaticHyperParameters", {})})
    _check_objective(objective_of(body, definition), checked)


def _check_range(entry: Body) -> None:
    try:
        low, high = float(entry["MinValue"]), float(entry["MaxValue"])
    except ValueError:
        low, high = 1.0, 0.0
    scale = entry.get("ScalingType", "Auto")
    if (
        not low <= high
        or (scale == "Logarithmic" and low <= 0)
        or (scale == "ReverseLogarithmic" and not (0 <= low and high < 1))
    ):
        raise ValidationException(
            f"The range of the hyperparameter {entry['Name']!r}, {entry['MinValue']} to {entry['MaxValue']} with"
            f" scaling {scale}, is not valid."
        )


def _check_objective(objective: Body, checked: Body) -> None:
    known = [entry["Name"] for entry in checked["AlgorithmSpecification"].get("MetricDefinitions", [])]
    if not objective:
        raise ValidationException("A tuning job needs an objective: the name of a metric and its type.")
    if objective["MetricName"] not in known:
        raise ValidationException(
            f"The objective metric {objective['MetricName']!r} is not among the metrics of the algorithm: {known}."
        )
