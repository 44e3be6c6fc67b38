"""The actions on training jobs, over HTTP with boto3, as a client of AWS would use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.jobs import BUCKET, IMAGE, LINEAR_LEARNER, Bench, channel
from tests.support.service import ROLE, local_service

Body = dict[str, Any]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("api")) as local:
        made = Bench(local)
        made.put("data/a", "1")
        yield made


def request(name: str, **more: Any) -> Body:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
        },
        "InputDataConfig": [channel("train", "data/")],
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | more


def algorithm(**more: Any) -> Body:
    return request("")["AlgorithmSpecification"] | more


def refused(bench: Bench, call: str, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        getattr(bench.local.sagemaker, call)(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_describe_shows_the_defaults_from_the_start(bench: Bench) -> None:
    sagemaker = bench.local.sagemaker
    arn = sagemaker.create_training_job(**request("first", StoppingCondition={}))["TrainingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:training-job/first"
    shown = sagemaker.describe_training_job(TrainingJobName="first")
    assert shown["TrainingJobArn"] == arn
    assert shown["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/models/first/output/model.tar.gz"
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert shown["InputDataConfig"][0]["CompressionType"] == "None"
    assert shown["InputDataConfig"][0]["RecordWrapperType"] == "None"
    assert shown["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "FullyReplicated"
    assert (shown["EnableNetworkIsolation"], shown["EnableManagedSpotTraining"]) == (False, False)
    assert shown["SecondaryStatusTransitions"][0]["Status"] == "Starting"
    bench.ended("Training", "first")


def test_a_name_can_be_used_once(bench: Bench) -> None:
    bench.local.sagemaker.create_training_job(**request("once"))
    assert refused(bench, "create_training_job", **request("once")) == (
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, and a training job with this name already"
        " exists (arn:aws:sagemaker:us-east-1:123456789012:training-job/once)",
    )


def test_an_unknown_name_is_a_validation_error(bench: Bench) -> None:
    expected = ("ValidationException", "Requested resource not found.")
    assert refused(bench, "describe_training_job", TrainingJobName="nobody") == expected
    assert refused(bench, "stop_training_job", TrainingJobName="nobody") == expected


def test_a_job_that_is_over_cannot_be_stopped(bench: Bench) -> None:
    bench.local.sagemaker.create_training_job(**request("over"))
    bench.ended("Training", "over")
    assert refused(bench, "stop_training_job", TrainingJobName="over") == (
        "ValidationException",
        "The request was rejected because the training job is in status Completed.",
    )
    bench.local.sagemaker.delete_training_job(TrainingJobName="over")
    assert refused(bench, "describe_training_job", TrainingJobName="over")[0] == "ValidationException"


def test_linear_learner_gets_the_metric_definitions_of_the_service(bench: Bench) -> None:
    given = request(
        "ll",
        AlgorithmSpecification={"TrainingImage": LINEAR_LEARNER, "TrainingInputMode": "File"},
        HyperParameters={"predictor_type": "regressor"},
    )
    bench.local.sagemaker.create_training_job(**given)
    shown = bench.local.sagemaker.describe_training_job(TrainingJobName="ll")["AlgorithmSpecification"]
    names = [entry["Name"] for entry in shown["MetricDefinitions"]]
    # A real job shows those of every predictor type.
    assert {"validation:mse", "test:macro_recall", "train:recall"} < set(names) and len(names) == 40
    bench.ended("Training", "ll")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"InputDataConfig": [channel("train", "none/")]},
            'No S3 objects found under S3 URL "s3://bucket/none/" given in input data source.',
        ),
        ({"InputDataConfig": [channel("a", "data/")] * 2}, "ChannelName must be unique; 'a'"),
        ({"InputDataConfig": [channel("..", "data/")]}, "no file name"),
        (
            {"InputDataConfig": [channel("a", "data/", source={"S3DataType": "AugmentedManifestFile"})]},
            "no S3DataType AugmentedManifestFile",
        ),
        ({"OutputDataConfig": {"S3OutputPath": "https://x"}}, "is not an S3 URI"),
        ({"AlgorithmSpecification": {"AlgorithmName": "x", "TrainingInputMode": "File"}}, "must have a TrainingImage"),
        (
            {"AlgorithmSpecification": algorithm(TrainingImage="nobody/knows")},
            "no program that stands in for the image",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": LINEAR_LEARNER,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "x", "Regex": "x"}],
                }
            },
            "You can't override the metric definitions for Amazon SageMaker algorithms.",
        ),
        ({"ResourceConfig": {"InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}}, "must have InstanceCount"),
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds is required"),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 30},
            },
            "Invalid MaxWaitTimeInSeconds.",
        ),
        ({"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/etc"}}, "must be below /opt/ml"),
    ],
)
def test_what_cannot_run_is_refused_when_it_is_created(bench: Bench, more: Body, message: str) -> None:
    code, text = refused(bench, "create_training_job", **request("bad", **more))
    assert code == "ValidationException"
    assert message in text
    assert refused(bench, "describe_training_job", TrainingJobName="bad")[0] == "ValidationException"


def test_listing_shows_training_jobs_oldest_first(bench: Bench) -> None:
    for name in ("listed-b", "listed-a"):
        bench.local.sagemaker.create_training_job(**request(name))
        bench.ended("Training", name)
    summaries = bench.local.sagemaker.list_training_jobs(NameContains="listed")["TrainingJobSummaries"]
    assert [entry["TrainingJobName"] for entry in summaries] == ["listed-b", "listed-a"]
    assert {"TrainingEndTime", "SecondaryStatus", "TrainingJobStatus"} <= set(summaries[0])
    by_name = bench.local.sagemaker.list_training_jobs(NameContains="listed", SortBy="Name", MaxResults=1)
    assert [entry["TrainingJobName"] for entry in by_name["TrainingJobSummaries"]] == ["listed-a"]
    assert by_name["NextToken"]


def test_listing_filters_by_warm_pool_and_training_plan(bench: Bench) -> None:
    plan = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/a-plan"
    more = {"ResourceConfig": request("x")["ResourceConfig"] | {"TrainingPlanArn": plan}}
    sm = bench.local.sagemaker
    sm.create_training_job(**request("planned", **more))

    def names(**filters: str) -> list[str]:
        return [found["TrainingJobName"] for found in sm.list_training_jobs(**filters)["TrainingJobSummaries"]]

    assert names(TrainingPlanArnEquals=plan) == ["planned"]
    assert names(TrainingPlanArnEquals=f"{plan}-b") == []
    assert names(WarmPoolStatusEquals="Available") == []
    bench.ended("Training", "planned")
