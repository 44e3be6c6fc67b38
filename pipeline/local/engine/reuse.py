"""Earlier results of a step, which a later execution takes instead of running it (step caching).

A result is found by pipeline, step and cache key while it is as young as the step's CacheConfig wants and its resource
exists. Nobody looks whether its files are still in S3, as nobody does on AWS.
"""

from __future__ import annotations

from pipeline.definition import cache_key
from pipeline.local.engine.resources import Resource
from pipeline.local.engine.step_run import Ended, StepRun
from pipeline.local.kinds import CACHE, CachedStep, StepChanges


def earlier(run: StepRun, resource: Resource, key: str | None) -> Ended | None:
    """The end of a step whose result under `key` is taken from an earlier execution, or None if it must run."""
    oldest = cache_key.oldest(run.node.step, run.service.clock.now())
    if key is None or oldest is None:
        return None
    found = run.service.store.get(CACHE, _name(run, key))
    if found is None or found["ended"] < oldest:
        return None
    if run.service.store.get(resource.kind, found["resource"]) is None:
        return None
    members: StepChanges = {
        "CacheHitResult": {"SourcePipelineExecutionArn": found["execution"]},
        "Metadata": found["metadata"],
        "_resource": found["resource"],
    }
    return Ended("Succeeded", members=members)


def remember(run: StepRun, resource: str) -> None:
    """Let later executions find this run; what a run under the same key left before is replaced."""
    store = run.service.store
    if (key := run.row.get("_cache_key")) is None:
        return
    body: CachedStep = {
        "execution": run.arn,
        "ended": run.service.clock.now(),
        "metadata": run.row["Metadata"],
        "resource": resource,
        "_name": _name(run, key),
    }
    with store.transaction():
        store.delete(CACHE, _name(run, key))
        store.insert(CACHE, _name(run, key), body, parent=str(run.execution["_pipeline"]))


def _name(run: StepRun, key: str) -> str:
    return f"{run.execution['_pipeline']}/{run.node.name}/{key}"
