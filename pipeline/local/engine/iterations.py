"""What later steps can ask of a ForEach step: its counts, the outputs of each iteration, the one that was selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.local.engine.records import Body

if TYPE_CHECKING:
    from pipeline.local.engine.scope import ExecutionScope


def iteration_outputs(scope: ExecutionScope, step: str) -> Body:
    """The properties of a ForEach step that ran. Raises KeyError."""
    row = scope.records.step(step)
    if row is None:
        raise KeyError(step)
    outputs: list[Body] = [{} for _ in row["_items"]]
    for child in scope.records.steps().values():
        context = child.get("IterationContext", {})
        if context.get("ParentStepName") == step and child["StepStatus"] == "Succeeded":
            body = child["StepName"].removesuffix(f"-{context['Index']}")
            outputs[context["Index"]][body] = scope.properties(child["StepName"])
    metadata: Body = row["Metadata"]["ForEach"]
    selected = metadata.get("Selector")
    more = {"Selected": scope.properties(selected["StepName"])} if selected else {}
    return metadata | {"IterationOutputs": outputs} | more
