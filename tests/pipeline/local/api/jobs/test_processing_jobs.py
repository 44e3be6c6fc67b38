"""The actions on processing jobs, over HTTP with boto3, as a client of AWS would use them."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.jobs import BUCKET, IMAGE, Bench
from tests.support.service import ROLE, local_service

Body = dict[str, Any]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("api")) as local:
        made = Bench(local)
        made.put("data/a", "1")
        yield made


def request(name: str) -> Body:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [
            {
                "InputName": "data",
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/data/",
                    "LocalPath": "/opt/ml/processing/input/data",
                    "S3DataType": "S3Prefix",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/out/",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }


def refused(bench: Bench, call: str, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        getattr(bench.local.sagemaker, call)(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_create_answers_the_arn_and_describe_shows_the_defaults(bench: Bench) -> None:
    sagemaker = bench.local.sagemaker
    arn = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/first"
    assert sagemaker.create_processing_job(**request("first"))["ProcessingJobArn"] == arn
    bench.ended("Processing", "first")
    shown = sagemaker.describe_processing_job(ProcessingJobName="first")
    assert shown["ProcessingJobArn"] == arn
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert shown["ProcessingInputs"][0] == {
        "InputName": "data",
        "AppManaged": False,
        "S3Input": request("")["ProcessingInputs"][0]["S3Input"]
        | {"S3InputMode": "File", "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"},
    }
    assert shown["ProcessingOutputConfig"]["Outputs"][0]["AppManaged"] is False
    assert shown["ProcessingResources"] == request("")["ProcessingResources"]
    assert "Tags" not in shown


def test_a_name_can_be_used_once(bench: Bench) -> None:
    bench.local.sagemaker.create_processing_job(**request("once"))
    assert refused(bench, "create_processing_job", **request("once")) == (
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists"
        " (arn:aws:sagemaker:us-east-1:123456789012:processing-job/once)",
    )


def test_an_unknown_name_is_a_validation_error(bench: Bench) -> None:
    name = {"ProcessingJobName": "nobody"}
    assert refused(bench, "describe_processing_job", **name) == (
        "ValidationException",
        "Could not find requested job with name: nobody",
    )
    assert refused(bench, "stop_processing_job", **name)[0] == "ValidationException"
    assert refused(bench, "delete_processing_job", **name)[0] == "ValidationException"


def test_a_job_that_is_over_cannot_be_stopped_and_can_be_deleted(bench: Bench) -> None:
    bench.local.sagemaker.create_processing_job(**request("over"))
    bench.ended("Processing", "over")
    assert refused(bench, "stop_processing_job", ProcessingJobName="over") == (
        "ValidationException",
        "The request was rejected because the processing job is in status Completed.",
    )
    bench.local.sagemaker.delete_processing_job(ProcessingJobName="over")
    assert refused(bench, "describe_processing_job", ProcessingJobName="over")[0] == "ValidationException"


def test_a_running_job_cannot_be_deleted_and_may_be_stopped_twice(bench: Bench) -> None:
    given = request("running")
    given["AppSpecification"]["ContainerEntrypoint"] = ["sleep", "60"]
    bench.local.sagemaker.create_processing_job(**given)
    assert refused(bench, "delete_processing_job", ProcessingJobName="running")[0] == "ResourceInUse"
    bench.local.sagemaker.stop_processing_job(ProcessingJobName="running")
    try:
        bench.local.sagemaker.stop_processing_job(ProcessingJobName="running")
    except ClientError as error:
        assert "in status Stopped" in str(error)
    assert bench.ended("Processing", "running")["ProcessingJobStatus"] == "Stopped"


def changed(**paths: Any) -> Body:
    """A request with members replaced; a path is written `A__0__B`, the value None removes."""
    given = copy.deepcopy(request("bad"))
    for path, value in paths.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        place: Any = given
        for part in parents:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            changed(ProcessingInputs__0__S3Input__S3Uri="s3://bucket/none/"),
            'No S3 objects found under S3 URL "s3://bucket/none/" given in input data source. Please ensure that the'
            " bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the"
            f' role "{ROLE}" has "s3:ListBucket" permissions on bucket "bucket".',
        ),
        (changed(ProcessingInputs__0__S3Input__S3Uri="s3://no-bucket/x"), "No S3 objects found under S3 URL"),
        (changed(ProcessingInputs__0__S3Input__S3Uri="https://x/y"), "is not an S3 URI"),
        (changed(ProcessingInputs__0__S3Input__LocalPath="/tmp/x"), "must be an absolute path that begins with"),
        (changed(ProcessingInputs__0__S3Input__LocalPath="/opt/ml/processing/../x"), "must be an absolute path"),
        (changed(ProcessingInputs__0__S3Input__LocalPath="relative"), "must be an absolute path"),
        (changed(ProcessingInputs__0__S3Input__LocalPath=None), "must have a LocalPath"),
        (changed(ProcessingInputs__0__S3Input__S3CompressionType="Gzip"), "Gzip can only be used if"),
        (changed(ProcessingInputs__0__S3Input=None), "must have an S3Input"),
        (changed(ProcessingOutputConfig__Outputs__0__S3Output__LocalPath="/etc"), "must be an absolute path"),
        (changed(ProcessingOutputConfig__Outputs__0__S3Output__S3Uri="https://x"), "is not an S3 URI"),
        (changed(ProcessingInputs=request("")["ProcessingInputs"] * 2), "must be unique; 'data'"),
        (changed(AppSpecification__ContainerEntrypoint=None), "has no program for 'process'"),
        (
            changed(AppSpecification__ImageUri="1.dkr.ecr.us-east-1.amazonaws.com/own/image:3"),
            "There is one for: linear-learner, sagemaker-scikit-learn, sagemaker-xgboost",
        ),
        (changed(ProcessingResources__ClusterConfig__InstanceCount=None), "must have InstanceCount"),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_created(bench: Bench, given: Body, message: str) -> None:
    code, text = refused(bench, "create_processing_job", **given)
    assert code == "ValidationException"
    assert message in text
    assert refused(bench, "describe_processing_job", ProcessingJobName="bad")[0] == "ValidationException"


@pytest.mark.parametrize("name", ["../x", "a/b", "-a", "a" * 64, "a b", ""])
def test_hostile_names_are_refused_by_the_model(bench: Bench, name: str) -> None:
    from botocore.exceptions import ParamValidationError

    with pytest.raises((ClientError, ParamValidationError)):
        bench.local.sagemaker.create_processing_job(**request(name))


def test_listing_filters_sorts_and_pages(bench: Bench) -> None:
    sagemaker = bench.local.sagemaker
    for index in range(5):
        sagemaker.create_processing_job(**request(f"listed-{index}"))
        bench.ended("Processing", f"listed-{index}")
    failing = request("listed-failed")
    failing["AppSpecification"]["ContainerEntrypoint"] = ["false"]
    sagemaker.create_processing_job(**failing)
    bench.ended("Processing", "listed-failed")

    def names(**given: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_processing_jobs").paginate(NameContains="listed", **given)
        return [entry["ProcessingJobName"] for page in pages for entry in page["ProcessingJobSummaries"]]

    oldest = [f"listed-{index}" for index in range(5)] + ["listed-failed"]
    assert names() == oldest
    assert names(SortOrder="Descending", PaginationConfig={"PageSize": 2}) == oldest[::-1]
    assert names(SortBy="Name") == sorted(oldest)
    assert names(StatusEquals="Failed") == ["listed-failed"]
    (failed,) = sagemaker.list_processing_jobs(NameContains="LISTED-F")["ProcessingJobSummaries"]
    assert failed["FailureReason"] == "AlgorithmError: , exit code: 1"
    assert set(failed) == {
        "ProcessingJobName",
        "ProcessingJobArn",
        "CreationTime",
        "ProcessingEndTime",
        "LastModifiedTime",
        "ProcessingJobStatus",
        "FailureReason",
    }


def test_tags_of_the_request_are_the_jobs(bench: Bench) -> None:
    arn = bench.local.sagemaker.create_processing_job(**request("tagged"), Tags=[{"Key": "k", "Value": "v"}])
    tags = bench.local.sagemaker.list_tags(ResourceArn=arn["ProcessingJobArn"])["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]


def test_a_name_that_is_used_again_at_once_keeps_its_new_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.process("", ProcessingJobName="again")
    really, again = shutil.rmtree, list[str]()

    def rmtree(path: Path, **more: Any) -> None:
        if not again:
            again.append(str(path))
            bench.process("", ProcessingJobName="again")
        really(path, **more)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    bench.local.service.call("DeleteProcessingJob", {"ProcessingJobName": "again"})
    folder = bench.local.service.state.jobs / "processing-job"
    assert again and (folder / "again" / "log").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
