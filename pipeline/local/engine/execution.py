"""The engine: starts, stops and takes up executions; each runs in a thread of its own (`scheduler`)."""

from __future__ import annotations

import threading

from pipeline.local import threads
from pipeline.local.engine.execution_records import ENDED
from pipeline.local.engine.scheduler import Run
from pipeline.local.kinds import EXECUTION
from pipeline.local.service_context import ServiceContext


class Engine:
    """Runs the executions that are in the store."""

    def __init__(self, service: ServiceContext) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._held: set[str] = set()
        self._closed = False
        self.admission = threading.Lock()
        """Held from the look at how many run until one more does."""

    @property
    def running(self) -> int:
        """How many executions run now."""
        with self._lock:
            return len(self._runs)

    def start(self, arn: str, *, resumed: bool = False) -> None:
        """Run an execution that is stored as Executing (new, retried, or interrupted and so `resumed`)."""
        with self._lock:
            if self._closed or arn in self._runs:
                return
            run = self._runs[arn] = Run(self._service, arn, self._leave, resumed=resumed)
            self._service.starter.start(run.thread)

    def stop(self, arn: str) -> None:
        """Stop an execution that is stored as Stopping; it ends Stopped when its steps have.

        One that is held is taken up for its end.
        """
        with self._lock:
            run, held = self._runs.get(arn), arn in self._held
            self._held.discard(arn)
        if run is not None:
            run.stop()
        elif held:
            self.start(arn, resumed=True)

    def update(self, arn: str) -> None:
        """Look again at an execution whose settings have changed."""
        with self._lock:
            run = self._runs.get(arn)
        if run is not None:
            run.wake()

    def recover(self, *, hold: bool = False) -> None:
        """Take up every execution that has not ended; with `hold` leave each as it is until it is stopped."""
        for body in self._service.store.list(EXECUTION):
            if body["PipelineExecutionStatus"] not in ENDED:
                if hold:
                    self._held.add(body["PipelineExecutionArn"])
                else:
                    self.start(body["PipelineExecutionArn"], resumed=True)

    def close(self) -> None:
        """Leave all executions as they are in the store and end their threads."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.close()
        for run in runs:
            threads.join(run.thread, 10)

    def _leave(self, run: Run) -> None:
        """Called before the last status is written: from then on the execution may be retried."""
        with self._lock:
            if self._runs.get(run.arn) is run:
                del self._runs[run.arn]
