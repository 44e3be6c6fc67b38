"""The outcome of an execution, as an error with its own exit code, and why, as far as the service and the job say.

A processing job's failure reason is as terse as AWS's, `AlgorithmError: , exit code: 1`; what the script itself said
is in the job's exit message and its log, so those are part of what the user sees. The exit codes are those of
`pipeline.errors`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from pipeline.clients import Clients
from pipeline.errors import ExecutionError, ExecutionStopped, GateRejected, ServiceError, StepFailed
from pipeline.executions import execution_results, job_logs
from pipeline.executions.execution_snapshot import ExecutionSnapshot, StepView, execution_id, exit_message

_LAST_LINES: Final = 10
_LONGEST: Final = 300
# A built-in algorithm's reason for what the user must mend says it all; a script's or a container's says nothing.
_TELLING: Final = "ClientError: "
_NOT_TELLING: Final = "See job logs"


def verdict(end: ExecutionSnapshot) -> ExecutionError | None:
    """None for an execution that Succeeded, else the error that says how it ended and why.

    A gate that rejected is told from a step that failed by the type of the failed step: Fail.
    """
    if end.status == "Succeeded":
        return None
    identity = execution_id(end.arn)
    if end.status == "Stopped":
        return ExecutionStopped(f"the execution was stopped: {end.arn}", hint=f"`pipeline retry {identity}` resumes it")
    failed = end.failed_step
    if failed is None:
        return StepFailed(f"the execution ended {end.status}: {end.reason or 'no reason given'}")
    if failed.kind == "Fail":
        return GateRejected(
            failed.reason or f"{failed.name} ended the execution",
            hint=f"`pipeline report {identity}` shows the figures{_advice(failed.reason)}",
        )
    log = f"`pipeline logs {failed.name} --execution {identity}` shows its whole log"
    return StepFailed(
        f"step {failed.name} failed: {failed.reason or 'no reason given'}",
        hint=log if failed.job_name else f"`pipeline retry {identity}` tries it again, once the cause is gone",
    )


def _advice(reason: str) -> str:
    """What the default criterion has to do with a classifier that is right often enough, but not for the positives."""
    missed = reason.partition("Missed: ")[2].partition(" Met: ")[0]
    if not re.search(r"\b(?<!weighted )(precision|recall|f1) ", missed) or "accuracy" in missed:
        return ""
    return (
        "; the model is that of the lowest loss, its threshold 0.5, unless ModelSelectionCriteria says otherwise: "
        "where positives are rare, try --param ModelSelectionCriteria=f1, or precision_at_target_recall with "
        "TargetRecall, and --param PositiveExampleWeightMult=balanced"
    )


def explain(clients: Clients, end: ExecutionSnapshot) -> ExecutionError | None:
    """The verdict, in the words of the failed step's job where it has any: its exit message, else its last lines."""
    failed = end.failed_step
    if failed is not None and failed.kind != "Fail" and (gone := _gone(clients, end)):
        return StepFailed(
            f"step {failed.name} failed: the files of {gone}, whose earlier result was reused, are gone",
            hint="`pipeline start --no-cache` runs every step again",
        )
    return verdict(with_causes(clients, end))


def with_causes(clients: Clients, execution: ExecutionSnapshot) -> ExecutionSnapshot:
    """The same, in which each failed step's reason is what its job said: a script's own words, not its exit code."""
    steps = tuple(
        replace(step, reason=_said(clients, step)) if step.status == "Failed" and step.job_name else step
        for step in execution.steps
    )
    return replace(execution, steps=steps)


def _gone(clients: Clients, end: ExecutionSnapshot) -> str:
    """The first reused step whose outputs are in S3 no more; empty if there is none, or it cannot be told."""
    try:
        found = execution_results.outputs(
            clients, replace(end, steps=tuple(step for step in end.steps if step.cached_from))
        )
        return next((output.step for output in found if not execution_results.is_there(clients, output)), "")
    except ServiceError:
        return ""


def _said(clients: Clients, step: StepView) -> str:
    """How the execution ended is known already, so trouble on the way to more is said and not raised."""
    reason = step.reason or "no reason given"
    if reason.startswith(_TELLING) and _NOT_TELLING not in reason:
        return reason
    try:
        message = exit_message(clients, step)
        if message:
            return message
        return "\n".join([reason, *_end_of_log(clients, step)])
    except ServiceError as error:
        return f"{reason}\nwhat its job said cannot be read: {error.message}"


def _end_of_log(clients: Clients, step: StepView) -> list[str]:
    lines = [line.text for line in job_logs.last_lines(clients, step, _LAST_LINES)]
    return [f"  {line[:_LONGEST]}…" if len(line) > _LONGEST else f"  {line}" for line in lines]
