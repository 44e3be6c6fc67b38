"""Small pipelines that really run: processing steps of one shell command, started and followed by boto3."""

from __future__ import annotations

import json
import shlex
import uuid
from typing import Any

from tests.support.service import ROLE, LocalService
from tests.support.waiting import PATIENCE

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.0-1-cpu-py3"
"""Of a tag whose libraries are not listed, so that a log holds what the job prints."""
OUTPUT = "/opt/ml/processing/output"
ENDED = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")

Step = dict[str, Any]


def work(name: str, command: str = "true", **more: Any) -> Step:
    """A processing step that runs a shell command; `arguments` and `step` members are merged in."""
    arguments: dict[str, Any] = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", command]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments | more.pop("arguments", {})} | more


def writes(name: str, file: str, text: str, **more: Any) -> Step:
    """A processing step that writes one file, which is its property file `Report`."""
    outputs = [
        {
            "OutputName": "out",
            "S3Output": {"S3Uri": f"s3://bucket/{name}", "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"},
        }
    ]
    command = f"echo {shlex.quote(text)} > {OUTPUT}/{file}"
    files = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": file}]
    return work(name, command, PropertyFiles=files, arguments={"ProcessingOutputConfig": {"Outputs": outputs}}, **more)


def fail(name: str, message: Any = "no", **more: Any) -> Step:
    """A Fail step."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}} | more


def check(name: str, left: Any, right: Any, then: list[Step], otherwise: list[Step] | None = None) -> Step:
    """A Condition step on equality."""
    conditions = [{"Type": "Equals", "LeftValue": left, "RightValue": right}]
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise or []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def definition(*steps: Step, parameters: list[dict[str, Any]] | None = None, **more: Any) -> str:
    """The text of a definition."""
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": steps} | more)


def create(local: LocalService, *steps: Step, name: str = "", **more: Any) -> str:
    """Create a pipeline, with a name of its own if none is given, and return the name."""
    name = name or f"p-{uuid.uuid4().hex[:8]}"
    local.sagemaker.create_pipeline(
        PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition(*steps, **more), ClientRequestToken=token()
    )
    return name


def token() -> str:
    """A new ClientRequestToken."""
    return uuid.uuid4().hex


def start(local: LocalService, name: str, *, given: dict[str, str] | None = None, **request: Any) -> str:
    """Start an execution and return its ARN."""
    values = [{"Name": key, "Value": value} for key, value in (given or {}).items()]
    answer = local.sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=values, **request)
    return str(answer["PipelineExecutionArn"])


def wait(local: LocalService, arn: str, *, until: tuple[str, ...] = ENDED, seconds: float = PATIENCE) -> dict[str, Any]:
    """The execution once it has one of these statuses; an AssertionError if it takes longer."""
    found: dict[str, Any] = local.when(
        lambda: local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn),
        lambda found: found["PipelineExecutionStatus"] in until,
        seconds=seconds,
    )
    return found


def wait_step(local: LocalService, arn: str, name: str, status: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
    """The step once it has this status."""
    found = local.when(
        lambda: steps(local, arn),
        lambda found: found.get(name, {}).get("StepStatus") == status,
        seconds=seconds,
    )
    return found[name]


def run(local: LocalService, name: str, **request: Any) -> dict[str, Any]:
    """Start an execution and wait for its end."""
    return wait(local, start(local, name, **request))


def steps(local: LocalService, arn: str) -> dict[str, dict[str, Any]]:
    """The steps of an execution by name, in the order they were scheduled."""
    answer = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}
