"""What is told while an execution is followed: what a step's job said, and that a step waits for its next attempt.

Each is an iterator that hands on the snapshots as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions.execution_snapshot import TERMINAL, ExecutionSnapshot, StepView, exit_message
from pipeline.service_errors import translated


def telling(
    clients: Clients, snapshots: Iterable[ExecutionSnapshot], step: str, say: Callable[[str], None]
) -> Iterator[ExecutionSnapshot]:
    """The snapshots as they are; `say` is told once what the job of a step said when it succeeded."""
    told = False
    for now in snapshots:
        found = now.step(step)
        if not told and found is not None and found.status == "Succeeded":
            told = True
            with suppress(ServiceError):  # a line for information is worth no failure
                if message := exit_message(clients, found):
                    say(message)
        yield now


def telling_retries(
    clients: Clients,
    snapshots: Iterable[ExecutionSnapshot],
    say: Callable[[str], None],
    *,
    monotonic: Callable[[], float],
    interval: float | None = None,
) -> Iterator[ExecutionSnapshot]:
    """The snapshots as they are; `say` is told once of each job that failed while its step still runs.

    Such a step waits for its next attempt, as for instances to become free, and shows nothing of it. Two looks,
    `interval` seconds apart, must find it so: after the first the step may be about to end.
    """
    pause = interval or (1.0 if clients.target.local else 30.0)
    seen: dict[str, bool] = {}
    due = monotonic() + pause
    for now in snapshots:
        if monotonic() >= due:
            for step in now.steps:
                if step.status in TERMINAL or not step.job_name or seen.get(step.job_name):
                    continue
                if reason := _failure_of_job(clients, step):
                    seen[step.job_name] = step.job_name in seen
                    if seen[step.job_name]:
                        say(f"{step.name} waits for its next attempt: {reason}")
            due = monotonic() + pause
        yield now


def _failure_of_job(clients: Clients, step: StepView) -> str:
    """Why the step's job failed; empty if it did not, or that cannot be told."""
    asked: Mapping[str, Callable[[str], Any]] = {
        "ProcessingJob": lambda name: clients.sagemaker.describe_processing_job(ProcessingJobName=name),
        "TrainingJob": lambda name: clients.sagemaker.describe_training_job(TrainingJobName=name),
        "TransformJob": lambda name: clients.sagemaker.describe_transform_job(TransformJobName=name),
    }
    if step.kind not in asked:
        return ""
    try:
        with translated():
            found = asked[step.kind](step.job_name)
    except ServiceError:
        return ""
    failed = found.get(f"{step.kind}Status") == "Failed"
    return " ".join(str(found.get("FailureReason", "no reason given")).split()) if failed else ""
