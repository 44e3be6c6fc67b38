"""Definitions that others wrote: written down in their form, created with nothing but what their authors send."""

from __future__ import annotations

import json
from typing import Any

from tests.support.executions import run, steps
from tests.support.service import ROLE, LocalService

Body = dict[str, Any]


def get(path: str) -> Body:
    return {"Get": path}


def join(*values: Any) -> Body:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def create(local: LocalService, name: str, definition: Body) -> str:
    local.sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=json.dumps(definition))
    return name


def succeeded(local: LocalService, name: str, **request: Any) -> dict[str, Body]:
    done = run(local, name, **request)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", json.dumps(found, default=str)
    return found


def arn_of(step: Body) -> str:
    (entry,) = step["Metadata"].values()
    return str(entry["Arn"])
