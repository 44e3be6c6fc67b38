"""What an execution looks like while it runs, is stopped, retried, updated, and after its pipeline has changed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import (
    check,
    create,
    definition,
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
from tests.support.service import LocalService
from tests.support.waiting import PATIENCE

Body = dict[str, Any]
# Waits until somebody makes the file named by the environment; so a test decides how long a step takes.
HELD = 'while [ ! -e "$GATE" ]; do sleep 0.02; done'
ASLEEP = "exec sleep 60"


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def statuses(local: LocalService, arn: str) -> dict[str, str]:
    return {name: step["StepStatus"] for name, step in steps(local, arn).items()}


def job(local: LocalService, step: Body) -> Body:
    found: Body = local.sagemaker.describe_processing_job(
        ProcessingJobName=step["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    )
    return found


def test_a_fail_step_waits_for_what_runs_beside_it_and_starts_nothing_after(
    local: LocalService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gate = tmp_path_factory.mktemp("gate") / "open"
    slow = work("Slow", HELD, arguments={"Environment": {"GATE": str(gate)}})
    name = create(local, slow, check("Gate", 1, 1, [fail("Reject", "too bad")]), work("After", DependsOn=["Slow"]))
    arn = start(local, name)
    wait_step(local, arn, "Reject", "Failed")
    wait_step(local, arn, "Slow", "Executing")
    assert local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == (
        "Executing"
    )
    gate.touch()
    done = wait(local, arn)
    assert (done["PipelineExecutionStatus"], done["FailureReason"]) == (
        "Failed",
        "Step failure: One or multiple steps failed.",
    )
    assert statuses(local, arn) == {"Slow": "Succeeded", "Gate": "Succeeded", "Reject": "Failed"}
    found = steps(local, arn)["Reject"]
    assert (found["FailureReason"], found["Metadata"]) == ("too bad", {"Fail": {"ErrorMessage": "too bad"}})
    code, _ = refused(local.sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken=token())
    assert code in ("ConflictException", "ValidationException")
    summary = local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"][0]
    assert summary["PipelineExecutionFailureReason"] == "Step failure: One or multiple steps failed."


@pytest.mark.long
def test_a_step_outside_that_needs_a_branch_not_taken_never_runs_and_harms_nothing(local: LocalService) -> None:
    name = create(
        local,
        check("Gate", {"Get": "Parameters.Way"}, "left", [work("Left")], [work("Right")]),
        work("NeedsLeft", DependsOn=["Left"]),
        work("NeedsRight", arguments={"Environment": {"JOB": {"Get": "Steps.Right.ProcessingJobName"}}}),
        work("NeedsNeedsLeft", DependsOn=["NeedsLeft"]),
        parameters=[{"Name": "Way"}],
    )
    left, right = (run(local, name, given={"Way": way}) for way in ("left", "right"))
    assert [left["PipelineExecutionStatus"], right["PipelineExecutionStatus"]] == ["Succeeded", "Succeeded"]
    assert set(statuses(local, left["PipelineExecutionArn"])) == {"Gate", "Left", "NeedsLeft", "NeedsNeedsLeft"}
    assert set(statuses(local, right["PipelineExecutionArn"])) == {"Gate", "Right", "NeedsRight"}


def test_a_step_in_a_branch_waits_for_steps_outside_and_inside(local: LocalService) -> None:
    inner = [
        work("Second", arguments={"Environment": {"OF": {"Get": "Steps.First.ProcessingJobArn"}}}),
        work("First", DependsOn=["Outer"]),
    ]
    name = create(local, check("Gate", 1, 1, inner), work("Outer", "sleep 0.2"))
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded"
    assert found["Outer"]["EndTime"] <= found["First"]["StartTime"]
    assert found["First"]["EndTime"] <= found["Second"]["StartTime"]


def test_triggers(local: LocalService) -> None:
    def on(trigger: str | None) -> list[Any]:
        return [{"Step": "Broken", "Trigger": trigger} if trigger else {"Step": "Broken"}]

    name = create(
        local,
        work("Broken", "exit 3"),
        work("OnFailed", DependsOn=on("Failed")),
        work("OnAny", DependsOn=on("Any")),
        work("OnStopped", DependsOn=on("Stopped")),
        work("OnCompleted", DependsOn=on(None)),
        work("AfterHandler", DependsOn=["OnFailed"]),
    )
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert statuses(local, done["PipelineExecutionArn"]) == {
        "Broken": "Failed",
        "OnFailed": "Succeeded",
        "OnAny": "Succeeded",
        "AfterHandler": "Succeeded",
    }


def test_a_handler_that_is_not_needed_never_runs(local: LocalService) -> None:
    name = create(local, work("Fine"), work("OnFailed", DependsOn=[{"Step": "Fine", "Trigger": "Failed"}]))
    done = run(local, name)
    assert done["PipelineExecutionStatus"] == "Succeeded"
    assert statuses(local, done["PipelineExecutionArn"]) == {"Fine": "Succeeded"}


def test_one_at_a_time_lists_one_and_the_start_overrides_the_pipeline(local: LocalService) -> None:
    three = [work(f"S{n}", "sleep 0.2") for n in range(3)]
    name = create(local, *three)
    local.sagemaker.update_pipeline(PipelineName=name, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    described = local.sagemaker.describe_pipeline(PipelineName=name)
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 1}
    arn = start(local, name)
    wait_step(local, arn, "S0", "Executing")
    assert list(statuses(local, arn)) == ["S0"]
    done = wait(local, arn)
    assert done["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 1}
    found = list(steps(local, arn).values())
    assert all(first["EndTime"] <= second["StartTime"] for first, second in zip(found, found[1:], strict=False))

    arn = start(local, name, ParallelismConfiguration={"MaxParallelExecutionSteps": 3})
    assert wait(local, arn)["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    found = list(steps(local, arn).values())
    assert max(step["StartTime"] for step in found) < min(step["EndTime"] for step in found)


@pytest.mark.long
def test_whoever_sees_a_step_execute_finds_its_job(local: LocalService) -> None:
    name = create(local, *[work(f"S{n}", DependsOn=[f"S{n - 1}"] if n else []) for n in range(6)])
    arn = start(local, name)
    seen: set[str] = set()
    while (
        local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing"
    ):
        for step in steps(local, arn).values():
            seen.add(step["StepStatus"])
            assert step["StepStatus"] == "Starting" or job(local, step)["ProcessingJobName"]
    assert seen <= {"Starting", "Executing", "Succeeded"} and "Succeeded" in seen
    assert all("EndTime" in step for step in steps(local, arn).values())


def test_a_stop_with_steps_in_every_state(local: LocalService) -> None:
    name = create(
        local,
        work("Done"),
        work("Runs", ASLEEP, DependsOn=["Done"]),
        work("Broken", "exit 1"),
        work("Waits", DependsOn=["Runs"]),
        check("Gate", 1, 1, [work("Inner", ASLEEP)]),
    )
    arn = start(local, name)
    wait_step(local, arn, "Runs", "Executing")
    wait_step(local, arn, "Inner", "Executing")
    wait_step(local, arn, "Broken", "Failed")
    stop = {"PipelineExecutionArn": arn, "ClientRequestToken": token()}
    for _ in range(2):
        assert local.sagemaker.stop_pipeline_execution(**stop)["PipelineExecutionArn"] == arn
    done = wait(local, arn)
    assert done["PipelineExecutionStatus"] == "Stopped"
    assert statuses(local, arn) == {
        "Done": "Succeeded",
        "Runs": "Stopped",
        "Broken": "Failed",
        "Gate": "Succeeded",
        "Inner": "Stopped",
    }
    found = steps(local, arn)
    assert job(local, found["Runs"])["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in found["Runs"] and found["Runs"]["EndTime"]
    code, _ = refused(local.sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken=token())
    assert code in ("ConflictException", "ValidationException")


def test_a_retry_keeps_what_succeeded_and_its_branch_and_runs_the_definition_it_began_with(
    local: LocalService,
) -> None:
    local.s3.put_object(Bucket="bucket", Key="switch/on", Body=b"1")
    source = {"S3Uri": "s3://bucket/switch/", "LocalPath": "/opt/ml/processing/switch", "S3DataType": "S3Prefix"}
    inputs = [{"InputName": "switch", "S3Input": source | {"S3InputMode": "File"}}]
    name = create(
        local,
        writes("First", "a.json", json.dumps({"way": "left"})),
        check(
            "Gate",
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.First.PropertyFiles.Report"}, "Path": "way"}},
            "left",
            [work("Left", "test ! -e /opt/ml/processing/switch/on", arguments={"ProcessingInputs": inputs})],
            [work("Right")],
        ),
        work("Last", DependsOn=["Left"]),
    )
    failed = run(local, name)
    arn = failed["PipelineExecutionArn"]
    before = steps(local, arn)
    assert failed["PipelineExecutionStatus"] == "Failed"
    assert before["Left"]["FailureReason"] == "AlgorithmError: , exit code: 1"

    local.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(fail("F")))
    local.s3.put_object(Bucket="bucket", Key="First/a.json", Body=b'{"way": "right"}')
    local.s3.delete_object(Bucket="bucket", Key="switch/on")
    local.s3.put_object(Bucket="bucket", Key="switch/off", Body=b"1")
    answer = local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert answer["PipelineExecutionArn"] == arn
    done = wait(local, arn)
    after = steps(local, arn)
    assert done["PipelineExecutionStatus"] == "Succeeded" and "FailureReason" not in done
    assert done["PipelineVersionId"] == 1
    assert list(after) == ["First", "Gate", "Left", "Last"]
    assert after["First"] == before["First"] and after["Gate"] == before["Gate"]
    assert after["Left"]["Metadata"] != before["Left"]["Metadata"], "a retry makes a new job"
    assert "FailureReason" not in after["Left"]
    code, _ = refused(local.sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn, ClientRequestToken=token())
    assert code in ("ConflictException", "ValidationException")
    text = local.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    assert len(json.loads(text)["Steps"]) == 3


def test_an_execution_is_updated_and_deleted_with_its_pipeline(local: LocalService) -> None:
    name = create(local, work("Runs", ASLEEP))
    arn = start(local, name, PipelineExecutionDisplayName="my-run", PipelineExecutionDescription="first", given=None)
    assert refused(local.sagemaker.delete_pipeline, PipelineName=name, ClientRequestToken=token())[0] == (
        "ConflictException"
    )
    local.sagemaker.update_pipeline_execution(
        PipelineExecutionArn=arn,
        PipelineExecutionDescription="second",
        PipelineExecutionDisplayName="other",
        ParallelismConfiguration={"MaxParallelExecutionSteps": 2},
    )
    found = local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert (found["PipelineExecutionDisplayName"], found["PipelineExecutionDescription"]) == ("other", "second")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}
    assert found["LastModifiedTime"] >= found["CreationTime"]
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    wait(local, arn)
    assert local.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=token())["PipelineArn"].endswith(name)
    for call in (
        local.sagemaker.describe_pipeline_execution,
        local.sagemaker.list_pipeline_execution_steps,
        local.sagemaker.list_pipeline_parameters_for_execution,
        local.sagemaker.describe_pipeline_definition_for_execution,
    ):
        assert refused(call, PipelineExecutionArn=arn)[0] == "ResourceNotFound"
    create(local, fail("F"), name=name)
    assert local.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []
    versions = local.sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [version["PipelineVersionId"] for version in versions] == [1]


@pytest.mark.long
def test_ten_executions_at_once_do_not_see_each_other(local: LocalService) -> None:
    name = create(
        local,
        writes("Make", "n.json", "{}"),
        work(
            "Say",
            'printf "{\\"n\\": \\"%s\\"}" "$N" > /opt/ml/processing/output/n.json',
            arguments={
                "Environment": {"N": {"Get": "Parameters.N"}},
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "out",
                            "S3Output": {
                                "S3Uri": {
                                    "Std:Join": {
                                        "On": "/",
                                        "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}],
                                    }
                                },
                                "LocalPath": "/opt/ml/processing/output",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
            },
            PropertyFiles=[{"PropertyFileName": "N", "OutputName": "out", "FilePath": "n.json"}],
        ),
        check(
            "Mine",
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Say.PropertyFiles.N"}, "Path": "n"}},
            {"Get": "Parameters.N"},
            [],
            [fail("Other", "not mine")],
        ),
        parameters=[{"Name": "N"}],
    )
    with ThreadPoolExecutor(10) as pool:
        arns = list(pool.map(lambda n: start(local, name, given={"N": str(n)}), range(10)))
    assert len(set(arns)) == 10
    ends = [wait(local, arn, seconds=PATIENCE)["PipelineExecutionStatus"] for arn in arns]
    assert ends == ["Succeeded"] * 10
    for number, arn in enumerate(arns):
        found = steps(local, arn)
        assert found["Mine"]["Metadata"] == {"Condition": {"Outcome": "True"}}
        assert job(local, found["Say"])["Environment"] == {"N": str(number)}
