"""Names, ARNs, tokens and parameters: which requests are the same, and which ones are refused, with what code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import check, create, definition, run, start, token, wait
from tests.support.service import ROLE, LocalService


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_pipelines_are_known_by_name_by_arn_and_in_any_case(local: LocalService) -> None:
    name = create(local, check("C", 1, 1, []), name="Mixed-Case-Name")
    arn = local.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    assert arn.endswith(":pipeline/Mixed-Case-Name")
    for known in (name, name.lower(), arn, arn.lower()):
        assert local.sagemaker.describe_pipeline(PipelineName=known)["PipelineName"] == name
        assert local.sagemaker.list_pipeline_versions(PipelineName=known)["PipelineVersionSummaries"]
        execution = start(local, known)
        assert execution.startswith(f"{arn}/execution/") and len(execution.rsplit("/", 1)[-1]) == 12
        assert wait(local, execution)["PipelineExecutionStatus"] == "Succeeded"
        summaries = local.sagemaker.list_pipeline_executions(PipelineName=known)["PipelineExecutionSummaries"]
        assert execution in [one["PipelineExecutionArn"] for one in summaries]
    assert local.sagemaker.describe_pipeline(PipelineName=name)["LastRunTime"]
    # ARNs of executions come in lower case within failure reasons.
    assert local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution.lower())["PipelineArn"] == arn


def test_tokens(local: LocalService) -> None:
    mine = token()
    text = definition(check("C", 1, 1, []))
    request = {"PipelineName": "once", "RoleArn": ROLE, "PipelineDefinition": text, "ClientRequestToken": mine}
    assert len({local.sagemaker.create_pipeline(**request)["PipelineArn"] for _ in range(2)}) == 1
    code, message = refused(local.sagemaker.create_pipeline, **{**request, "ClientRequestToken": token()})
    assert code == "ValidationException"
    assert message == (
        "Pipeline names must be unique within an AWS account and region. Pipeline with name (once) already exists."
    )
    code, _ = refused(local.sagemaker.create_pipeline, **{**request, "PipelineDescription": "other"})
    assert code in ("ConflictException", "ValidationException")
    begun = {"PipelineName": "once", "ClientRequestToken": mine}
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: start(local, "once", ClientRequestToken=mine), range(8)))
    assert len(arns) == 1, "one token, one execution, however many ask at once"
    code, _ = refused(local.sagemaker.start_pipeline_execution, **begun, PipelineExecutionDescription="other")
    assert code in ("ConflictException", "ValidationException")
    assert len(local.sagemaker.list_pipeline_executions(PipelineName="once")["PipelineExecutionSummaries"]) == 1


def test_what_a_start_refuses(local: LocalService) -> None:
    declared = [
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 1.0},
        {"Name": "Flag", "Type": "Boolean", "DefaultValue": True},
        {"Name": "Must"},
        {"Name": "One", "EnumValues": ["a", "b"], "DefaultValue": "a"},
    ]
    name = create(local, check("C", {"Get": "Parameters.Must"}, "x", []), parameters=declared)
    must = {"Must": "x"}
    for given, said in (
        ({}, "Must"),
        (must | {"Other": "1"}, "Other"),
        (must | {"Count": "1.5"}, "Count"),
        (must | {"Count": "one"}, "Count"),
        (must | {"Rate": "fast"}, "Rate"),
        (must | {"Flag": "yes"}, "Flag"),
        (must | {"One": "c"}, "One"),
        ({"Must": ""}, '[string "" is too short (length: 0, required minimum: 1)]'),
        (must | {"One": "x" * 1025}, "1024"),
    ):
        values = [{"Name": key, "Value": value} for key, value in given.items()]
        code, message = refused(local.sagemaker.start_pipeline_execution, PipelineName=name, PipelineParameters=values)
        assert code == "ValidationException" and said in message, message
    for flag in ("true", "True", "FALSE", "false"):
        done = run(local, name, given=must | {"Flag": flag, "Count": "-3", "Rate": "1e-3"})
        assert done["PipelineExecutionStatus"] == "Succeeded"
    assert refused(local.sagemaker.start_pipeline_execution, PipelineName="nobody")[0] == "ResourceNotFound"
    for version in ({"PipelineVersionId": 7}, {"PipelineVersionAlias": "none"}):
        code, _ = refused(local.sagemaker.start_pipeline_execution, PipelineName=name, **version)
        assert code == "ResourceNotFound"
