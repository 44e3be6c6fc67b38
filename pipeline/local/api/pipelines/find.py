"""A pipeline by its name or ARN, as every action of pipelines and executions needs it."""

from __future__ import annotations

from pipeline.local.api_errors import ResourceNotFound
from pipeline.local.kinds import PIPELINE, Body
from pipeline.local.service_context import ServiceContext


def find_pipeline(service: ServiceContext, name_or_arn: str) -> Body:
    """The pipeline of that name or ARN, in any case. Raises ResourceNotFound."""
    arn = name_or_arn if name_or_arn.startswith("arn:") else service.arns.of(PIPELINE, name_or_arn)
    name = arn.rsplit("/", 1)[-1]
    body = service.store.get(PIPELINE, name)
    if body is None:
        lower = name.lower()
        body = next((one for one in service.store.list(PIPELINE) if one["PipelineName"].lower() == lower), None)
    if body is None or body["PipelineArn"].lower() != arn.lower():
        raise ResourceNotFound(f"Pipeline '{arn}' does not exist.")
    return body
