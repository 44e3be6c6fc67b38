"""`pipeline run`: the whole pipeline on this machine, from raw data to a validated endpoint.

It does what an engineer does on AWS, in the same order and through the same code: compose, plan, upload, upsert,
start, follow. The service is the one that runs, or one of its own for the time of the run; its state stays.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline import raw_data
from pipeline.clients import Clients, connect_local
from pipeline.config.settings import Settings
from pipeline.definition.step_types import walk
from pipeline.deploy import apply
from pipeline.deploy.desired import desired
from pipeline.deploy.plan import DeployPlan, Desired
from pipeline.errors import ExecutionError, UsageError
from pipeline.executions import control, execution_results, execution_snapshot, follow_notes, outcome
from pipeline.executions.execution_snapshot import ExecutionSnapshot
from pipeline.executions.follow import follow
from pipeline.executions.job_logs import JobLogs
from pipeline.raw_data import DataSet
from pipeline.service_errors import error_code, translated
from steps.step_names import CONVERT_DATA, PREDICT_TEST

# What stays in S3 alone: channels and rows are large. Everything else a run leaves as plain files too, whatever step,
# one of the reader's own included, made it.
_ROWS: Final = {
    *((CONVERT_DATA, name) for name in ("train", "validation", "test", "features", "labels")),
    (PREDICT_TEST, "predictions"),
}


class Observer(Protocol):
    """Who is told what goes on."""

    def say(self, text: str) -> None:
        """One line about what happens now."""

    def planned(self, plan: DeployPlan) -> None:
        """The plan that is about to be applied."""

    def follow(self, snapshots: Iterable[ExecutionSnapshot], steps: Sequence[str], logs: JobLogs) -> ExecutionSnapshot:
        """Show the execution until it is over, with its jobs' logs if wanted, and return how it ended."""


@dataclass(frozen=True)
class Finished:
    """How a run ended: the last snapshot, the evaluation, the gate's comparisons, the folder of its files.

    `classes` are the names of the labels 0, 1, ... of a classifier.
    """

    execution: ExecutionSnapshot
    metrics: Mapping[str, Any]
    gates: tuple[execution_results.GateResult, ...]
    folder: Path
    files: tuple[Path, ...]
    classes: tuple[str, ...]
    error: ExecutionError | None


WAIT_FACTOR: Final = 1 / 60
"""What a rollout waits in a service that is started for one run: seconds instead of minutes."""


def run(
    settings: Settings,
    *,
    source: Path | None,
    parameters: Mapping[str, str],
    state: Path,
    observer: Observer,
    no_cache: bool = False,
) -> Finished:
    """Run the pipeline on this machine and gather what it made below `state`/executions.

    `source` is the raw data, None for the bundled digits. Raises DataError, DefinitionError, LocalServiceError,
    ServiceError; an execution that did not succeed is no exception but `Finished.error`.
    """
    from pipeline.local.process import lifecycle

    if source is not None:
        raw_data.files_at(source)
    # The service starts in a process of its own and the data are hashed while this one composes and loads boto3.
    with lifecycle.starting(state, wait_factor=WAIT_FACTOR) as service, ThreadPoolExecutor(1) as pool:
        dataset = pool.submit(lambda: DataSet.of(source or raw_data.sample(state / "data")))
        wanted = desired(settings, cache=state / "definitions")
        import boto3  # noqa: F401

        clients = connect_local(lifecycle.environment(service()), os.environ)
        observer.say(f"{settings.name} on {clients.target.describe()}")
        if settings.rollout is not None:
            observer.say(f"rollout: {settings.rollout.kind}; a service of this run waits a second for a minute")
        _prepare(clients, settings, dataset.result(), observer)
        parameters = {**_fitted(settings, source, parameters, observer), **parameters}
        given = {"InputDataUrl": dataset.result().uri(settings.bucket, settings.prefix), "Deploy": "true"}
        end = _execute(clients, wanted, {**given, **parameters}, observer, no_cache=no_cache)
        return _gather(clients, end, state.resolve() / "executions" / execution_snapshot.execution_id(end.arn))


def _fitted(
    settings: Settings, source: Path | None, parameters: Mapping[str, str], observer: Observer
) -> dict[str, str]:
    """A smaller batch for data of few rows, unless the caller chose one; said aloud."""
    known = {parameter.name: str(parameter.default) for parameter in settings.declared} | dict(parameters)
    chosen = "MiniBatchSize" in parameters or "MiniBatchSize" in settings.parameters
    if source is None or chosen or "MiniBatchSize" not in known:
        return {}
    from pipeline.operate.data_inspection import fitting_batch

    batch = int(known["MiniBatchSize"])
    fitting = fitting_batch(source, label_column=known["LabelColumn"], header=known["CsvHeader"], batch=batch)
    if fitting == batch:
        return {}
    observer.say(f"MiniBatchSize {fitting} instead of {batch}: train has few rows, and a pass ten batches")
    return {"MiniBatchSize": str(fitting)}


def _prepare(clients: Clients, settings: Settings, dataset: DataSet, observer: Observer) -> None:
    """The bucket and the data, as an engineer has them on AWS before the first run."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            clients.s3.create_bucket(Bucket=settings.bucket, **_location(clients.target.region))
        except ClientError as error:
            if error_code(error) not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
    raw_data.upload(
        dataset,
        clients,
        settings.bucket,
        settings.prefix,
        progress=lambda file: observer.say(f"uploading {file.name}"),
    )


def _execute(
    clients: Clients, wanted: Desired, parameters: Mapping[str, str], observer: Observer, *, no_cache: bool
) -> ExecutionSnapshot:
    plan = apply.plan(clients, wanted)
    observer.planned(plan)
    apply.apply(clients, plan, progress=lambda _: None)
    if no_cache:
        apply.forget_cache(clients, wanted.name)
    arn = control.start(clients, wanted.name, parameters)
    observer.say(f"execution {execution_snapshot.execution_id(arn)}")
    steps = [step.name for step in walk(json.loads(wanted.definition))]
    snapshots = follow(clients, arn, sleep=time.sleep, monotonic=time.monotonic, all_answers=True)
    snapshots = follow_notes.telling(clients, snapshots, CONVERT_DATA, lambda text: observer.say(f"data: {text}"))
    snapshots = follow_notes.telling_retries(clients, snapshots, observer.say, monotonic=time.monotonic)
    try:
        return observer.follow(snapshots, steps, JobLogs(clients))
    except KeyboardInterrupt:
        # Who ends a run wants its jobs to end too.
        observer.say(f"stopping execution {execution_snapshot.execution_id(arn)}")
        with suppress(UsageError):  # it is over already
            control.stop(clients, arn)
        for _ in follow(clients, arn, sleep=time.sleep, monotonic=time.monotonic):
            pass
        raise


def _gather(clients: Clients, end: ExecutionSnapshot, folder: Path) -> Finished:
    found = execution_results.outputs(clients, end)
    files: list[Path] = []
    for output in found:
        if (output.step, output.name) not in _ROWS:
            files += execution_results.download(clients, output.uri, folder / output.name)
    metrics = execution_results.evaluation(clients, found) or {}
    gates = execution_results.execution_gates(clients, end.arn, metrics | execution_results.comparison(clients, found))
    classes = execution_results.classes(clients, found)
    return Finished(end, metrics, gates, folder, tuple(files), classes, outcome.explain(clients, end))


def _location(region: str) -> dict[str, Any]:
    """What CreateBucket is told of the region: S3 wants the first one not to be named."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
