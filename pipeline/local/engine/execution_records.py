"""The records of one execution in the store: its own body, one row a step, and the events that each change sends.

A step has a row from the moment it is scheduled, so steps that never ran are never listed. Every change of a status is
committed before its event goes out.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final, Unpack

from pipeline.local.engine.readiness import StepNode
from pipeline.local.kinds import (
    EXECUTION,
    PIPELINE_VERSION,
    STEP,
    Body,
    ExecutionRecord,
    Iteration,
    StepChanges,
    StepRecord,
)
from pipeline.local.service_context import ServiceContext

_log: Final = logging.getLogger(__name__)


FAILURE: Final = "Step failure: One or multiple steps failed."
ENDED: Final = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
STEP_REASON_LIMIT: Final = 1024

_EXECUTION_EVENT: Final = "SageMaker Model Building Pipeline Execution Status Change"
_STEP_EVENT: Final = "SageMaker Model Building Pipeline Execution Step Status Change"


_STARTS: Final = 2
"""How often something may be taken up at a start that the service did not survive."""


class Poisonous(Exception):
    """The service went down each time that this was taken up."""

    def __init__(self) -> None:
        super().__init__(
            f"SageMaker on localhost went down at {_STARTS} starts while it took this up; it is not tried again."
        )


def iso(seconds: float) -> str:
    """Epoch seconds as AWS's JSON documents write them: `2021-03-15T16:10:11Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def definition_of(service: ServiceContext, execution: ExecutionRecord) -> Body:
    """The parsed definition that an execution runs: that of its version, whatever became of the pipeline."""
    version = service.store.get(PIPELINE_VERSION, f"{execution['_pipeline']}/{execution['PipelineVersionId']}")
    definition: Body = json.loads(version["PipelineDefinition"]) if version else {"Steps": []}
    return definition


