"""Executions over HTTP with real jobs: order, branches, failures, listing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.api_errors import ResourceLimitExceeded
from pipeline.local.engine.execution import Engine
from tests.support.executions import (
    check,
    create,
    fail,
    run,
    start,
    steps,
    token,
    wait,
    wait_step,
    work,
    writes,
)
from tests.support.service import LocalService, local_service
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("executions")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.2
        yield running


def test_steps_run_in_the_order_of_their_dependencies(local: LocalService) -> None:
    uri = {"Get": "Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    name = create(
        local,
        work("Third", DependsOn=["Second"]),
        work("Second", arguments={"Environment": {"URI": uri}}),
        writes("First", "a.txt", "x", DisplayName="The first (of three)", Description="It writes."),
    )
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == "Succeeded" and "FailureReason" not in done
    found = steps(local, done["PipelineExecutionArn"])
    assert list(found) == ["First", "Second", "Third"]
    assert found["First"]["EndTime"] <= found["Second"]["StartTime"]
    assert found["First"]["StepDisplayName"] == "The first (of three)"
    assert found["First"]["StepDescription"] == "It writes."
    assert {step["StepStatus"] for step in found.values()} == {"Succeeded"}
    assert {step["AttemptCount"] for step in found.values()} == {1}
    arn = found["Second"]["Metadata"]["ProcessingJob"]["Arn"]
    identifier = done["PipelineExecutionArn"].rsplit("/", 1)[1]
    assert f":processing-job/pipelines-{identifier}-Second-" in arn
    job = local.sagemaker.describe_processing_job(ProcessingJobName=arn.rsplit("/", 1)[1])
    assert job["Environment"] == {"URI": "s3://bucket/First"}
    assert job["RoleArn"].endswith("role/pipeline")
    tags = local.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "sagemaker:pipeline-execution-arn", "Value": done["PipelineExecutionArn"]}]


def test_steps_are_listed_newest_first_by_default(local: LocalService) -> None:
    name = create(local, check("A", 1, 1, [check("B", 1, 1, [check("C", 1, 1, [])])]))
    arn = run(local, name)["PipelineExecutionArn"]
    answer = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    assert [step["StepName"] for step in answer["PipelineExecutionSteps"]] == ["C", "B", "A"]
    first = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=2)
    rest = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, NextToken=first["NextToken"])
    assert [step["StepName"] for step in rest["PipelineExecutionSteps"]] == ["A"]


def test_a_condition_on_a_property_file_takes_its_branch_and_the_other_is_never_listed(local: LocalService) -> None:
    accuracy = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "m.acc.value"}}
    message = {"Std:Join": {"On": " ", "Values": ["accuracy", accuracy, "needs", {"Get": "Parameters.Min"}]}}
    gate: dict[str, Any] = check(
        "Gate", 1, 1, [work("Good"), work("Better", DependsOn=["Good"])], [fail("Bad", message)]
    )
    gate["Arguments"]["Conditions"] = [
        {"Type": "GreaterThanOrEqualTo", "LeftValue": accuracy, "RightValue": {"Get": "Parameters.Min"}}
    ]
    parameters = [{"Name": "Min", "Type": "Float", "DefaultValue": 0.5}]
    evaluate = writes("Evaluate", "evaluation.json", '{"m": {"acc": {"value": 0.75}}}')
    name = create(local, evaluate, gate, work("AfterBad", DependsOn=["Good"]), parameters=parameters)
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, done["PipelineExecutionArn"])
    assert set(found) == {"Evaluate", "Gate", "Good", "Better", "AfterBad"}
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}

    done = run(local, name, given={"Min": "0.8"})
    assert done["PipelineExecutionStatus"] == "Failed"
    assert done["FailureReason"] == "Step failure: One or multiple steps failed."
    found = steps(local, done["PipelineExecutionArn"])
    assert set(found) == {"Evaluate", "Gate", "Bad"}
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert found["Bad"]["FailureReason"] == "accuracy 0.75 needs 0.8"
    assert found["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "accuracy 0.75 needs 0.8"}}


def test_a_fail_step_without_message_has_no_failure_reason(local: LocalService) -> None:
    done = run(local, create(local, fail("Bad", "")))
    bad = steps(local, done["PipelineExecutionArn"])["Bad"]
    assert done["PipelineExecutionStatus"] == "Failed"
    assert "FailureReason" not in bad and bad["Metadata"] == {"Fail": {"ErrorMessage": ""}}


def test_an_outcome_renders_in_lower_case_and_runs_what_refers_to_it(local: LocalService) -> None:
    message = {"Std:Join": {"On": "", "Values": ["xxx == yyy returns: ", {"Get": "Steps.Cond.Outcome"}]}}
    done = run(local, create(local, check("Cond", "xxx", "yyy", []), fail("Bad", message)))
    assert steps(local, done["PipelineExecutionArn"])["Bad"]["FailureReason"] == "xxx == yyy returns: false"


def test_a_failed_job_fails_the_execution_and_its_dependents_never_start(local: LocalService) -> None:
    name = create(
        local,
        work("Bad", "echo broken; exit 3"),
        work("After", DependsOn=["Bad"]),
        work("Beside", "sleep 0.3"),
        work("AfterBeside", DependsOn=["Beside"]),
    )
    done = run(local, name)
    assert (done["PipelineExecutionStatus"], done["FailureReason"]) == (
        "Failed",
        "Step failure: One or multiple steps failed.",
    )
    found = steps(local, done["PipelineExecutionArn"])
    assert set(found) == {"Bad", "Beside", "AfterBeside"}
    assert found["Bad"]["StepStatus"] == "Failed" and "exit code: 3" in found["Bad"]["FailureReason"]
    assert found["Beside"]["StepStatus"] == found["AfterBeside"]["StepStatus"] == "Succeeded"
    listed = local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert listed[0]["PipelineExecutionFailureReason"] == done["FailureReason"]


def test_a_create_that_is_refused_says_which_action_and_why(local: LocalService) -> None:
    inputs = [
        {
            "InputName": "data",
            "S3Input": {
                "S3Uri": "s3://no-such-bucket-here/x",
                "LocalPath": "/opt/ml/processing/input",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ]
    model = {"PrimaryContainer": {"Image": "no-such-image:1", "ModelDataUrl": "s3://bucket/none/model.tar.gz"}}
    name = create(
        local,
        {"Name": "Make", "Type": "Model", "Arguments": model},
        work("Read", arguments={"ProcessingInputs": inputs}),
    )
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    for step, action in (("Make", "CreateModel"), ("Read", "CreateProcessingJob")):
        if found[step]["StepStatus"] == "Failed" and found[step]["Metadata"] == {}:
            assert found[step]["FailureReason"].startswith(
                f"ClientError: Failed to invoke sagemaker:{action}. Error Details: "
            )
            assert found[step]["AttemptCount"] == 1 and "EndTime" in found[step]
    assert found["Make"]["Metadata"] == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [("m.none", "Invalid json path 'm.none'"), ("m", "are not of the same type")],
)
def test_a_condition_that_cannot_be_evaluated_fails(local: LocalService, path: str, text: str) -> None:
    value = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": path}}
    name = create(local, writes("Evaluate", "e.json", '{"m": {"a": 1}}'), check("Gate", value, 1, [work("Never")]))
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Failed" and set(found) == {"Evaluate", "Gate"}
    assert found["Gate"]["StepStatus"] == "Failed" and text in found["Gate"]["FailureReason"]


def test_31_nested_conditions_run(local: LocalService) -> None:
    nested = [check("C0", {"Get": "Parameters.P"}, "x", [])]
    for depth in range(1, 31):
        nested = [check(f"C{depth}", {"Get": "Parameters.P"}, "x", nested)]
    done = run(local, create(local, *nested, parameters=[{"Name": "P", "DefaultValue": "x"}]))
    assert done["PipelineExecutionStatus"] == "Succeeded"
    assert len(steps(local, done["PipelineExecutionArn"])) == 31


def test_a_step_on_the_failure_of_another_makes_it_completed_with_failures(local: LocalService) -> None:
    name = create(
        local,
        work("Bad", "exit 1"),
        check("Notify", 1, 1, []) | {"DependsOn": [{"Step": "Bad", "Trigger": "Failed"}]},
        check("Cleanup", 1, 1, []) | {"DependsOn": [{"Step": "Bad", "Trigger": "Any"}]},
        check("OnStop", 1, 1, []) | {"DependsOn": [{"Step": "Bad", "Trigger": "Stopped"}]},
    )
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert set(steps(local, done["PipelineExecutionArn"])) == {"Bad", "Notify", "Cleanup"}


def test_parallelism_limits_the_steps_that_run_and_can_be_changed_meanwhile(local: LocalService) -> None:
    name = create(local, work("A", "sleep 300"), work("B", "sleep 300"), work("C", "sleep 300"))
    arn = start(local, name, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    wait_step(local, arn, "A", "Executing")
    assert list(steps(local, arn)) == ["A"]
    local.sagemaker.update_pipeline_execution(
        PipelineExecutionArn=arn, ParallelismConfiguration={"MaxParallelExecutionSteps": 2}
    )
    wait_step(local, arn, "B", "Executing")
    assert list(steps(local, arn)) == ["A", "B"]
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert wait(local, arn)["PipelineExecutionStatus"] == "Stopped"
    assert {name: step["StepStatus"] for name, step in steps(local, arn).items()} == {"A": "Stopped", "B": "Stopped"}


@pytest.mark.long
def test_ten_executions_at_once(local: LocalService) -> None:
    name = create(
        local, work("A", "sleep 0.2"), work("B", DependsOn=["A"]), parameters=[{"Name": "N", "DefaultValue": "0"}]
    )
    arns = [start(local, name, given={"N": str(number)}) for number in range(10)]
    assert len(set(arns)) == 10
    assert {wait(local, arn, seconds=PATIENCE)["PipelineExecutionStatus"] for arn in arns} == {"Succeeded"}
    assert all(set(steps(local, arn)) == {"A", "B"} for arn in arns)


def test_starts_at_the_same_moment_do_not_pass_the_limit(local: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.api.pipelines.executions.RUNNING_LIMIT", 2)
    really, answers = Engine.start, list[str]()

    def start_late(engine: Engine, arn: str) -> None:
        time.sleep(0.05)
        really(engine, arn)

    monkeypatch.setattr(Engine, "start", start_late)
    name = create(local, work("Long", "sleep 300"))

    def ask() -> None:
        try:
            answer = local.service.call("StartPipelineExecution", {"PipelineName": name, "ClientRequestToken": token()})
            answers.append(answer["PipelineExecutionArn"])
        except ResourceLimitExceeded:
            pass

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for arn in answers:
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
        wait(local, arn)
    assert len(answers) == 2
