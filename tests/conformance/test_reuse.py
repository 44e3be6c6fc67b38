"""What a step may take from an earlier run: by its cache, by a selective execution, and by both at once."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.executions import IMAGE, check, create, run, start, steps, token, wait, work, writes
from tests.support.service import LocalService
from tests.support.serving import BUCKET, Deployer
from tests.support.torture import length

Body = dict[str, Any]
CACHED: Body = {"CacheConfig": {"Enabled": True, "ExpireAfter": "p30d"}}


def get(path: str) -> Body:
    return {"Get": path}


def training(name: str, **more: Any) -> Body:
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/sh", "-c", "echo model > /opt/ml/model/m; echo loss=0.5"],
                "MetricDefinitions": [{"Name": "the loss", "Regex": "loss=([0-9.]+)"}],
            },
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": get("Parameters.Type"), "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        | more,
        **CACHED,
    }


def source(step: Body) -> str | None:
    found: str | None = step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    return found


def reused(step: Body) -> str | None:
    found: str | None = step.get("SelectiveExecutionResult", {}).get("SourcePipelineExecutionArn")
    return found


def test_a_chain_of_cached_steps_hits_as_long_as_what_it_hands_on_is_the_same(local: LocalService) -> None:
    loss = get("Steps.First.FinalMetricDataList['the loss'].Value")
    hyperparameters = {
        "of": get("Steps.First.ModelArtifacts.S3ModelArtifacts"),
        "loss": {"Std:Join": {"Values": [loss]}},
        "word": get("Parameters.Word"),
    }
    name = create(
        local,
        training("First"),
        training("Second", HyperParameters=hyperparameters),
        work("Third", arguments={"Environment": {"JOB": get("Steps.Second.TrainingJobName")}}, **CACHED),
        check("Gate", loss, 0.5, []),
        parameters=[{"Name": "Type", "DefaultValue": "ml.m5.large"}, {"Name": "Word", "DefaultValue": "a"}],
    )

    def hits(**given: str) -> tuple[str, dict[str, str | None]]:
        done = run(local, name, given=given)
        assert done["PipelineExecutionStatus"] == "Succeeded"
        arn = str(done["PipelineExecutionArn"])
        return arn, {key: source(step) for key, step in steps(local, arn).items()}

    first, none = hits()
    assert set(none.values()) == {None}
    second, all_ = hits(Type="ml.m5.4xlarge")
    assert all_ == {"First": first, "Second": first, "Third": first, "Gate": None}, "an instance type is no matter"
    third, some = hits(Word="b")
    assert some == {"First": first, "Second": None, "Third": None, "Gate": None}, "another job name is another argument"
    _, again = hits(Word="b")
    assert again == {"First": first, "Second": third, "Third": third, "Gate": None}
    found = steps(local, second)
    assert found["First"]["Metadata"] == steps(local, first)["First"]["Metadata"]
    assert found["First"]["StartTime"] <= found["First"]["EndTime"]


def test_a_job_that_was_deleted_is_run_again(local: LocalService) -> None:
    name = create(local, work("Only", **CACHED))
    first = steps(local, run(local, name)["PipelineExecutionArn"])["Only"]
    job = first["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    local.sagemaker.delete_processing_job(ProcessingJobName=job)
    again = steps(local, run(local, name)["PipelineExecutionArn"])["Only"]
    assert source(again) is None and again["Metadata"] != first["Metadata"]


def test_what_refers_to_a_job_that_was_deleted_fails_with_the_reason(local: LocalService) -> None:
    say = {"Name": "Say", "Type": "Fail", "Arguments": {"ErrorMessage": get("Steps.Only.ProcessingJobName")}}
    name = create(local, work("Only"), say)
    earlier = run(local, name)["PipelineExecutionArn"]
    job = steps(local, earlier)["Only"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    assert steps(local, earlier)["Say"]["FailureReason"] == job
    local.sagemaker.delete_processing_job(ProcessingJobName=job)
    selection = {"SourcePipelineExecutionArn": earlier, "SelectedSteps": [{"StepName": "Say"}]}
    again = run(local, name, SelectiveExecutionConfig=selection)["PipelineExecutionArn"]
    reason = steps(local, again)["Say"]["FailureReason"]
    assert reason.startswith("ClientError: Could not find") and job in reason


@pytest.mark.long
def test_transforms_are_cached_by_the_name_of_their_model(local: LocalService) -> None:
    Deployer(local).model("cached")
    local.s3.put_object(Bucket="bucket", Key="rows/a.csv", Body=b"28,2,133937,9,13,2,0,0,4,1,15024,0,55,37\n")

    def transform(name: str, model: Any) -> Body:
        arguments = {
            "ModelName": model,
            "TransformInput": {
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows/"}},
            },
            "TransformOutput": {
                "S3OutputPath": {
                    "Std:Join": {"On": "/", "Values": ["s3://bucket/out", get("Execution.PipelineExecutionId")]}
                }
            },
            "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        }
        return {"Name": name, "Type": "Transform", "Arguments": arguments, **CACHED}

    container = {"Image": Deployer(local).client.describe_model(ModelName="cached")["PrimaryContainer"]["Image"]}
    model = {
        "Name": "Model",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": container | {"ModelDataUrl": f"s3://{BUCKET}/cached/model.tar.gz"}},
    }
    name = create(local, transform("Named", "cached"), model, transform("Made", get("Steps.Model.ModelName")))
    first = run(local, name)["PipelineExecutionArn"]
    found = steps(local, run(local, name)["PipelineExecutionArn"])
    assert source(found["Named"]) == first, "where the output goes is no matter"
    assert source(found["Made"]) is None, "a Model step makes a model of a new name each time"


SELECTIONS: dict[tuple[str, ...], tuple[str, ...] | str] = {
    ("Make",): ("Make",),
    ("Gate",): ("Make*", "Gate"),
    ("Inner",): ("Make*", "Gate*", "Inner"),
    ("After",): ("Make*", "Gate*", "Inner*", "After"),
    ("Gate", "Inner"): ("Make*", "Gate", "Inner"),
    ("Inner", "After"): ("Make*", "Gate*", "Inner", "After"),
    ("Alone",): ("Alone",),
    ("Alone", "Make"): ("Alone", "Make"),
    ("Make", "Inner"): "Gate",
    ("Make", "After"): "Gate, Inner",
    ("Nobody",): "Nobody",
    ("Make", "Make"): "more than once",
}


@pytest.fixture(scope="module")
def selectable(local: LocalService) -> tuple[str, str]:
    """A pipeline with a branch, and its first execution."""
    gate = {"Std:JsonGet": {"PropertyFile": get("Steps.Make.PropertyFiles.Report"), "Path": "a"}}
    name = create(
        local,
        writes("Make", "a.json", '{"a": 1}'),
        check(
            "Gate",
            gate,
            1,
            [work("Inner", arguments={"Environment": {"JOB": get("Steps.Make.ProcessingJobName")}})],
            [work("Other")],
        ),
        work("After", DependsOn=["Inner"]),
        work("Alone"),
    )
    return name, str(run(local, name)["PipelineExecutionArn"])


@pytest.mark.parametrize("selected", SELECTIONS, ids="-".join)
def test_selections(local: LocalService, selectable: tuple[str, str], selected: tuple[str, ...]) -> None:
    """A star marks steps that are listed with the execution that they were taken from."""
    name, reference = selectable
    config = {
        "SourcePipelineExecutionArn": reference,
        "SelectedSteps": [{"StepName": step} for step in selected],
    }
    expected = SELECTIONS[selected]
    if isinstance(expected, str):
        with pytest.raises(ClientError) as caught:
            start(local, name, SelectiveExecutionConfig=config)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert expected in caught.value.response["Error"]["Message"]
        return
    done = run(local, name, SelectiveExecutionConfig=config)
    assert done["PipelineExecutionStatus"] == "Succeeded"
    assert done["SelectiveExecutionConfig"] == config
    found = steps(local, done["PipelineExecutionArn"])
    assert sorted(step + "*" * (reused(body) == reference) for step, body in found.items()) == sorted(expected)
    before = steps(local, reference)
    for step, body in found.items():
        assert (body["Metadata"] == before[step]["Metadata"]) == (reused(body) is not None or step == "Gate")


def test_without_a_source_only_steps_that_need_nothing_run(local: LocalService, selectable: tuple[str, str]) -> None:
    name, _ = selectable
    config = {"SelectedSteps": [{"StepName": "Inner"}]}
    with pytest.raises(ClientError) as caught:
        start(local, name, SelectiveExecutionConfig=config)
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Invalid SourcePipelineExecutionArn: null. The selected steps [Inner] have dependencies on [Make]",
    }
    done = run(local, name, SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "Alone"}]})
    assert list(steps(local, done["PipelineExecutionArn"])) == ["Alone"]


@pytest.mark.long
def test_a_selective_execution_can_be_the_source_of_another_and_be_retried(local: LocalService) -> None:
    local.s3.put_object(Bucket="bucket", Key="lever/on", Body=b"1")
    place = {"S3Uri": "s3://bucket/lever/", "LocalPath": "/opt/ml/processing/lever", "S3DataType": "S3Prefix"}
    lever = {"ProcessingInputs": [{"InputName": "lever", "S3Input": place | {"S3InputMode": "File"}}]}
    name = create(
        local,
        work("A", **CACHED),
        work("B", "test ! -e /opt/ml/processing/lever/on", arguments=lever, DependsOn=["A"]),
        work("C", DependsOn=["B"]),
    )
    first = run(local, name)
    assert first["PipelineExecutionStatus"] == "Failed", "a source may have failed"

    def select(*selected: str, of: str) -> Body:
        return {"SourcePipelineExecutionArn": of, "SelectedSteps": [{"StepName": step} for step in selected]}

    second = run(local, name, SelectiveExecutionConfig=select("B", "C", of=first["PipelineExecutionArn"]))
    assert second["PipelineExecutionStatus"] == "Failed"
    local.s3.delete_object(Bucket="bucket", Key="lever/on")
    local.s3.put_object(Bucket="bucket", Key="lever/off", Body=b"1")
    arn = second["PipelineExecutionArn"]
    local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, arn)
    assert [reused(found[step]) is not None for step in "ABC"] == [True, False, False]
    third = run(local, name, SelectiveExecutionConfig=select("C", of=arn))
    taken = steps(local, third["PipelineExecutionArn"])
    assert [reused(taken[step]) for step in "ABC"] == [arn, arn, None]
    assert taken["A"]["Metadata"] == steps(local, first["PipelineExecutionArn"])["A"]["Metadata"]


@pytest.mark.torture
def test_a_stop_at_any_moment_leaves_nothing_running_and_a_retry_ends_well(local: LocalService) -> None:
    name = create(
        local,
        writes("A", "a.json", '{"a": 1}'),
        work("B", "sleep 0.1", DependsOn=["A"]),
        check(
            "Gate",
            {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.Report"), "Path": "a"}},
            1,
            [work("C"), work("D", arguments={"Environment": {"OF": get("Steps.C.ProcessingJobName")}})],
        ),
        work("E", DependsOn=["D", "B"]),
    )
    chance, stopped = random.Random(7), 0
    for _ in range(length(1, 8)):
        arn = start(local, name)
        time.sleep(chance.uniform(0, 0.6))
        try:
            local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
        except ClientError as error:  # it was over already
            assert error.response["Error"]["Code"] == "ValidationException"
            continue
        stopped += 1
        assert wait(local, arn)["PipelineExecutionStatus"] == "Stopped"
        assert {step["StepStatus"] for step in steps(local, arn).values()} <= {"Succeeded", "Stopped"}
        jobs = local.sagemaker.list_processing_jobs(NameContains=arn[-12:], MaxResults=100)["ProcessingJobSummaries"]
        assert {job["ProcessingJobStatus"] for job in jobs} <= {"Completed", "Stopped"}
        local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token())
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        assert set(steps(local, arn)) == {"A", "B", "Gate", "C", "D", "E"}
    assert stopped, "some of the moments come before the end"
