"""Mutated definitions: whatever create takes can be started or is refused with a reason, and comes to an end."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.api_errors import ApiError
from tests.support.executions import check, definition, fail, work
from tests.support.service import ROLE, LocalService, local_service
from tests.support.torture import length

JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**30, "", "x", "Steps.A.Outcome", [], {}, [[]], [{}], {"Get": "Parameters.P"},
     {"Get": "Steps.Gate.Outcome"}, {"Get": "Steps.Work.ProcessingJobName"}, {"Get": None}, {"Std:Join": {}},
     {"Std:Join": {"Values": [{"Get": "Parameters.P"}, 1]}}, {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "a"}},
     "P1D", "Condition", "Fail", "Callback", "ForEach", {"Step": "Gate", "Trigger": "Any"}, ["Gate"], "\ud7ff\x00"]
)  # fmt: skip


def seed() -> dict[str, Any]:
    """A definition with something of everything that runs quickly."""
    gate = check("Gate", {"Get": "Parameters.P"}, "p", [check("Inner", 1, 1, [fail("Bad")])], [work("Work")])
    callback = {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": "http://q/none", "Arguments": {"a": 1}}
    function = {"Name": "Call", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"a": 1}, "OutputParameters": []}
    model = {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": {"Image": "none:1"}}}
    retried = work("Retried", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1}])
    retried["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P1D"}
    handler = check("Handler", {"Get": "Steps.Gate.Outcome"}, True, [])
    handler["DependsOn"] = [{"Step": "Call", "Trigger": "Failed"}]
    field = {"Get": "IterationOutput.Child.OutputParameters['n']"}
    child = {
        "Name": "Child",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"Image": {"Get": "ForEach.CurrentItem"}}},
    }
    fan_out = {
        "IterableItems": ["a", {"Get": "Parameters.P"}],
        "MaxConcurrency": 2,
        "Selector": {"Pick": "MaxBy", "Field": field},
        "ForEachBody": [child],
    }
    entities = [{"ArtifactName": "a", "ArtifactType": "b", "Source": {"SourceUri": "c"}}]
    ends = [{"Source": {"Name": "a", "Type": "Artifact"}, "Destination": {"Arn": "arn"}}]
    lineage = {"Name": "Record", "Type": "Lineage", "Arguments": {"Artifacts": entities, "Associations": ends}}
    each = {"Name": "Each", "Type": "ForEach", "Arguments": fan_out}
    parameters: list[dict[str, Any]] = [
        {"Name": "P", "DefaultValue": "p"},
        {"Name": "N", "Type": "Integer", "DefaultValue": 1},
    ]
    config = {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": "t"}
    text = definition(
        gate,
        callback,
        function,
        model,
        retried,
        handler,
        each,
        lineage,
        parameters=parameters,
        PipelineExperimentConfig=config,
    )
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of the definition with every key or index in it."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += [(value, key), *places(item)]
    return found


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("mutations")
    with local_service(folder) as running:
        yield running


@pytest.mark.torture
@settings(max_examples=length(40, 3000))
@given(st.data())
def test_a_mutated_definition_is_refused_or_comes_to_an_end(local: LocalService, data: st.DataObject) -> None:
    mutated = seed()
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(mutated)))
        if data.draw(st.booleans()):
            container[key] = copy.deepcopy(data.draw(JUNK))
        elif isinstance(container, dict):
            del container[key]
        if not places(mutated):
            break
    call, name = local.service.call, f"m-{uuid.uuid4().hex}"
    try:
        text = json.dumps(mutated)
        call(
            "CreatePipeline",
            {"PipelineName": name, "RoleArn": ROLE, "PipelineDefinition": text, "ClientRequestToken": "t" * 32 + name},
        )
        arn = call("StartPipelineExecution", {"PipelineName": name, "ClientRequestToken": "t" * 32 + name})[
            "PipelineExecutionArn"
        ]
    except ApiError as error:
        assert error.status < 500
        return
    ended = local.service.store.wait(lambda: _ended(local, arn), 30)
    assert ended is not None and "InternalServerError" not in str(
        local.service.store.list("execution-step", parent=arn)
    )
    assert "InternalServerError" not in ended.get("FailureReason", "")


def _ended(local: LocalService, arn: str) -> dict[str, Any] | None:
    body = local.service.store.get("pipeline-execution", arn) or {}
    return None if body["PipelineExecutionStatus"] == "Executing" else body
