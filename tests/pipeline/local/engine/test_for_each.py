"""ForEach over HTTP with real jobs: items, concurrency, outputs, selection, failure, retry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.engine import lambdas
from tests.support.executions import check, create, run, start, steps, wait, wait_step, work
from tests.support.service import LocalService, local_service

ITEM = {"Get": "ForEach.CurrentItem"}
# A shell of its own hears no SIGTERM while its child sleeps; the grace decides when it ends.
DEAF = "trap '' TERM; sleep 300; true"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("for-each")
    known = lambdas.parse(["double=tests.pipeline.local.engine.lambda_functions:double"])
    with local_service(folder, lambdas=known) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.2
        yield running


def for_each(items: Any, *body: dict[str, Any], most: int = 10, **more: Any) -> dict[str, Any]:
    arguments = {"IterableItems": items, "MaxConcurrency": most, "ForEachBody": list(body)}
    return {"Name": "Each", "Type": "ForEach", "Arguments": arguments | more}


def job_of(local: LocalService, step: dict[str, Any]) -> dict[str, Any]:
    name = step["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[1]
    found: dict[str, Any] = local.sagemaker.describe_processing_job(ProcessingJobName=name)
    return found


def test_the_body_runs_once_for_each_item(local: LocalService) -> None:
    member = {"Get": "ForEach.CurrentItem.name"}
    first = work("First", arguments={"Environment": {"ITEM": ITEM, "NAME": member}})
    before = {"Get": "Steps.First.Environment['NAME']"}
    second = work("Second", arguments={"Environment": {"BEFORE": before}})
    items = [json.dumps({"name": "a"}), json.dumps({"name": "b"})]
    done = run(local, create(local, for_each(items, first, second)))
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", found
    assert set(found) == {"Each", "First-0", "First-1", "Second-0", "Second-1"}
    assert found["First-1"]["IterationContext"] == {"ParentStepName": "Each", "Index": 1, "Item": items[1]}
    assert job_of(local, found["First-0"])["Environment"] == {"ITEM": items[0], "NAME": "a"}
    assert job_of(local, found["Second-1"])["Environment"] == {"BEFORE": "b"}
    assert found["Each"]["Metadata"]["ForEach"] == {
        "Status": "Succeeded",
        "InputItemCount": 2,
        "TotalStepCount": 4,
        "SucceededStepCount": 4,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
    }


@pytest.mark.long
def test_items_come_from_a_text_and_the_best_iteration_is_selected(local: LocalService) -> None:
    body = {
        "Name": "Twice",
        "Type": "Lambda",
        "FunctionArn": "double",
        "Arguments": {"n": ITEM},
        "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}],
    }
    field = {"Get": "IterationOutput.Twice.OutputParameters['n']"}
    each = for_each({"Get": "Parameters.Items"}, body, most=3, Selector={"Pick": "MaxBy", "Field": field})
    selected = {"Get": "Steps.Each.Selected.OutputParameters['n']"}
    second = {"Get": "Steps.Each.IterationOutputs[1].Twice.OutputParameters['n']"}
    after = check(
        "Best", selected, 18, [check("Second", second, 4, [check("Yes", {"Get": "Steps.Each.InputItemCount"}, 3, [])])]
    )
    name = create(local, each, after, parameters=[{"Name": "Items", "DefaultValue": "[1, 2, 9]"}])
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", found
    assert found["Each"]["Metadata"]["ForEach"]["Selector"] == {"StepName": "Twice-2", "Index": 2}
    assert found["Best"]["Metadata"] == found["Second"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    done = run(local, name, given={"Items": "nothing"})
    assert "is neither a list" in steps(local, done["PipelineExecutionArn"])["Each"]["FailureReason"]
    done = run(local, name, given={"Items": "[]"})
    assert steps(local, done["PipelineExecutionArn"])["Each"]["Metadata"]["ForEach"]["InputItemCount"] == 0


def test_no_more_children_run_at_once_than_allowed_and_a_stop_ends_them(local: LocalService) -> None:
    arn = start(local, create(local, for_each([1, 2, 3], work("Slow", DEAF), most=2)))
    wait_step(local, arn, "Slow-0", "Executing")
    wait_step(local, arn, "Slow-1", "Executing")
    assert set(steps(local, arn)) == {"Each", "Slow-0", "Slow-1"}
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert {step["StepStatus"] for step in steps(local, arn).values()} == {"Stopping"}
    assert wait(local, arn)["PipelineExecutionStatus"] == "Stopped"
    assert {step["StepStatus"] for step in steps(local, arn).values()} == {"Stopped"}


def test_a_failed_child_fails_the_step_and_a_retry_runs_it_alone(local: LocalService) -> None:
    local.s3.put_object(Bucket="bucket", Key="each/off", Body=b"")
    source = {"S3Uri": "s3://bucket/each", "LocalPath": "/opt/ml/processing/input/flag"}
    inputs = [{"InputName": "flag", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}]
    command = 'test "$N" = 0 || test -e /opt/ml/processing/input/flag/on'
    arguments = {"ProcessingInputs": inputs, "Environment": {"N": ITEM}}
    name = create(
        local,
        for_each([0, 1], work("Try", command, arguments=arguments)),
        check("After", 1, 1, []) | {"DependsOn": ["Each"]},
    )
    arn = run(local, name)["PipelineExecutionArn"]
    found = steps(local, arn)
    assert {one: step["StepStatus"] for one, step in found.items()} == {
        "Each": "Failed",
        "Try-0": "Succeeded",
        "Try-1": "Failed",
    }
    assert found["Each"]["FailureReason"] == "ClientError: 1 of 2 iteration steps failed."
    local.s3.put_object(Bucket="bucket", Key="each/on", Body=b"")
    local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    again = steps(local, arn)
    assert again["Try-0"] == found["Try-0"] and again["Try-1"]["StepStatus"] == "Succeeded" and "After" in again


def test_a_restart_goes_on_with_the_children_that_are_left(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        local.service.jobs.grace = 0.2
        local.s3.create_bucket(Bucket="bucket")
        local.s3.put_object(Bucket="bucket", Key="flag/off", Body=b"")
        source = {"S3Uri": "s3://bucket/flag", "LocalPath": "/opt/ml/processing/input/flag"}
        inputs = [{"InputName": "flag", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}]
        command = 'test "$N" = 0 || test -e /opt/ml/processing/input/flag/on || sleep 300'
        arguments = {"ProcessingInputs": inputs, "Environment": {"N": ITEM}}
        arn = start(local, create(local, for_each([0, 1, 0], work("Do", command, arguments=arguments), most=2)))
        wait_step(local, arn, "Do-0", "Succeeded")
        wait_step(local, arn, "Do-1", "Executing")
        wait_step(local, arn, "Do-2", "Succeeded")
        local.s3.put_object(Bucket="bucket", Key="flag/on", Body=b"")
    with local_service(tmp_path) as local:
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        counts = {name: step["AttemptCount"] for name, step in steps(local, arn).items()}
        assert counts == {"Each": 1, "Do-0": 1, "Do-1": 2, "Do-2": 1}
