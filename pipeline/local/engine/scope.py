"""The scope of a step's expressions, where they find their values: parameters, execution, steps that ran, S3.

The properties of a step are what its resource's Describe action answers, so a reference sees exactly what a client
would see; after a cache hit that is the resource of the earlier run. `definition.expression_values` puts them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.definition.expression_values import EvaluationError
from pipeline.definition.paths import Part, lookup
from pipeline.limits import Row
from pipeline.local.api_errors import ApiError
from pipeline.local.engine.execution_records import Records
from pipeline.local.engine.json_paths import MOST, json_value
from pipeline.local.engine.readiness import ExecutionGraph
from pipeline.local.engine.resources import RESOURCES
from pipeline.local.kinds import Body, ExecutionRecord
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="pipelines",
        subject="Execution.StartDateTime, Execution.CurrentDateTime",
        here="ISO 8601 in UTC with milliseconds, e.g. 2026-01-31T12:00:00.000Z",
        aws="format not established",
    ),
)


@dataclass(frozen=True)
class ExecutionScope:
    """The scope of one execution; `job` is the name of the job that the step is about to create."""

    service: ServiceContext
    execution: ExecutionRecord
    graph: ExecutionGraph
    records: Records
    job: str | None = None
    job_type: str | None = None
    item: tuple[Any, ...] = ()
    """The item of the iteration, within a ForEach step."""

    def creating(self, job_type: str, job: str) -> ExecutionScope:
        """The same scope while a step of this type creates a job of this name."""
        return replace(self, job=job, job_type=job_type)

    def parameter(self, name: str) -> Any:
        """The typed value of a pipeline parameter. Raises KeyError."""
        return self.execution["_values"][name]

    def variable(self, name: str) -> str:
        """An execution variable. Raises KeyError."""
        if self.job is not None and name == f"{self.job_type}JobName":
            return self.job
        if name == "CurrentDateTime":
            return _time(self.service.clock.now())
        return {
            "StartDateTime": _time(self.execution["CreationTime"]),
            "PipelineName": str(self.execution["_pipeline"]),
            "PipelineArn": str(self.execution["PipelineArn"]),
            "PipelineExecutionId": str(self.execution["_id"]),
            "PipelineExecutionArn": str(self.execution["PipelineExecutionArn"]),
        }[name]

    def current_item(self) -> Any:
        """The item of the iteration of a ForEach step. Raises KeyError."""
        if not self.item:
            raise KeyError("CurrentItem")
        return self.item[0]

    def step_property(self, step: str, parts: Sequence[Part], reference: str) -> Any:
        """What a step that ran gives. Raises KeyError, PathError; EvaluationError if its resource is gone."""
        return lookup(self.properties(step), parts)

    def properties(self, step: str) -> Any:
        """What a step that ran can be asked for. Raises KeyError; EvaluationError if its resource is gone."""
        row = self.records.row(step)
        if "_properties" in row:
            return row["_properties"]
        if row["_type"] == "ForEach":
            return self.iteration_outputs(step)
        try:
            return RESOURCES[row["_type"]].properties(self.service, row["_resource"] or "")
        except ApiError as error:
            raise EvaluationError(error.message) from error

    def iteration_outputs(self, step: str) -> Body:
        """What a ForEach step that ran can be asked for: counts, outputs of each iteration, the one that was selected.

        Raises KeyError.
        """
        row = self.records.row(step)
        outputs: list[Body] = [{} for _ in row["_items"]]
        for child in self.records.steps().values():
            context = child.get("IterationContext")
            if context and context["ParentStepName"] == step and child["StepStatus"] == "Succeeded":
                body = child["StepName"].removesuffix(f"-{context['Index']}")
                outputs[context["Index"]][body] = self.properties(child["StepName"])
        metadata: Body = row["Metadata"]["ForEach"]
        selected = metadata.get("Selector")
        more = {"Selected": self.properties(selected["StepName"])} if selected else {}
        return metadata | {"IterationOutputs": outputs} | more

    def property_file(self, step: str, name: str) -> str:
        """The S3 URI of a property file of a Processing step that ran. Raises KeyError, PathError."""
        for file in self.graph.nodes[step].step.get("PropertyFiles") or []:
            if file.get("PropertyFileName") == name:
                output = ["ProcessingOutputConfig", "Outputs", file["OutputName"], "S3Output", "S3Uri"]
                return f"{str(lookup(self.properties(step), output)).rstrip('/')}/{file['FilePath']}"
        raise KeyError(name)

    def json_value(self, uri: str, path: str) -> Any:
        """What a JSONPath finds in an object. Raises EvaluationError."""
        return json_value(self._read(uri), uri, path)

    def _read(self, uri: str) -> bytes:
        """An object in S3 of at most MOST bytes. Raises EvaluationError."""
        from pipeline.local.s3.store import S3Error

        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            with self.service.objects.reading(bucket, key) as found:
                if found.size > MOST:
                    raise EvaluationError(
                        f"File {uri} has {found.size} bytes; at most {MOST} can be read by Std:JsonGet."
                    )
                return b"".join(self.service.objects.blobs.read(found.blobs, 0, found.size))
        except S3Error as error:
            text = f"Received an error while reading file {uri} from S3: {error.code}: {error.message}"
            raise EvaluationError(text) from error


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
