"""One run of one step: what a runner of a step type gets to work with, and what it answers.

A runner ends with `Ended`, or raises: EvaluationError fails the step, `Closing` leaves it as it is in the store, to be
taken up again when the service is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, Unpack

from pipeline.local.engine.execution_records import Records
from pipeline.local.engine.readiness import StepNode
from pipeline.local.engine.scope import ExecutionScope
from pipeline.local.kinds import Body, ExecutionRecord, StepChanges, StepRecord
from pipeline.local.service_context import ServiceContext
from pipeline.local.store import Key

T = TypeVar("T")


class Closing(Exception):
    """The service goes down; the step is neither done nor failed."""


@dataclass
class Halt:
    """How the threads of an execution learn that it is to stop, or that the service goes down."""

    stopping: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    either: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Someone called StopPipelineExecution."""
        self.stopping.set()
        self.either.set()

    def close(self) -> None:
        """The service goes down."""
        self.closing.set()
        self.either.set()


@dataclass(frozen=True)
class Ended:
    """How an attempt ended; `exception` is the type that retry policies know it by."""

    status: str
    reason: str | None = None
    exception: str | None = None
    members: StepChanges = field(default_factory=StepChanges)


@dataclass(frozen=True)
class StepRun:
    """One step of one execution, about to run or taken up again after a restart (`resumed`)."""

    service: ServiceContext
    node: StepNode
    records: Records
    scope: ExecutionScope
    halt: Halt
    run_child: Callable[[StepRun], str | None]
    """Runs a step of a body, and answers its status; None if the service goes down."""
    resumed: bool = False

    @property
    def execution(self) -> ExecutionRecord:
        """The body of the execution as it was when it started."""
        return self.scope.execution

    @property
    def arn(self) -> str:
        """The ARN of the execution."""
        return self.records.arn

    @property
    def arguments(self) -> Body:
        """The step's arguments as the definition has them."""
        return self.node.step.get("Arguments") or {}

    @property
    def row(self) -> StepRecord:
        """The step's row as it is now."""
        return self.records.row(self.node.name)

    @property
    def stopping(self) -> bool:
        """Whether the execution is to stop."""
        return self.halt.stopping.is_set()

    def note(self, **members: Unpack[StepChanges]) -> None:
        """Set members of the step's row."""
        self.records.note(self.node.name, **members)

    def progress(self, status: str, **members: Unpack[StepChanges]) -> None:
        """Set the step's status."""
        self.records.progress(self.node.name, status, **members)

    def wait(self, until: Callable[[], T | None], *, of: Key) -> T:
        """Wait for commits to one resource until `until` answers something. Raises Closing."""
        self.survived()

        def look() -> tuple[T | None] | None:
            if self.halt.closing.is_set():
                return (None,)
            answer = until()
            return None if answer is None else (answer,)

        while True:
            found = self.service.store.wait(look, 3600, of=of)
            if found is not None:
                if found[0] is None:
                    raise Closing
                return found[0]

    def survived(self) -> None:
        """The step is past all that comes from its user's hand, where it may have taken the service down before."""
        if self.resumed:
            self.records.step_taken_up(self.node.name)

    def pause(self, seconds: float) -> None:
        """Wait before a retry, but not longer than until the execution is to stop. Raises Closing."""
        self.survived()
        self.halt.either.wait(seconds)
        if self.halt.closing.is_set():
            raise Closing
