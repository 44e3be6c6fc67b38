"""A hyperparameter tuning job: training jobs with values from the ranges, a few at a time, and the best of them.

Candidates are drawn at random (or are all combinations, for Grid) from the ranges, by the seed of the request, so a
request with a seed tries the same ones each time.
"""

from __future__ import annotations

import itertools
import math
import random
import secrets
from collections.abc import Iterator
from typing import Final

from pipeline.limits import Row
from pipeline.local.api_errors import ApiError
from pipeline.local.containers.jobs.running_job import TERMINAL, RunningJob
from pipeline.local.kinds import TRAINING_JOB, Body, TrainingJob
from pipeline.local.retried_calls import patiently
from pipeline.local.service_context import ServiceContext

DEFAULT_RUNTIME: Final = 30 * 86_400
_NONE_SUCCEEDED: Final = (
    "No training job succeeded after {count} attempts. For additional details, please take a look at the training job"
    " failures by listing training jobs for the hyperparameter tuning job."
)
_DEFINITION: Final = (
    "AlgorithmSpecification",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "RoleArn",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)

PARITY: Final = (
    Row(
        area="tuning",
        subject="strategies",
        here="Random and Grid are done; Bayesian and Hyperband draw at random. Early stopping and warm start are stored"
        " and shown.",
        aws="Done.",
    ),
)


def run(running: RunningJob) -> None:
    """Run a tuning job from start to its final status."""
    body = running.body
    config = body["HyperParameterTuningJobConfig"]
    end = running.service.clock.now() + config["ResourceLimits"].get("MaxRuntimeInSeconds", DEFAULT_RUNTIME)
    waiting = candidates(body)
    at_once = config["ResourceLimits"]["MaxParallelTrainingJobs"]
    while not running.stopping.is_set() and running.service.clock.now() < end:
        jobs = jobs_of(running.service, running.name)
        running.update(**_progress(running.body, jobs))
        if _reached(running.body, config):
            break
        active = [job for job in jobs if job["TrainingJobStatus"] not in TERMINAL]
        while len(active) < at_once and (candidate := next(waiting, None)) is not None:
            active.append(_create(running, candidate, len(jobs)))
            jobs.append(active[-1])
        if not active:
            break
        _wait_for_news(running, len(jobs) - len(active))
    if not running.abandoned:
        _end(running)


def candidates(body: Body) -> Iterator[tuple[Body, dict[str, str]]]:
    """(training job definition, tuned hyperparameters), at most MaxNumberOfTrainingJobs, definitions in turn."""
    config = body["HyperParameterTuningJobConfig"]
    chance = random.Random(config.get("RandomSeed", secrets.randbits(32)))
    sources = [
        _grid(ranges) if config["Strategy"] == "Grid" else _drawn(ranges, chance)
        for ranges in (ranges_of(body, definition) for definition in definitions_of(body))
    ]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*sources))
    pairs = zip(itertools.cycle(definitions_of(body)), turns, strict=False)
    wanted = ((definition, values) for definition, values in pairs if values is not None)
    return itertools.islice(wanted, config["ResourceLimits"].get("MaxNumberOfTrainingJobs"))


def definitions_of(body: Body) -> list[Body]:
    """The training job definitions: one, or several."""
    several: list[Body] = body.get("TrainingJobDefinitions") or [body["TrainingJobDefinition"]]
    return several


def ranges_of(body: Body, definition: Body) -> Body:
    """The ranges of one definition: its own, or those of the tuning job."""
    config = body["HyperParameterTuningJobConfig"]
    found: Body = definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    return found


def objective_of(body: Body, definition: Body) -> Body:
    """The objective of one definition: its own, or that of the tuning job."""
    config = body["HyperParameterTuningJobConfig"]
    found: Body = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective") or {}
    return found


def jobs_of(service: ServiceContext, name: str) -> list[TrainingJob]:
    """The training jobs of a tuning job, oldest first."""
    arn = service.arns.of("hyper-parameter-tuning-job", name)
    return [job for job in service.store.list(TRAINING_JOB) if job.get("TuningJobArn") == arn]


