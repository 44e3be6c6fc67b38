"""The ForEach step: its body runs once for each item, as child steps named `<body step>-<index>`.

Children are steps of the execution like others, with a row of their own that says which iteration they belong to; what
succeeded is kept over a restart or a retry. An item that is the text of a JSON object can be asked for its members.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pipeline.definition import loops
from pipeline.definition.expression_values import EvaluationError, evaluate, render
from pipeline.definition.paths import PathError, lookup, parse
from pipeline.limits import Row
from pipeline.local.engine.execution_records import ENDED
from pipeline.local.engine.readiness import Decision, ExecutionGraph
from pipeline.local.engine.step_run import Closing, Ended, StepRun
from pipeline.local.kinds import Body, Iteration

if TYPE_CHECKING:
    from pipeline.local.engine.scope import ExecutionScope

PARITY: Final = (
    Row(
        area="pipelines",
        subject="ForEach: a child that fails; MaxParallelExecutionSteps",
        here="other iterations go on, then the step fails; the step counts as one, its children by MaxConcurrency",
        aws="not established",
    ),
)

_ITEM_LIMIT: Final = 12_800
_MOST_AT_ONCE: Final = 50
_LOOK_SECONDS: Final = 1.0


def run_for_each(run: StepRun) -> Ended:
    """Run all children and count them."""
    run.progress("Executing")
    items = run.row.get("_items")
    if items is None:
        items = loops.items(evaluate(run.arguments.get("IterableItems"), run.scope))
        run.note(_items=items)
    run.survived()
    iterations = [ExecutionGraph.of({"Steps": loops.iteration(run.node.step, index)}) for index in range(len(items))]
    graph = ExecutionGraph({name: node for one in iterations for name, node in one.nodes.items()})
    index = {name: index for index, one in enumerate(iterations) for name in one.nodes}
    scope = replace(run.scope, graph=ExecutionGraph({**run.scope.graph.nodes, **graph.nodes}))
    ended = _Children(run, graph, scope, items, index).run()
    return _outcome(run, ended, len(items))


class _Children:
    """The children of one ForEach step while they run."""

    def __init__(
        self, run: StepRun, graph: ExecutionGraph, scope: ExecutionScope, items: list[Any], index: dict[str, int]
    ) -> None:
        self._run = run
        self._graph = graph
        self._scope = scope
        self._items = items
        self._index = index
        self._limit = min(int(run.arguments.get("MaxConcurrency") or 1), _MOST_AT_ONCE)
        self._settled: dict[str, str] = {}
        self._running: dict[str, threading.Thread] = {}
        self._news: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()

    def run(self) -> dict[str, str]:
        """How each child ended. Raises Closing."""
        for name, row in self._run.records.steps().items():
            if name not in self._graph.nodes:
                continue
            if row["StepStatus"] in ENDED:
                self._settled[name] = row["StepStatus"]
            else:
                self._launch(name, resumed=True)
        while True:
            if not self._run.halt.either.is_set():
                self._launch_ready()
            if not self._running:
                break
            self._collect()
        if self._run.halt.closing.is_set():
            raise Closing
        return self._settled

    def _launch_ready(self) -> None:
        for name, node in self._graph.nodes.items():
            if name in self._settled or name in self._running:
                continue
            decision = self._graph.decide(name, self._settled, {})
            if decision is Decision.NEVER:
                self._settled[name] = "Never"
            elif decision is Decision.RUN and len(self._running) < self._limit:
                index = self._index[name]
                context: Iteration = {
                    "ParentStepName": self._run.node.name,
                    "Index": index,
                    "Item": render(self._items[index])[:_ITEM_LIMIT],
                }
                self._run.records.begin(node, context)
                self._launch(name, resumed=False)

    def _launch(self, name: str, *, resumed: bool) -> None:
        scope = replace(self._scope, item=(self._items[self._index[name]],))
        child = replace(self._run, node=self._graph.nodes[name], scope=scope, resumed=resumed)

        def main() -> None:
            status: str | None = None
            try:
                status = child.run_child(child)
            finally:
                self._news.put((name, status))

        thread = threading.Thread(target=main, name=f"{threading.current_thread().name}/{name}", daemon=True)
        self._running[name] = thread
        self._run.service.starter.start(thread)

    def _collect(self) -> None:
        try:
            name, status = self._news.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if self._run.halt.closing.is_set():  # what could not be started until now never will be
                self._running = {name: thread for name, thread in self._running.items() if thread.ident is not None}
            return
        del self._running[name]
        if status is not None:
            self._settled[name] = status


def _outcome(run: StepRun, ended: dict[str, str], items: int) -> Ended:
    statuses = list(ended.values())
    counts = {status: statuses.count(status) for status in ("Succeeded", "Failed", "Stopped")}
    status = "Failed" if counts["Failed"] else "Stopped" if counts["Stopped"] or run.stopping else "Succeeded"
    metadata: Body = {
        "Status": status,
        "InputItemCount": items,
        "TotalStepCount": sum(counts.values()),
        "SucceededStepCount": counts["Succeeded"],
        "FailedStepCount": counts["Failed"],
        "StoppedStepCount": counts["Stopped"],
    }
    selector = run.arguments.get("Selector")
    if selector and status == "Succeeded" and items:
        metadata["Selector"] = _selected(run, selector, items)
    reason = f"ClientError: {counts['Failed']} of {len(statuses)} iteration steps failed." if counts["Failed"] else None
    return Ended(status, reason, members={"Metadata": {"ForEach": metadata}})


def _selected(run: StepRun, selector: Body, items: int) -> Body:
    """The child whose field is the greatest or least; the first of equals. Raises EvaluationError."""
    path = str((selector.get("Field") or {}).get("Get"))
    body = path.removeprefix("IterationOutput.").split(".", 1)[0].split("[", 1)[0]
    rest = path.removeprefix(f"IterationOutput.{body}")
    try:
        values = [float(lookup(run.scope.properties(f"{body}-{index}"), parse(rest))) for index in range(items)]
    except (KeyError, PathError, TypeError, ValueError):
        raise EvaluationError(f"{{'Get': '{path}'}} is no number in every iteration.") from None
    best = max(values) if selector.get("Pick") == "MaxBy" else min(values)
    return {"StepName": f"{body}-{values.index(best)}", "Index": values.index(best)}
