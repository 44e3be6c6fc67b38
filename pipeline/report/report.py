"""Everything worth knowing of one execution, gathered once as data, with its JSON and its lines for a terminal.

Markdown and HTML have modules of their own. It is read through the API, on AWS and on localhost alike: the execution,
its parameters, figures and outputs, and the model approved last in the same group, which a new one is measured by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions import execution_results
from pipeline.executions.execution_snapshot import (
    ExecutionSnapshot,
    StepView,
    definition_of,
    execution_id,
    parameters_of,
    snapshot,
)
from pipeline.executions.outcome import explain
from pipeline.operate import model_registry
from pipeline.operate.model_registry import RegisteredModel
from pipeline.report.links import Links
from pipeline.service_errors import translated


@dataclass(frozen=True)
class Figure:
    """One figure of the evaluation, beside its threshold and the approved model's, as far as there are any."""

    name: str
    value: float
    gate: execution_results.GateResult | None = None
    approved: float | None = None

    @property
    def difference(self) -> float | None:
        """How much more it is than the approved model's."""
        return None if self.approved is None else self.value - self.approved


@dataclass(frozen=True)
class Report:
    """One execution: what it was given, what its steps did, what came out."""

    pipeline: str
    execution: ExecutionSnapshot
    name: str
    started: datetime
    ended: datetime | None
    until: datetime
    """Its end, or for one that runs the moment at which it was looked at."""
    parameters: Mapping[str, str]
    definition: Mapping[str, Any]
    metrics: Mapping[str, Any]
    gates: tuple[execution_results.GateResult, ...]
    outputs: tuple[execution_results.Output, ...]
    links: Links
    failure: str = ""
    """Why it did not succeed, with what the failed step's job said; empty if it did, or still runs."""
    registered: str = ""
    """The ARN of the model package that it registered."""
    approved: RegisteredModel | None = None
    """The latest approved model of the group, this execution's own left out."""
    figures: tuple[Figure, ...] = ()
    compared: str = ""
    """How it stands against the approved model, where the pipeline compares the two."""
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ... of a classifier."""

    @property
    def id(self) -> str:
        """The 12 characters that name the execution."""
        return execution_id(self.execution.arn)

    def as_json(self) -> str:
        """The report as one JSON object, without the definition and the curves."""
        document = {
            "pipeline": self.pipeline,
            "execution": self.execution.arn,
            "name": self.name,
            "status": self.execution.status,
            "outcome": self.execution.outcome,
            "reason": self.failure or self.execution.reason,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "parameters": dict(self.parameters),
            "steps": [_step(step) for step in self.execution.steps],
            "gates": [vars(gate) for gate in self.gates],
            "figures": {figure.name: figure.value for figure in self.figures},
            "registered": self.registered,
            "approved": {"model": self.approved.arn, "figures": dict(self.approved.figures)} if self.approved else None,
            "compared": self.compared,
            "outputs": [vars(output) for output in self.outputs],
        }
        return json.dumps(document, indent=2)

    def as_text(self) -> str:
        """The report as lines for a terminal."""
        lines = [
            f"{self.pipeline}, execution {self.id}: {self.execution.outcome}",
            f"started {self.started.isoformat(sep=' ', timespec='seconds')}",
        ]
        reason = self.failure or self.execution.reason
        lines += [f"reason: {reason}"] if reason else []
        lines += _section("parameters given", (f"{name} = {value}" for name, value in self.parameters.items()))
        lines += _section(
            "steps", (f"{s.name:<18} {s.outcome:<10} {s.seconds(self.until):6.1f} s" for s in self.execution.steps)
        )
        lines += _section("gate", map(_held, self.gates))
        lines += ["", self.compared] if self.compared else []
        lines += _section("outputs", (f"{o.step:<18} {o.name:<12} {o.uri}" for o in self.outputs))
        return "\n".join(lines)


def gather(clients: Clients, arn: str, *, now: datetime) -> Report:
    """The report of an execution as it is `now`. Raises ServiceError."""
    execution = snapshot(clients, arn)
    with translated():
        described = clients.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    definition, given = definition_of(clients, arn), parameters_of(clients, arn)
    outputs = execution_results.outputs(clients, execution)
    metrics = execution_results.evaluation(clients, outputs) or {}
    comparison = execution_results.comparison(clients, outputs)
    gates = execution_results.gates(definition, given, metrics | comparison)
    registered = next((str(s.metadata.get("Arn", "")) for s in execution.steps if s.kind == "RegisterModel"), "")
    group = _group(registered, definition, given)
    approved = _approved(clients, comparison, group, registered)
    error = explain(clients, execution) if execution.done else None
    ended = described["LastModifiedTime"] if execution.done else None
    pipeline = described["PipelineArn"].rpartition("/")[2]
    return Report(
        pipeline=pipeline,
        execution=execution,
        name=described.get("PipelineExecutionDisplayName", ""),
        started=described["CreationTime"],
        ended=ended,
        until=ended or now,
        parameters=given,
        definition=definition,
        metrics=metrics,
        gates=gates,
        outputs=outputs,
        links=Links(clients.target, pipeline, arn),
        failure=error.message if error else "",
        registered=registered,
        approved=approved,
        figures=figures(execution_results.figures_of(metrics), gates, approved),
        compared=str(comparison.get("verdict", {}).get("value", "")),
        classes=execution_results.classes(clients, outputs),
    )


def figures(
    values: Mapping[str, float], gates: Iterable[execution_results.GateResult], approved: RegisteredModel | None
) -> tuple[Figure, ...]:
    """The figures of an evaluation, the gated ones first in the gate's order."""
    gate_of = {gate.metric: gate for gate in gates}
    names = [*gate_of, *(name for name in values if name not in gate_of)]
    before = approved.figures if approved else {}
    return tuple(Figure(name, values[name], gate_of.get(name), before.get(name)) for name in names if name in values)


def _approved(clients: Clients, comparison: Mapping[str, Any], group: str, registered: str) -> RegisteredModel | None:
    """The approved model beside the figures: the one compared with, as it did on the same rows, or the latest."""
    if held := comparison.get("approved"):
        try:
            model = model_registry.describe(clients, held["arn"], figures=True)
        except ServiceError:  # it has been removed since
            return None
        same_rows = {name: item["approved"] for name, item in comparison["figures"].items()}
        return replace(model, figures={**model.figures, **same_rows})
    return model_registry.latest_approved(clients, group, besides=registered) if group else None


def _group(registered: str, definition: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """The model package group: of what was registered, else of the parameter that says where to."""
    if registered:
        return registered.split(":model-package/")[-1].partition("/")[0]
    defaults = {item["Name"]: item.get("DefaultValue") for item in definition.get("Parameters", [])}
    return str(given.get("ModelPackageGroupName") or defaults.get("ModelPackageGroupName") or "")


def _step(step: StepView) -> dict[str, Any]:
    return {
        "name": step.name,
        "status": step.status,
        "outcome": step.outcome,
        "started": step.started.isoformat() if step.started else None,
        "ended": step.ended.isoformat() if step.ended else None,
        "attempts": step.attempts,
        "cached_from": step.cached_from,
        "job": step.job_name,
        "reason": step.reason,
    }


def _held(gate: execution_results.GateResult) -> str:
    held = "met" if gate.passed else "missed"
    return f"{gate.metric:<12} {gate.value:.4f}, {gate.side} {gate.threshold:g} ({gate.parameter}): {held}"


def _section(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"  {item}" for item in items]
    return ["", f"{title}:", *lines] if lines else []
