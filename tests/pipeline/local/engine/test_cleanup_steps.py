"""Cleanup steps delete what earlier steps wrote, over HTTP with real jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.executions import check, create, run, steps, work, writes
from tests.support.service import LocalService, local_service

TRAINER = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("cleanup")) as running:
        running.s3.create_bucket(Bucket="bucket")
        yield running


def cleanup(*sources: dict[str, Any], name: str = "Clean") -> dict[str, Any]:
    waits = [{"Step": source["StepName"], "Trigger": "Any"} for source in sources]
    return {"Name": name, "Type": "Cleanup", "Arguments": {"Resources": {"S3": list(sources)}}, "DependsOn": waits}


def training(name: str) -> dict[str, Any]:
    command = "echo weights > /opt/ml/model/weights; mkdir -p /opt/ml/output/data; echo more > /opt/ml/output/data/more"
    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": TRAINER,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", command],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments}


def keys(local: LocalService, prefix: str) -> list[str]:
    return [found.key for found in local.service.objects.list("bucket", prefix)]


def cleaned(local: LocalService, *given: dict[str, Any]) -> dict[str, Any]:
    """The Cleanup step after a run of these steps."""
    found = steps(local, run(local, create(local, *given))["PipelineExecutionArn"])
    return found["Clean"]


def outcome(*, cleaned: Any = (), skipped: Any = (), failed: Any = ()) -> dict[str, Any]:
    return {"Cleanup": {"CleanedSteps": list(cleaned), "FailedSteps": list(failed), "SkippedSteps": list(skipped)}}


def test_named_objects_of_a_processing_step_are_deleted_and_nothing_else(local: LocalService) -> None:
    place = {"Get": "Steps.Work.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    uri = {"Std:Join": {"On": "/", "Values": [place, "a.json"]}}
    local.s3.put_object(Bucket="bucket", Key="Work/b.json", Body=b"kept")
    step = cleaned(local, writes("Work", "a.json", "1"), cleanup({"StepName": "Work", "S3Uris": [uri]}))
    assert (step["StepStatus"], step["Metadata"]) == ("Succeeded", outcome(cleaned=["Work"]))
    assert keys(local, "Work/") == ["Work/b.json"]


def test_the_artefacts_of_a_training_step_are_found(local: LocalService) -> None:
    step = cleaned(local, training("Train"), cleanup({"StepName": "Train"}))
    assert (step["StepStatus"], step["Metadata"]) == ("Succeeded", outcome(cleaned=["Train"]))
    assert [key for key in keys(local, "models/") if key.endswith(".tar.gz")] == []


def test_a_step_that_did_not_run_is_skipped(local: LocalService) -> None:
    gate = check("Gate", 1, 1, [], [training("Train")])
    clean = cleanup({"StepName": "Train"}) | {"DependsOn": ["Gate"]}
    step = cleaned(local, gate, clean)
    assert (step["StepStatus"], step["Metadata"]) == ("Succeeded", outcome(skipped=["Train"]))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"StepName": "Work", "S3Uris": ["s3://bucket/elsewhere/a.json"]},
            "s3://bucket/elsewhere/a.json is not below an output of the step Work.",
        ),
        ({"StepName": "Work"}, "S3Uris must name the objects of the step Work, which is no Training step."),
    ],
)
def test_what_cannot_be_deleted_fails_the_step_and_keeps_nothing_else(
    local: LocalService, source: dict[str, Any], message: str
) -> None:
    local.s3.put_object(Bucket="bucket", Key="elsewhere/a.json", Body=b"kept")
    other = {"StepName": "Other", "S3Uris": ["s3://bucket/Other/o.json"]}
    step = cleaned(local, writes("Work", "a.json", "1"), writes("Other", "o.json", "1"), cleanup(source, other))
    failure = {"StepName": "Work", "ErrorCode": "ClientError", "ErrorMessage": message}
    assert step["StepStatus"] == "Failed" and step["FailureReason"] == f"ClientError: {message}"
    assert step["Metadata"] == outcome(cleaned=["Other"], failed=[failure])
    assert keys(local, "Other/") == [] and keys(local, "elsewhere/") and keys(local, "Work/a.json")


def test_a_step_in_a_network_of_its_own_cannot_be_cleaned_up(local: LocalService) -> None:
    network = {"NetworkConfig": {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}}
    source = {"StepName": "Work", "S3Uris": ["s3://bucket/Work/a.json"]}
    step = cleaned(local, work("Work", arguments=network), cleanup(source))
    assert "VpcConfig" in step["FailureReason"]