def summary(job: TrainingJob) -> Body:
    """What a tuning job says of one of its training jobs."""
    members = (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingJobStatus",
        "FailureReason",
    )
    shown: Body = {member: value for member, value in job.items() if member in members}
    shown["TunedHyperParameters"] = job["_TunedHyperParameters"]
    if job.get("_DefinitionName"):
        shown["TrainingJobDefinitionName"] = job["_DefinitionName"]
    objective = job["_Objective"]
    value = value_of(job)
    if value is not None:
        shown["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
    over = job["TrainingJobStatus"] in TERMINAL
    shown["ObjectiveStatus"] = "Pending" if not over else "Failed" if value is None else "Succeeded"
    return shown


def value_of(job: TrainingJob) -> float | None:
    """The final objective metric of a training job that is over."""
    name = job["_Objective"].get("MetricName")
    for metric in job.get("FinalMetricDataList", []):
        if metric["MetricName"] == name:
            return float(metric["Value"])
    return None


def _progress(body: Body, jobs: list[TrainingJob]) -> Body:
    """The counters and the best training job so far."""
    statuses = [job["TrainingJobStatus"] for job in jobs]
    objectives = [summary(job)["ObjectiveStatus"] for job in jobs]
    done = [job for job in jobs if job["TrainingJobStatus"] == "Completed" and value_of(job) is not None]
    best = max(done, key=_rank, default=None)
    return {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": statuses.count("InProgress") + statuses.count("Stopping"),
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
        "BestTrainingJob": None if best is None else summary(best),
    }


def _rank(job: TrainingJob) -> float:
    value = value_of(job) or 0.0
    return value if job["_Objective"].get("Type") == "Maximize" else -value


def _reached(body: Body, config: Body) -> bool:
    """Whether the best training job meets the target of the completion criteria."""
    target = config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
    best = body.get("BestTrainingJob")
    if target is None or best is None:
        return False
    metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
    return bool(metric["Value"] >= target if metric["Type"] == "Maximize" else metric["Value"] <= target)


def _create(running: RunningJob, candidate: tuple[Body, dict[str, str]], index: int) -> TrainingJob:
    definition, tuned = candidate
    service, body = running.service, running.body
    name = f"{running.name}-{index + 1:03d}-{secrets.token_hex(4)}"
    request: Body = {member: definition[member] for member in _DEFINITION if member in definition}
    request |= resources_of(definition)
    request |= {"TrainingJobName": name, "HyperParameters": definition.get("StaticHyperParameters", {}) | tuned}
    patiently(service, "CreateTrainingJob", request)
    return service.store.merge(
        TRAINING_JOB,
        name,
        TuningJobArn=body["HyperParameterTuningJobArn"],
        _TunedHyperParameters=tuned,
        _DefinitionName=definition.get("DefinitionName", ""),
        _Objective=objective_of(body, definition),
    )


def resources_of(definition: Body) -> Body:
    """The ResourceConfig of the training jobs of a definition."""
    given = definition.get("HyperParameterTuningResourceConfig")
    if given is None:
        return {}
    first = (given.get("InstanceConfigs") or [given])[0]
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    return {"ResourceConfig": {member: first[member] for member in members if member in first}}


def _wait_for_news(running: RunningJob, done: int) -> None:
    """Wait until more training jobs are over than `done`, or the tuning job is stopped."""

    def news() -> bool | None:
        over = sum(job["TrainingJobStatus"] in TERMINAL for job in jobs_of(running.service, running.name))
        return True if over > done or running.stopping.is_set() else None

    running.service.store.wait(news, 60.0)


def _end(running: RunningJob) -> None:
    """Stop what still runs, count, and say how it ended."""
    for job in jobs_of(running.service, running.name):
        if job["TrainingJobStatus"] not in TERMINAL:
            try:
                patiently(running.service, "StopTrainingJob", {"TrainingJobName": job["TrainingJobName"]})
            except ApiError:
                # It has ended meanwhile.
                pass
    running.service.store.wait(lambda: True if _all_over(running) else None, running.grace + 60.0)
    jobs = jobs_of(running.service, running.name)
    progress = _progress(running.body, jobs)
    if running.stopping.is_set():
        running.finish("Stopped", **progress)
    elif not any(job["TrainingJobStatus"] == "Completed" for job in jobs):
        running.finish("Failed", _NONE_SUCCEEDED.format(count=len(jobs)), **progress)
    else:
        running.finish("Completed", **progress)


def _all_over(running: RunningJob) -> bool:
    return all(job["TrainingJobStatus"] in TERMINAL for job in jobs_of(running.service, running.name))


# candidates


def _grid(ranges: Body) -> Iterator[dict[str, str]]:
    given = ranges.get("CategoricalParameterRanges", [])
    names = [entry["Name"] for entry in given]
    for values in itertools.product(*(entry["Values"] for entry in given)):
        yield dict(zip(names, values, strict=True))


def _drawn(ranges: Body, chance: random.Random) -> Iterator[dict[str, str]]:
    while True:
        values = {
            entry["Name"]: chance.choice(entry["Values"]) for entry in ranges.get("CategoricalParameterRanges", [])
        }
        for entry in ranges.get("IntegerParameterRanges", []):
            low, high = float(entry["MinValue"]) - 0.5, float(entry["MaxValue"]) + 0.5
            drawn = round(
                scaled(chance.random(), max(low, 0.5) if _scale(entry) == "Logarithmic" else low, high, _scale(entry))
            )
            values[entry["Name"]] = str(min(max(drawn, int(entry["MinValue"])), int(entry["MaxValue"])))
        for entry in ranges.get("ContinuousParameterRanges", []):
            low, high = float(entry["MinValue"]), float(entry["MaxValue"])
            values[entry["Name"]] = repr(scaled(chance.random(), low, high, _scale(entry)))
        yield values


def _scale(entry: Body) -> str:
    return str(entry.get("ScalingType", "Auto"))


def scaled(place: float, low: float, high: float, scale: str) -> float:
    """The value at `place` (0 to 1) of a range, by its scaling type."""
    if scale == "Logarithmic":
        return math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
    if scale == "ReverseLogarithmic":
        return 1.0 - math.exp(math.log1p(-low) + place * (math.log1p(-high) - math.log1p(-low)))
    return low + place * (high - low)