class Records:
    """The rows of one execution."""

    def __init__(self, service: ServiceContext, arn: str) -> None:
        self.arn = arn
        self._service = service
        self._store = service.store

    def execution(self) -> ExecutionRecord:
        """The body of the execution. Raises KeyError if it was deleted."""
        body = self._store.get(EXECUTION, self.arn)
        if body is None:
            raise KeyError(self.arn)
        return body

    def take_up(self) -> ExecutionRecord:
        """The body of an execution that is taken up after a restart; `taken_up` says that it went well.

        Raises Poisonous.
        """
        with self._store.transaction():
            before = _counted(self.execution().get("_taking_up"))
            return self._store.merge(EXECUTION, self.arn, _taking_up=before + 1)

    def taken_up(self) -> None:
        """The execution runs: the service has survived that."""
        self._store.merge(EXECUTION, self.arn, _taking_up=None)

    def take_up_step(self, step: str) -> None:
        """As `take_up`, for one step. Raises Poisonous."""
        with self._store.transaction():
            self.note(step, _taking_up=_counted(self.row(step).get("_taking_up")) + 1)

    def step_taken_up(self, step: str) -> None:
        """As `taken_up`, for one step."""
        if "_taking_up" in self.row(step):
            self.note(step, _taking_up=None)

    def change(self, status: str) -> None:
        """Give the execution a status and say so to EventBridge."""
        self.announce(*self.set_status(status, None))

    def set_status(self, status: str, reason: str | None) -> tuple[ExecutionRecord, str]:
        """Give the execution a status; its body, and the status before, for `announce` once this is committed."""
        with self._store.transaction():
            previous = self.execution()["PipelineExecutionStatus"]
            now = self._service.clock.now()
            end = {"_end": now} if status in ENDED else {}
            body = self._store.merge(
                EXECUTION,
                self.arn,
                PipelineExecutionStatus=status,
                FailureReason=reason,
                LastModifiedTime=now,
                **end,
            )
        return body, previous

    def announce(self, body: ExecutionRecord, previous: str | None) -> None:
        """Send the event of an execution's status."""
        detail = {
            "pipelineExecutionDisplayName": body.get("PipelineExecutionDisplayName"),
            "currentPipelineExecutionStatus": body["PipelineExecutionStatus"],
            "previousPipelineExecutionStatus": previous,
            "executionStartTime": iso(body["CreationTime"]),
            "executionEndTime": iso(body["_end"]) if "_end" in body else None,
            "pipelineExecutionDescription": body.get("PipelineExecutionDescription"),
        }
        self._emit(_EXECUTION_EVENT, body["PipelineArn"], detail)

    def steps(self) -> dict[str, StepRecord]:
        """The rows of the steps that were scheduled, oldest first."""
        return {body["StepName"]: body for body in self._store.list(STEP, parent=self.arn)}

    def step(self, name: str) -> StepRecord | None:
        """The row of one step, or None if it was never scheduled."""
        return self._store.get(STEP, f"{self.arn}/{name}")

    def row(self, name: str) -> StepRecord:
        """The row of one step. Raises KeyError if it was never scheduled."""
        row = self.step(name)
        if row is None:
            raise KeyError(name)
        return row

    def begin(self, node: StepNode, iteration: Iteration | None = None) -> None:
        """Add the row of a step that is scheduled now."""
        body: StepRecord = {
            "StepName": node.name,
            "StartTime": self._service.clock.now(),
            "StepStatus": "Starting",
            "AttemptCount": 1,
            "Metadata": {},
            "_type": node.type,
        }
        if iteration:
            body["IterationContext"] = iteration
        if title := node.step.get("DisplayName"):
            body["StepDisplayName"] = title
        if text := node.step.get("Description"):
            body["StepDescription"] = text
        self._store.insert(STEP, f"{self.arn}/{node.name}", body, parent=self.arn)
        self._announce_step(body, None)

    def note(self, step: str, **members: Unpack[StepChanges]) -> StepRecord:
        """Set members of a step's row that are not its status."""
        return self._store.merge(STEP, f"{self.arn}/{step}", **members)

    def stopping(self) -> None:
        """Give the steps that execute the status Stopping; each ends when what it waits for has ended."""
        for step in self.steps():
            self.progress(step, "Stopping", only="Executing")

    def progress(
        self, step: str, status: str, *, only: str | None = None, **members: Unpack[StepChanges]
    ) -> StepRecord:
        """Give a step a status (if it has the status `only`) and say so to EventBridge.

        A status that ends it sets EndTime too.
        """
        with self._store.transaction():
            row = self.row(step)
            previous = row["StepStatus"]
            if only is not None and previous != only:
                return row
            if status in ENDED:
                members["EndTime"] = self._service.clock.now()
                members["_taking_up"] = None
            if members.get("FailureReason"):
                members["FailureReason"] = str(members["FailureReason"])[:STEP_REASON_LIMIT]
            members["StepStatus"] = status
            body = self.note(step, **members)
        _log.info("%s: step %s is %s", self.arn.rsplit("/", 1)[-1], step, status)
        self._announce_step(body, previous)
        return body

    def forget(self, steps: list[str]) -> None:
        """Remove the rows of steps, so that they can be run again."""
        with self._store.transaction():
            for step in steps:
                self._store.delete(STEP, f"{self.arn}/{step}")

    def _announce_step(self, body: StepRecord, previous: str | None) -> None:
        if previous == body["StepStatus"]:
            return
        detail = {
            "metadata": _camel(body.get("Metadata", {})),
            "stepStartTime": iso(body["StartTime"]),
            "stepEndTime": iso(body["EndTime"]) if "EndTime" in body else None,
            "stepName": body["StepName"],
            "stepType": body["_type"],
            "previousStepStatus": previous,
            "currentStepStatus": body["StepStatus"],
            "cacheHitResult": _camel(body["CacheHitResult"]) if "CacheHitResult" in body else None,
            "failureReason": body.get("FailureReason"),
        }
        self._emit(_STEP_EVENT, self.arn.split("/execution/")[0], detail)

    def _emit(self, detail_type: str, pipeline_arn: str, detail: Body) -> None:
        kept = {key: value for key, value in detail.items() if value is not None}
        kept |= {"pipelineArn": pipeline_arn, "pipelineExecutionArn": self.arn}
        self._service.events.emit(detail_type, [pipeline_arn, self.arn], kept)


def _counted(starts: int | None) -> int:
    if (starts or 0) >= _STARTS:
        raise Poisonous
    return starts or 0


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(item) for key, item in value.items()}
    return value
