"""Stop, retry, retry policies under faults, and restarts of the service, with real jobs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local import disk
from pipeline.local.faults import InjectedFaults
from pipeline.local.store import Store
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
)
from tests.support.service import LocalService, local_service


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("stopping")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket="bucket")
        running.service.jobs.grace = 0.2
        yield running


def test_a_stop_ends_the_jobs_and_starts_nothing_more(local: LocalService) -> None:
    name = create(local, work("A", "sleep 300"), work("B", DependsOn=["A"]))
    arn = start(local, name)
    running = wait_step(local, arn, "A", "Executing")
    answer = local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert answer["PipelineExecutionArn"] == arn
    again = local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert again["PipelineExecutionArn"] == arn
    done = wait(local, arn)
    assert done["PipelineExecutionStatus"] == "Stopped" and "FailureReason" not in done
    found = steps(local, arn)
    assert {one: step["StepStatus"] for one, step in found.items()} == {"A": "Stopped"}
    job = (running["Metadata"] or found["A"]["Metadata"])["ProcessingJob"]["Arn"].rsplit("/", 1)[1]
    assert local.sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="ValidationException.*Only pipelines with 'Executing' status can be stopped"):
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)


def test_a_stopped_execution_resumes_where_it_was(local: LocalService) -> None:
    flag = "test -e /opt/ml/processing/input/flag/on || sleep 300"
    local.s3.put_object(Bucket="bucket", Key="resume/off", Body=b"")
    source = {"S3Uri": "s3://bucket/resume", "LocalPath": "/opt/ml/processing/input/flag"}
    inputs = [{"InputName": "flag", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}]
    name = create(
        local,
        work("A"),
        work("B", flag, DependsOn=["A"], arguments={"ProcessingInputs": inputs}),
        work("C", DependsOn=["B"]),
    )
    arn = start(local, name)
    wait_step(local, arn, "B", "Executing")
    first = steps(local, arn)["A"]
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    wait(local, arn)
    local.s3.put_object(Bucket="bucket", Key="resume/on", Body=b"")
    answer = local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert answer["PipelineExecutionArn"] == arn
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, arn)
    assert found["A"] == first and list(found) == ["A", "B", "C"]


def test_a_failed_execution_is_retried_from_the_failed_step(local: LocalService) -> None:
    local.s3.put_object(Bucket="bucket", Key="retry/off", Body=b"")
    source = {"S3Uri": "s3://bucket/retry", "LocalPath": "/opt/ml/processing/input/flag"}
    inputs = [{"InputName": "flag", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}]
    bad = work(
        "Bad", "test -e /opt/ml/processing/input/flag/on", arguments={"ProcessingInputs": inputs}, DependsOn=["Good"]
    )
    name = create(local, work("Good"), bad, check("After", 1, 1, [work("Last")]) | {"DependsOn": ["Bad"]})
    done = run(local, name)
    arn = done["PipelineExecutionArn"]
    assert done["PipelineExecutionStatus"] == "Failed"
    good = steps(local, arn)["Good"]
    local.s3.put_object(Bucket="bucket", Key="retry/on", Body=b"")
    local.sagemaker.retry_pipeline_execution(
        PipelineExecutionArn=arn, ParallelismConfiguration={"MaxParallelExecutionSteps": 3}
    )
    done = wait(local, arn)
    assert done["PipelineExecutionStatus"] == "Succeeded" and "FailureReason" not in done
    assert done["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    found = steps(local, arn)
    assert set(found) == {"Good", "Bad", "After", "Last"} and found["Good"] == good
    assert "FailureReason" not in found["Bad"]


def test_what_succeeded_runs_or_ended_in_a_fail_step_cannot_be_retried(local: LocalService) -> None:
    for step in (check("A", 1, 1, []), fail("A")):
        arn = run(local, create(local, step))["PipelineExecutionArn"]
        with pytest.raises(ClientError, match="ConflictException"):
            local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    arn = start(local, create(local, work("A", "sleep 300")))
    with pytest.raises(ClientError, match="ConflictException"):
        local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    wait(local, arn)


def test_an_unknown_execution_is_not_found(local: LocalService) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/none/execution/abc123def456"
    for call in ("describe_pipeline_execution", "stop_pipeline_execution", "retry_pipeline_execution",
                 "list_pipeline_execution_steps", "update_pipeline_execution", "list_pipeline_parameters_for_execution",
                 "describe_pipeline_definition_for_execution"):  # fmt: skip
        with pytest.raises(ClientError) as raised:
            getattr(local.sagemaker, call)(PipelineExecutionArn=arn)
        assert raised.value.response["Error"]["Code"] == "ResourceNotFound"


def retry(*exceptions: str, **more: Any) -> list[dict[str, Any]]:
    """One retry policy that does not wait long."""
    return [{"ExceptionType": list(exceptions), "IntervalSeconds": 1, "BackoffRate": 1.0} | more]


def test_policies_outlast_faults_and_count_attempts(tmp_path: Path) -> None:
    faults = [
        "capacity:Capacity=1",
        "internal:Internal=1",
        "fail:Broken=1",
        "capacity:Unlucky=1",
        "limit:CreateProcessingJob=1",
    ]
    with local_service(tmp_path, faults=InjectedFaults.parse(faults)) as local:
        limited = run(local, create(local, work("Limited")))
        step = steps(local, limited["PipelineExecutionArn"])["Limited"]
        assert step["FailureReason"].startswith(
            "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: "
        )
        arn = limited["PipelineExecutionArn"].lower()
        assert step["FailureReason"].endswith(
            f"\nRetry not appropriate on execution of step with PipelineExecutionArn {arn}"
            " and StepId Limited. No retry policy configured for the exception type SAGEMAKER_RESOURCE_LIMIT."
        )
        assert step["Metadata"] == {} and step["AttemptCount"] == 1
        name = create(
            local,
            work("Capacity", RetryPolicies=retry("SageMaker.CAPACITY_ERROR", MaxAttempts=2)),
            work(
                "Internal", RetryPolicies=retry("Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR", ExpireAfterMin=1)
            ),
            work("Broken", RetryPolicies=retry("SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR")),
            work("Unlucky", RetryPolicies=retry("SageMaker.CAPACITY_ERROR", MaxAttempts=0)),
        )
        done = run(local, name)
        found = steps(local, done["PipelineExecutionArn"])
        assert {one: (step["StepStatus"], step["AttemptCount"]) for one, step in found.items()} == {
            "Capacity": ("Succeeded", 2),
            "Internal": ("Succeeded", 2),
            "Broken": ("Failed", 1),
            "Unlucky": ("Failed", 1),
        }
        assert found["Unlucky"]["FailureReason"].startswith("CapacityError: ")


def test_throttling_is_outlasted_without_any_policy(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        name = create(local, work("A"), work("B", DependsOn=["A"]))
        request = {"PipelineName": name, "ClientRequestToken": token()}
        arn = local.service.call("StartPipelineExecution", request)["PipelineExecutionArn"]
        local.service.faults = InjectedFaults.parse(["throttle=0.3"])
        assert local.service.store.wait(lambda: _ended(local, arn), 40) == "Succeeded"


@pytest.mark.parametrize("kind", ["execution-step", "pipeline-execution"])
def test_the_end_of_a_step_and_of_an_execution_waits_for_room_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    refused: list[str] = []

    def put(store: Store, of: str, name: str, body: dict[str, Any]) -> None:
        if of == kind and "Succeeded" in (body.get("StepStatus"), body.get("PipelineExecutionStatus")):
            if len(refused) < 2:
                refused.append(name)
                raise OSError(errno.ENOSPC, "No space left on device")
        really(store, of, name, body)

    really = Store.put
    monkeypatch.setattr(Store, "put", put)
    monkeypatch.setattr(disk, "AGAIN_SECONDS", 0.01)
    with local_service(tmp_path) as local:
        done = run(local, create(local, work("A")))
        assert steps(local, done["PipelineExecutionArn"])["A"]["StepStatus"] == "Succeeded"
    assert (len(refused), done["PipelineExecutionStatus"]) == (2, "Succeeded")


def _ended(local: LocalService, arn: str) -> str | None:
    body = local.service.store.get("pipeline-execution", arn) or {}
    status = body["PipelineExecutionStatus"]
    return None if status == "Executing" else str(status)


def test_an_execution_goes_on_after_a_restart_and_a_lost_job_is_made_again(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        local.s3.create_bucket(Bucket="bucket")
        local.s3.put_object(Bucket="bucket", Key="flag/off", Body=b"")
        source = {"S3Uri": "s3://bucket/flag", "LocalPath": "/opt/ml/processing/input/flag"}
        inputs = [{"InputName": "flag", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}]
        slow = work(
            "B",
            "test -e /opt/ml/processing/input/flag/on || sleep 300",
            DependsOn=["A"],
            arguments={"ProcessingInputs": inputs},
        )
        name = create(local, check("A", 1, 1, []), slow, work("C", DependsOn=["B"]))
        arn = start(local, name)
        wait_step(local, arn, "B", "Executing")
        stopping = start(local, name)
        wait_step(local, stopping, "B", "Executing")
        local.s3.put_object(Bucket="bucket", Key="flag/on", Body=b"")
        local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=stopping)
    with local_service(tmp_path) as local:
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        found = steps(local, arn)
        assert list(found) == ["A", "B", "C"] and found["B"]["AttemptCount"] == 2
        assert wait(local, stopping)["PipelineExecutionStatus"] == "Stopped"
        assert steps(local, stopping)["B"]["StepStatus"] == "Stopped"
