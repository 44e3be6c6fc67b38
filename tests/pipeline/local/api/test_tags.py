from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.service import LocalService, local_service
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
    for wrong in ([tag("d"), tag("d")], [tag("aws:x")]):
        with pytest.raises(ClientError) as caught:
            sm.add_tags(ResourceArn=arn, Tags=wrong)
        assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_resource_whose_tags_are_refused_is_not_made(service: LocalService) -> None:
    sm = service.sagemaker
    with pytest.raises(ClientError):
        sm.create_model_package_group(ModelPackageGroupName="g", Tags=[tag("d"), tag("d")])
    sm.create_model_package_group(ModelPackageGroupName="g")
