"""One execution while it runs: a thread that decides which steps start, and a thread for each step that does.

The scheduler sleeps until a step ends, someone stops or changes the execution, or the service goes down. All it knows
is in the store, so a restart or a retry takes an execution up where it was.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

from pipeline.limits import Row
from pipeline.local import disk, threads
from pipeline.local.engine import pipeline_experiment
from pipeline.local.engine.execution_records import ENDED, FAILURE, Poisonous, Records, definition_of
from pipeline.local.engine.readiness import NEVER, Decision, ExecutionGraph, StepNode
from pipeline.local.engine.scope import ExecutionScope
from pipeline.local.engine.step_executors import run_step
from pipeline.local.engine.step_run import Halt, StepRun
from pipeline.local.kinds import ExecutionRecord, StepRecord
from pipeline.local.service_context import ServiceContext

_log: Final = logging.getLogger(__name__)

PARITY: Final = (
    Row(
        area="pipelines",
        subject="steps that do not depend on a failed step and have not started",
        here="still started; after a Fail step nothing new is",
        aws="steps that run at the time go on; whether others are started is not established",
    ),
    Row(
        area="pipelines",
        subject="executions that run when the service goes down",
        here="taken up at the next start; a job that went down with the service is made once more; what was being taken"
        " up when the service went down at two starts is Failed, with a reason",
        aws="does not arise",
    ),
)


class Run:
    """One execution while it runs; `leave` is called when it is about to end."""

    def __init__(
        self, service: ServiceContext, arn: str, leave: Callable[[Run], None], *, resumed: bool = False
    ) -> None:
        self.arn = arn
        self._resumed = resumed
        self.thread = threading.Thread(target=self._main, name=arn.rsplit("/", 1)[-1], daemon=True)
        self._service = service
        self._leave = leave
        self._halt = Halt()
        self._news: queue.SimpleQueue[tuple[str, str | None] | None] = queue.SimpleQueue()
        self._running: dict[str, threading.Thread] = {}
        self._settled: dict[str, str] = {}
        self._outcomes: dict[str, bool] = {}
        self._records = Records(service, arn)

    def wake(self) -> None:
        """Make the scheduler look again."""
        self._news.put(None)

    def stop(self) -> None:
        """Start nothing more, and stop what runs."""
        self._halt.stop()
        self._records.stopping()
        self._service.store.wake()
        self.wake()

    def close(self) -> None:
        """End the threads of this execution without a word in the store."""
        self._halt.close()
        self._service.store.wake()
        self.wake()

    def _main(self) -> None:
        try:
            self._prepare()
            self._schedule()
        except Poisonous as error:
            self._finish("Failed", f"InternalServerError: {error}")
        except Exception as error:
            # Whatever goes wrong here, the execution must not hang in Executing.
            if not self._halt.closing.is_set():
                _log.exception("execution %s", self._records.arn)
                self._finish("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        for thread in list(self._running.values()):
            threads.join(thread, 5)

    def _prepare(self) -> None:
        execution = self._records.take_up() if self._resumed else self._records.execution()
        if execution["PipelineExecutionStatus"] == "Stopping":
            self._halt.stop()
            self._records.stopping()
        graph = ExecutionGraph.of(definition_of(self._service, execution))
        selected = execution.get("_selected")
        self._graph = graph if selected is None else graph.selected(selected)
        self._scope = ExecutionScope(self._service, execution, graph, self._records)
        pipeline_experiment.open_trial(self._service, execution)
        rows = self._records.steps()
        for name, row in rows.items():
            if "IterationContext" in row:
                continue  # its ForEach step sees to it
            if row["StepStatus"] in ENDED:
                self._settle(name, row["StepStatus"], row)
            else:
                self._launch(self._graph.nodes[name], resumed=True)
        if selected is not None:
            for name in self._graph.nodes.keys() - rows.keys() - set(selected):
                self._settled[name] = NEVER
        if self._resumed:
            self._records.taken_up()

    def _schedule(self) -> None:
        while not self._halt.closing.is_set():
            if not self._halt.stopping.is_set():
                self._launch_ready()
            if not self._running:
                self._finish(*self._verdict())
                return
            news = self._news.get()
            if news is not None:
                name, status = news
                del self._running[name]
                if status is not None:
                    self._settle(name, status, self._records.row(name))

    def _settle(self, name: str, status: str, row: StepRecord) -> None:
        self._settled[name] = status
        if row["_type"] == "Condition" and status == "Succeeded":
            self._outcomes[name] = bool(row["_properties"]["Outcome"])

    def _launch_ready(self) -> None:
        if any(self._graph.nodes[name].type == "Fail" for name, status in self._settled.items() if status != NEVER):
            return
        limit = self._records.execution().get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        for name in self._ready():
            if limit is not None and len(self._running) >= limit:
                return
            node = self._graph.nodes[name]
            self._records.begin(node)
            self._launch(node, resumed=False)

    def _ready(self) -> list[str]:
        """The steps that can start now, in the order of the definition; settles those that never will."""
        while True:
            ready, changed = [], False
            for name in self._graph.nodes:
                if name in self._settled or name in self._running:
                    continue
                match self._graph.decide(name, self._settled, self._outcomes):
                    case Decision.RUN:
                        ready.append(name)
                    case Decision.NEVER:
                        self._settled[name] = NEVER
                        changed = True
            if not changed:
                return ready

    def _launch(self, node: StepNode, *, resumed: bool) -> None:
        run = StepRun(self._service, node, self._records, self._scope, self._halt, run_step, resumed)

        def main() -> None:
            status: str | None = None
            try:
                status = run_step(run)
            finally:
                self._news.put((node.name, status))

        thread = threading.Thread(target=main, name=f"{self.thread.name}/{node.name}", daemon=True)
        self._running[node.name] = thread
        self._service.starter.start(thread)

    def _verdict(self) -> tuple[str, str | None]:
        failed = [name for name, status in self._settled.items() if status in ("Failed", "Stopped")]
        if self._halt.stopping.is_set():
            timed_out = any(
                self._graph.nodes[name].type == "Lambda" for name in failed if self._settled[name] == "Failed"
            )
            return ("Failed", FAILURE) if timed_out else ("Stopped", None)
        if not failed:
            return "Succeeded", None
        if all(self._handled(name) for name in failed):
            return "CompletedWithFailures", FAILURE
        return "Failed", FAILURE

    def _handled(self, failed: str) -> bool:
        """Whether a step ran because this one failed or was stopped."""
        triggers = ("Any", self._settled[failed])
        return any(
            node.waits.get(failed) in triggers and self._settled.get(name, NEVER) != NEVER
            for name, node in self._graph.nodes.items()
        )

    def _finish(self, status: str, reason: str | None) -> None:
        self._leave(self)
        ended = disk.once_there_is_room(lambda: self._end(status, reason), closed=self._halt.closing.is_set)
        self._records.announce(*ended)

    def _end(self, status: str, reason: str | None) -> tuple[ExecutionRecord, str]:
        with self._service.store.transaction():
            stopping = self._records.execution()["PipelineExecutionStatus"] == "Stopping"
            if stopping and not self._halt.stopping.is_set():
                status, reason = "Stopped", None  # the stop came when all steps had ended
            return self._records.set_status(status, reason)
