"""An execution and its steps as the service describes them at one moment, as plain data; and how one is found.

The same boto3 calls work against AWS and localhost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline.clients import Clients
from pipeline.config.settings import RELEASE_SUFFIX, WATCH_SUFFIX
from pipeline.errors import UsageError, did_you_mean
from pipeline.service_errors import is_absent, translated
from pipeline.terminal import visible

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import PipelineExecutionStepTypeDef

REJECTED: Final = "Rejected"
"""How an execution ended, or its Fail step, that a gate ended on purpose; for the service it is Failed."""

TERMINAL: Final = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})

# What a step's metadata may hold that has an ARN, in the order of the API's documentation.
_JOBS: Final = ("ProcessingJob", "TrainingJob", "TransformJob", "TuningJob")


@dataclass(frozen=True)
class StepView:
    """One step of an execution as ListPipelineExecutionSteps shows it."""

    name: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 1
    cached_from: str = ""
    """The ARN of the execution whose result was reused; empty when the step ran."""
    taken_from: str = ""
    """The ARN of the execution that ran it, where a selective one only takes its result; the times are of then."""
    reason: str = ""
    kind: str = ""
    """The member of the metadata, e.g. `TrainingJob`, `Condition`, `Fail`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def seconds(self, now: datetime) -> float:
        """How long it ran, or has been running; nothing for what another execution ran."""
        if self.started is None or self.taken_from:
            return 0.0
        return max(0.0, ((self.ended or now) - self.started).total_seconds())

    @property
    def outcome(self) -> str:
        """The status, in which a Fail step that did what it is for is Rejected and not Failed."""
        return REJECTED if self.status == "Failed" and self.kind == "Fail" else self.status

    @property
    def job_name(self) -> str:
        """The name of the step's job, empty if it has none."""
        arn = str(self.metadata.get("Arn", "")) if self.kind in _JOBS else ""
        return arn.rpartition("/")[2]


@dataclass(frozen=True)
class ExecutionSnapshot:
    """One execution at one moment; steps in the order in which they started."""

    arn: str
    status: str
    steps: tuple[StepView, ...]
    reason: str = ""
    changed: datetime | None = field(default=None, compare=False)
    """When the service last noted something of it: of one that is over, its end."""

    @property
    def outcome(self) -> str:
        """The status, in which Rejected is told from Failed."""
        failed = self.failed_step if self.status == "Failed" else None
        return failed.outcome if failed else self.status

    @property
    def done(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in TERMINAL

    def step(self, name: str) -> StepView | None:
        """The step of that name, if it has started."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def failed_step(self) -> StepView | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.status == "Failed"), None)


def snapshot(clients: Clients, arn: str) -> ExecutionSnapshot:
    """The execution as it is now. Raises ServiceError."""
    with translated():
        described = clients.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        pages = clients.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        steps = tuple(_step(item) for page in pages for item in page["PipelineExecutionSteps"])
    return ExecutionSnapshot(
        arn,
        described["PipelineExecutionStatus"],
        steps,
        described.get("FailureReason", ""),
        described.get("LastModifiedTime"),
    )


def find(clients: Clients, pipeline: str, which: str = "") -> str:
    """The ARN of an execution given by ARN, by id (or its beginning), or the latest one; an id may also be that
    of a release or a watch.

    Raises UsageError when there is none, or the beginning fits several.
    """
    if which.startswith("arn:"):
        return which
    with translated():
        fits = _fitting(clients, pipeline, which)
        for suffix in (RELEASE_SUFFIX, WATCH_SUFFIX):
            if not fits and which:
                fits = _fitting(clients, f"{pipeline}{suffix}", which)
    if not fits:
        wanted = f"no execution {which!r}" if which else "no execution"
        raise UsageError(f"{pipeline} has {wanted}", hint="`pipeline executions` lists them")
    if len(fits) > 1:
        raise UsageError(f"{which!r} fits {len(fits)} executions", hint="give more of the id")
    return fits[0]


def _fitting(clients: Clients, pipeline: str, which: str) -> list[str]:
    """The ARNs of the executions whose ids begin so; of all of them the latest alone. Raises ClientError."""
    from botocore.exceptions import ClientError

    pages = clients.sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending"
    )
    fits = []
    try:
        for arn in (item["PipelineExecutionArn"] for page in pages for item in page["PipelineExecutionSummaries"]):
            if execution_id(arn).startswith(which):
                fits.append(arn)
            if fits and not which:
                break
    except ClientError as error:
        if not (pipeline.endswith((RELEASE_SUFFIX, WATCH_SUFFIX)) and is_absent(error)):
            raise
    return fits


def step_of(execution: ExecutionSnapshot, name: str) -> StepView:
    """The step of that name. Raises UsageError if it has not started, with the nearest name that has."""
    found = execution.step(name)
    if found is None:
        names = [step.name for step in execution.steps]
        hint = did_you_mean(name, names) or f"started so far: {', '.join(names) or 'none'}"
        raise UsageError(f"execution {execution_id(execution.arn)} has not started a step {name}", hint=hint)
    return found


def definition_of(clients: Clients, arn: str) -> dict[str, Any]:
    """The definition that the execution runs. Raises ServiceError."""
    with translated():
        text = clients.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    definition: dict[str, Any] = json.loads(text["PipelineDefinition"])
    return definition


def parameters_of(clients: Clients, arn: str) -> dict[str, str]:
    """The parameters that the execution was started with; the others have their defaults. Raises ServiceError."""
    with translated():
        pages = clients.sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=arn
        )
        return {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}


def exit_message(clients: Clients, step: StepView) -> str:
    """What a processing job's script said when it ended; empty for a step of another kind. Raises ServiceError."""
    if step.kind != "ProcessingJob" or not step.job_name:
        return ""
    with translated():
        return clients.sagemaker.describe_processing_job(ProcessingJobName=step.job_name).get("ExitMessage", "").strip()


def execution_id(arn: str) -> str:
    """The 12 characters that name the execution."""
    return arn.rpartition("/")[2]


def _step(item: PipelineExecutionStepTypeDef) -> StepView:
    metadata: dict[str, Any] = dict(item.get("Metadata", {}))
    kind = next(iter(metadata), "")
    return StepView(
        name=item.get("StepName", ""),
        status=item.get("StepStatus", ""),
        started=item.get("StartTime"),
        ended=item.get("EndTime"),
        attempts=item.get("AttemptCount", 1) or 1,
        cached_from=item.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", ""),
        taken_from=item.get("SelectiveExecutionResult", {}).get("SourcePipelineExecutionArn", ""),
        reason=item.get("FailureReason", ""),
        kind=kind,
        metadata=metadata.get(kind, {}),
    )


def note(step: StepView) -> str:
    """What is worth saying beside a step: reused, retried, the outcome of a condition, why it failed."""
    parts = []
    if step.cached_from:
        parts.append(f"reused from {step.cached_from.rpartition('/')[2]}")
    if step.taken_from:
        parts.append(f"not run, taken from {step.taken_from.rpartition('/')[2]}")
    if step.attempts > 1:
        parts.append(f"attempt {step.attempts}")
    if step.kind == "Condition" and step.metadata.get("Outcome"):
        parts.append(str(step.metadata["Outcome"]).lower())
    if step.reason:
        parts.append(" ".join(step.reason.split()))
    return visible(", ".join(parts))
