"""The engine: starts, stops and takes up executions; each runs in a thread of its own (`scheduler`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pipeline.local.engine.records import ENDED, EXECUTION
from pipeline.local.engine.scheduler import Run

if TYPE_CHECKING:
    from pipeline.local.service import Service


class Engine:
    """Runs the executions that are in the store."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._closed = False
        self.admission = threading.Lock()
        """Held from the look at how many run until one more does."""

    @property
    def running(self) -> int:
        """How many executions run now."""
        with self._lock:
            return len(self._runs)

    def start(self, arn: str) -> None:
        """Run an execution that is stored as Executing (new, retried or interrupted)."""
        with self._lock:
            if self._closed or arn in self._runs:
                return
            run = Run(self._service, arn, self._leave)
            run.thread.start()
            self._runs[arn] = run

    def stop(self, arn: str) -> None:
        """Stop an execution that is stored as Stopping; it ends Stopped when its steps have."""
        with self._lock:
            run = self._runs.get(arn)
        if run is not None:
            run.stop()

    def update(self, arn: str) -> None:
        """Look again at an execution whose settings have changed."""
        with self._lock:
            run = self._runs.get(arn)
        if run is not None:
            run.wake()

    def recover(self) -> None:
        """Take up every execution that has not ended."""
        for body in self._service.store.list(EXECUTION):
            if body["PipelineExecutionStatus"] not in ENDED:
                self.start(body["PipelineExecutionArn"])

    def close(self) -> None:
        """Leave all executions as they are in the store and end their threads."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.close()
        for run in runs:
            run.thread.join(10)

    def _leave(self, run: Run) -> None:
        """Called before the last status is written: from then on the execution may be retried."""
        with self._lock:
            if self._runs.get(run.arn) is run:
                del self._runs[run.arn]
