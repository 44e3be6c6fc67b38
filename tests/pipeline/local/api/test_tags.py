from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.jobs import IMAGE, LINEAR_LEARNER
from tests.support.service import ROLE, LocalService, local_service
from tests.support.stores import empty


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def service(running: LocalService) -> LocalService:
    empty(running.service.store)
    return running


def tag(key: str, value: str = "v") -> dict[str, str]:
    return {"Key": key, "Value": value}


def test_tags_are_added_replaced_listed_and_removed(service: LocalService) -> None:
    sm = service.sagemaker
    arn = sm.create_experiment(ExperimentName="e", Tags=[tag("a", "1"), tag("b", "2")])["ExperimentArn"]
    answer = sm.add_tags(ResourceArn=arn, Tags=[tag("b", "new"), tag("c", "")])
    wanted = [tag("a", "1"), tag("b", "new"), tag("c", "")]
    assert answer["Tags"] == wanted
    assert sm.list_tags(ResourceArn=arn)["Tags"] == wanted
    sm.delete_tags(ResourceArn=arn, TagKeys=["a", "absent"])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == wanted[1:]
    sm.delete_experiment(ExperimentName="e")
    sm.create_experiment(ExperimentName="e")
    assert sm.list_tags(ResourceArn=arn)["Tags"] == []


def test_whatever_has_an_arn_can_be_tagged(service: LocalService) -> None:
    sm, store = service.sagemaker, service.service.store
    arns = service.service.arns
    kinds = {
        "pipeline-execution": arns.execution("p", "abcdefghijkl"),
        "model-package": arns.of("model-package", "g/1"),
        "training-job": arns.of("training-job", "j"),
        "endpoint": arns.of("endpoint", "e"),
    }
    for kind, arn in kinds.items():
        store.insert(kind, arn, {}, arn=arn)
        sm.add_tags(ResourceArn=arn, Tags=[tag("kind", kind)])
        assert sm.list_tags(ResourceArn=arn)["Tags"] == [tag("kind", kind)]


@pytest.mark.parametrize("call", ["list_tags", "add_tags", "delete_tags"])
def test_an_arn_that_is_not_there_is_refused(service: LocalService, call: str) -> None:
    arguments: dict[str, Any] = {"add_tags": {"Tags": [tag("a")]}, "delete_tags": {"TagKeys": ["a"]}}.get(call, {})
    with pytest.raises(ClientError, match="does not exist") as caught:
        getattr(service.sagemaker, call)(
            ResourceArn="arn:aws:sagemaker:us-east-1:123456789012:model/absent", **arguments
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_tags_have_bounds_and_nothing_is_stored_beyond_them(service: LocalService) -> None:
    sm = service.sagemaker
    arn = sm.create_experiment(ExperimentName="e", Tags=[tag(f"k{n}") for n in range(49)])["ExperimentArn"]
    with pytest.raises(ClientError) as caught:
        sm.add_tags(ResourceArn=arn, Tags=[tag("x"), tag("y")])
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert len(sm.list_tags(ResourceArn=arn)["Tags"]) == 49
    sm.add_tags(ResourceArn=arn, Tags=[tag("x"), tag("k0", "again")])
    for wrong in ([tag("d"), tag("d")], [tag("aws:x")], [tag("AWS:x")]):
        with pytest.raises(ClientError) as caught:
            sm.add_tags(ResourceArn=arn, Tags=wrong)
        assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_resource_whose_tags_are_refused_is_not_made(service: LocalService) -> None:
    sm = service.sagemaker
    with pytest.raises(ClientError):
        sm.create_model_package_group(ModelPackageGroupName="g", Tags=[tag("d"), tag("d")])
    sm.create_model_package_group(ModelPackageGroupName="g")


RESERVED = [tag("aws:x")]
TWICE = [tag("d", "1"), tag("d", "2")]
RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
SHELL = ["/bin/sh", "-c", "true"]
STEPS = '{"Version": "2020-12-01", "Steps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}'
VARIANT = {"VariantName": "v", "ModelName": "there", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
CREATED: dict[str, dict[str, Any]] = {
    "model": {"ModelName": "x", "PrimaryContainer": {"Image": LINEAR_LEARNER}},
    "endpoint_config": {"EndpointConfigName": "x", "ProductionVariants": [VARIANT]},
    "endpoint": {"EndpointName": "x", "EndpointConfigName": "there"},
    "processing_job": {
        "ProcessingJobName": "x",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": SHELL},
        "ProcessingResources": {"ClusterConfig": RESOURCES},
    },
    "training_job": {
        "TrainingJobName": "x",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": SHELL,
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": RESOURCES,
    },
    "transform_job": {
        "TransformJobName": "x",
        "ModelName": "there",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    },
    "pipeline": {"PipelineName": "x", "RoleArn": ROLE, "PipelineDefinition": STEPS},
    "model_package_group": {"ModelPackageGroupName": "x"},
    "context": {"ContextName": "x", "ContextType": "t", "Source": {"SourceUri": "s3://bucket/x"}},
}


@pytest.mark.parametrize("wrong", [RESERVED, TWICE], ids=["reserved", "twice"])
@pytest.mark.parametrize("kind", CREATED)
def test_what_is_made_has_the_tags_that_could_be_added_to_it_or_is_not_made(
    service: LocalService, kind: str, wrong: list[dict[str, str]]
) -> None:
    sm = service.sagemaker
    sm.create_model(ModelName="there", PrimaryContainer={"Image": LINEAR_LEARNER})
    sm.create_endpoint_config(EndpointConfigName="there", ProductionVariants=[VARIANT])
    with pytest.raises(ClientError) as caught:
        getattr(sm, f"create_{kind}")(**CREATED[kind], Tags=wrong)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert service.service.store.get(kind.replace("_", "-"), "x") is None
