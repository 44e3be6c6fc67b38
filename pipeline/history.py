"""What earlier executions did, as far as it decides what the next one can reuse. Reads, never writes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from pipeline.clients import Clients, error_code, translated
from pipeline.reruns import Past

_LOOKED_AT: Final = 5


def past(clients: Clients, pipeline: str, *, limit: int = _LOOKED_AT) -> tuple[Past, ...]:
    """The latest executions of a pipeline, newest first; none if there is no such pipeline. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            found = clients.sagemaker.list_pipeline_executions(PipelineName=pipeline, MaxResults=limit)
        except ClientError as error:
            if error_code(error) in ("ResourceNotFound", "ValidationException"):
                return ()
            raise
        return tuple(_past(clients, item["PipelineExecutionArn"]) for item in found["PipelineExecutionSummaries"])


def _past(clients: Clients, arn: str) -> Past:
    sagemaker = clients.sagemaker
    text = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=arn)
    given = {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}
    ended: dict[str, datetime] = {}
    steps = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    for item in (item for page in steps for item in page["PipelineExecutionSteps"]):
        # A step that was itself reused says nothing of the age of what it reused: the run that made it does.
        if item["StepStatus"] == "Succeeded" and "CacheHitResult" not in item:
            ended[item["StepName"]] = item["EndTime"]
    return Past(json.loads(text), given, ended)
