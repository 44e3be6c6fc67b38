"""Views of an execution: its steps, the parameters it was given, the definition it runs."""

from __future__ import annotations

from typing import Final

from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.listing import Listing, paged
from pipeline.local.api.pipelines.executions import find_execution
from pipeline.local.api_errors import ValidationException
from pipeline.local.kinds import PIPELINE_VERSION, STEP, Body, public
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="pipelines",
        subject="ListPipelineParametersForExecution",
        here="the parameters that were given at start, not those with defaults",
        aws="seen to be so, weakly",
    ),
    Row(
        area="pipelines",
        subject="page of ListPipelineExecutionSteps without MaxResults",
        here="100, the largest page",
        aws="not established",
    ),
)

_PAGE: Final = 100
_LISTING: Final = Listing(name="StepName", created="StartTime")


@action("ListPipelineExecutionSteps")
def list_steps(service: Service, request: Body) -> Body:
    """The steps that were scheduled, the latest first; steps that never ran are not among them."""
    if "PipelineExecutionArn" not in request:  # the model does not require it
        raise ValidationException(
            "1 validation error detected: Value null at 'pipelineExecutionArn' "
            "failed to satisfy constraint: Member must not be null"
        )
    arn = find_execution(service, request["PipelineExecutionArn"])["PipelineExecutionArn"]
    bodies = service.store.list(STEP, parent=arn)
    page, token = _LISTING.page(bodies, {"MaxResults": _PAGE} | request, public)
    return {"PipelineExecutionSteps": page} | token


@action("ListPipelineParametersForExecution")
def list_parameters(service: Service, request: Body) -> Body:
    """The parameters that the start of the execution gave."""
    body = find_execution(service, request["PipelineExecutionArn"])
    given = [((index,), parameter) for index, parameter in enumerate(body["_parameters"])]
    page, token = paged(given, request, default=_PAGE)
    return {"PipelineParameters": page} | token


@action("DescribePipelineDefinitionForExecution")
def describe_definition(service: Service, request: Body) -> Body:
    """The definition that the execution runs, also when the pipeline has a newer one."""
    body = find_execution(service, request["PipelineExecutionArn"])
    version = service.store.get(PIPELINE_VERSION, f"{body['_pipeline']}/{body['PipelineVersionId']}") or {}
    return {"PipelineDefinition": version.get("PipelineDefinition", ""), "CreationTime": body["CreationTime"]}
