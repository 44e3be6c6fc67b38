"""Control of executions: start, stop, retry. boto3 against AWS or localhost alike.

What the service would refuse, and could only call a conflict, is looked at first, so that it has a remedy.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.executions.execution_snapshot import TERMINAL, execution_id, snapshot
from pipeline.service_errors import translated

_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")


def start(
    clients: Clients,
    pipeline: str,
    parameters: Mapping[str, str],
    *,
    token: str | None = None,
    name: str = "",
    selected: tuple[str, ...] = (),
    source: str = "",
) -> str:
    """Start an execution and return its ARN.

    `token` makes a repetition harmless (a CI job's id, 32 to 128 characters); `selected` are the steps of a selective
    execution, whose other inputs come from the execution `source`. Raises UsageError for a `name` that cannot be,
    ServiceError.
    """
    if name and not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of an execution", hint="letters, digits and inner hyphens, at most 82"
        )
    request: dict[str, Any] = {
        "PipelineName": pipeline,
        "PipelineParameters": [{"Name": key, "Value": value} for key, value in parameters.items()],
    }
    if token:
        request["ClientRequestToken"] = token
    if name:
        request["PipelineExecutionDisplayName"] = name
    if selected:
        selective: dict[str, Any] = {"SelectedSteps": [{"StepName": step} for step in selected]}
        if source:
            selective["SourcePipelineExecutionArn"] = source
        request["SelectiveExecutionConfig"] = selective
    with translated():
        return clients.sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"]


def stop(clients: Clients, arn: str) -> None:
    """Ask for the execution to stop. Raises UsageError if it is over, ServiceError."""
    status = _status(clients, arn)
    if status in TERMINAL:
        raise UsageError(
            f"execution {execution_id(arn)} is over: {status}", hint="`pipeline executions` lists those that run"
        )
    with translated():
        clients.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)


def retry(clients: Clients, arn: str) -> None:
    """Run the failed or stopped steps of the execution again. Raises UsageError if it has none, ServiceError."""
    status, which = _status(clients, arn), execution_id(arn)
    if status not in TERMINAL:
        raise UsageError(
            f"execution {which} is still {status}", hint=f"`pipeline follow {which}` follows it to its end"
        )
    if status == "Succeeded":
        raise UsageError(
            f"execution {which} has Succeeded: there is nothing to retry", hint="`pipeline start` starts another"
        )
    failed = snapshot(clients, arn).failed_step
    if failed is not None and failed.kind == "Fail":
        raise UsageError(
            f"execution {which} was ended by {failed.name}, and a retry would end there again",
            hint="`pipeline start` starts another, whose steps reuse what has not changed",
        )
    with translated():
        clients.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)


def request_token(text: str) -> str:
    """An idempotency token for any text, a CI job's number for example: the same text gives the same token."""
    return hashlib.sha256(text.encode()).hexdigest()


def _status(clients: Clients, arn: str) -> str:
    with translated():
        return clients.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]


def defaults_of(clients: Clients, pipeline: str) -> dict[str, Any]:
    """The parameters of the deployed definition with their defaults. Raises ServiceError."""
    with translated():
        text = clients.sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineDefinition"]
    return {item["Name"]: item.get("DefaultValue") for item in json.loads(text).get("Parameters", [])}
