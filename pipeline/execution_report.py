"""Everything worth knowing of one execution, gathered once as data; how it is shown is others' work.

Reads the execution, its parameters, figures and outputs through the API, on AWS and on localhost alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import results
from pipeline.clients import Clients, translated
from pipeline.executions import Snapshot, StepView, definition_of, execution_id, snapshot


@dataclass(frozen=True)
class Report:
    """One execution: what it was given, what its steps did, what came out."""

    pipeline: str
    execution: Snapshot
    name: str
    started: datetime
    ended: datetime | None
    parameters: Mapping[str, str]
    definition: Mapping[str, Any]
    metrics: Mapping[str, Any]
    gates: tuple[results.Gate, ...]
    outputs: tuple[results.Output, ...]

    def as_json(self) -> str:
        """The report as one JSON object, without the definition and the curves."""
        document = {
            "pipeline": self.pipeline,
            "execution": self.execution.arn,
            "name": self.name,
            "status": self.execution.status,
            "reason": self.execution.reason,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "parameters": dict(self.parameters),
            "steps": [_step(step) for step in self.execution.steps],
            "gates": [vars(gate) for gate in self.gates],
            "outputs": [vars(output) for output in self.outputs],
        }
        return json.dumps(document, indent=2)

    def as_text(self) -> str:
        """The report as lines for a terminal."""
        lines = [
            f"{self.pipeline}, execution {execution_id(self.execution.arn)}: {self.execution.status}",
            f"started {self.started.isoformat(sep=' ', timespec='seconds')}",
        ]
        lines += [f"reason: {self.execution.reason}"] if self.execution.reason else []
        lines += _section("parameters given", (f"{name} = {value}" for name, value in self.parameters.items()))
        now = self.ended or self.started
        lines += _section(
            "steps", (f"{s.name:<18} {s.status:<10} {s.seconds(now):6.1f} s" for s in self.execution.steps)
        )
        lines += _section(
            "gate", (f"{g.metric:<12} {g.value:.4f}, {g.side} {g.threshold:g} ({g.parameter})" for g in self.gates)
        )
        lines += _section("outputs", (f"{o.step:<18} {o.name:<12} {o.uri}" for o in self.outputs))
        return "\n".join(lines)


def gather(clients: Clients, arn: str) -> Report:
    """The report of an execution as it is now. Raises ServiceError."""
    now = snapshot(clients, arn)
    with translated():
        described = clients.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        pages = clients.sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=arn
        )
        given = {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}
    definition = definition_of(clients, arn)
    outputs = results.outputs(clients, now)
    metrics = results.evaluation(clients, outputs) or {}
    return Report(
        pipeline=described["PipelineArn"].rpartition("/")[2],
        execution=now,
        name=described.get("PipelineExecutionDisplayName", ""),
        started=described["CreationTime"],
        ended=described["LastModifiedTime"] if now.done else None,
        parameters=given,
        definition=definition,
        metrics=metrics,
        gates=results.gates(definition, given, metrics),
        outputs=outputs,
    )


def _step(step: StepView) -> dict[str, Any]:
    return {
        "name": step.name,
        "status": step.status,
        "started": step.started.isoformat() if step.started else None,
        "ended": step.ended.isoformat() if step.ended else None,
        "attempts": step.attempts,
        "cached_from": step.cached_from,
        "job": step.job_name,
        "reason": step.reason,
    }


def _section(title: str, items: Any) -> list[str]:
    lines = [f"  {item}" for item in items]
    return ["", f"{title}:", *lines] if lines else []
