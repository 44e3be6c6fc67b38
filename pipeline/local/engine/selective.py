"""Selective execution: some steps run, what they need of others comes from an earlier execution."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api_errors import ResourceNotFound, ValidationException
from pipeline.local.engine.execution_records import ENDED
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.kinds import EXECUTION, STEP, Body, StepRecord
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="pipelines",
        subject="selective execution of a step in a branch whose Condition is not selected",
        here="runs, whatever the Condition said in the source execution",
        aws="not established",
    ),
)


def select(
    service: ServiceContext, pipeline: str, graph: ExecutionGraph, config: Body
) -> tuple[list[str], list[StepRecord]]:
    """The selected steps, and the rows of the earlier steps that they reuse. Raises ValidationException."""
    selected = [str(item["StepName"]) for item in config["SelectedSteps"]]
    if unknown := [name for name in selected if name not in graph.nodes]:
        raise ValidationException(f"Invalid SelectedSteps: the pipeline has no steps [{', '.join(unknown)}].")
    if len(set(selected)) < len(selected):
        raise ValidationException("Invalid SelectedSteps: a step is named more than once.")
    _connected(graph, selected)
    source = config.get("SourcePipelineExecutionArn")
    direct = sorted({step for name in selected for step in graph.nodes[name].waits} - set(selected))
    if not source:
        if direct:
            raise ValidationException(
                f"Invalid SourcePipelineExecutionArn: null. The selected steps [{', '.join(selected)}] have"
                f" dependencies on [{', '.join(direct)}]"
            )
        return selected, []
    rows = _source_rows(service, pipeline, source)
    if missing := [name for name in direct if name not in rows]:
        raise ValidationException(
            f"Invalid SourcePipelineExecutionArn: {source}. The steps [{', '.join(missing)}], which the selected steps"
            f" [{', '.join(selected)}] depend on, did not succeed in it"
        )
    above = {step for name in selected for step in graph.above(name)} - set(selected)
    reused = [row for row in rows.values() if _whole_step(row) in above]
    for row in reused:
        row["SelectiveExecutionResult"] = {"SourcePipelineExecutionArn": source}
    return selected, reused


def _whole_step(row: StepRecord) -> str:
    """The step of the definition that a row belongs to: a child of a ForEach step belongs to it."""
    return row["IterationContext"]["ParentStepName"] if "IterationContext" in row else row["StepName"]


def _connected(graph: ExecutionGraph, selected: list[str]) -> None:
    """Every step on a path between two selected ones must be selected."""
    for name in selected:
        between = {
            step for step in graph.above(name) - set(selected) if any(other in selected for other in graph.above(step))
        }
        if between:
            raise ValidationException(
                f"Invalid SelectedSteps: the steps [{', '.join(sorted(between))}] lie between selected steps and"
                " must be selected too."
            )


def _source_rows(service: ServiceContext, pipeline: str, source: str) -> dict[str, StepRecord]:
    execution = service.store.get(EXECUTION, source)
    if execution is None or execution["_pipeline"] != pipeline:
        raise ResourceNotFound(f"Pipeline execution '{source}' does not exist in pipeline {pipeline}.")
    if execution["PipelineExecutionStatus"] not in ENDED:
        status = execution["PipelineExecutionStatus"]
        raise ValidationException(
            f"Invalid SourcePipelineExecutionArn: {source}. Its status is {status}; it must have ended"
        )
    rows = service.store.list(STEP, parent=source)
    return {row["StepName"]: row for row in rows if row["StepStatus"] == "Succeeded"}
