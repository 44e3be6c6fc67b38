from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.service import LocalService, local_service

NUMBERS = itertools.count()
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
SPECIFICATION = {
    "Containers": [
        {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1", "ModelDataUrl": "s3://b/model.tar.gz"}
    ],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def sm(service: LocalService) -> Any:
    return service.sagemaker


@pytest.fixture
def group(sm: Any) -> str:
    name = f"Group-{next(NUMBERS)}"
    sm.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="d")
    return name


def refused(call: Any, code: str, text: str, **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]


def version(sm: Any, group: str, **arguments: Any) -> str:
    made = sm.create_model_package(ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **arguments)
    return str(made["ModelPackageArn"])


def test_a_group_is_described_by_name_and_arn_and_there_once(sm: Any, group: str) -> None:
    arn = f"{ARN}:model-package-group/{group}"
    for name in (group, arn):
        found = sm.describe_model_package_group(ModelPackageGroupName=name)
        assert (found["ModelPackageGroupArn"], found["ModelPackageGroupStatus"]) == (arn, "Completed")
        assert found["ModelPackageGroupDescription"] == "d"
    refused(
        sm.create_model_package_group,
        "ValidationException",
        f"Model Package Group already exists: {arn}",
        ModelPackageGroupName=group,
    )
    refused(
        sm.describe_model_package_group,
        "ValidationException",
        f"ModelPackageGroup {ARN}:model-package-group/absent does not exist.",
        ModelPackageGroupName="absent",
    )


def test_versions_count_up_and_await_approval(sm: Any, group: str) -> None:
    arns = [version(sm, group), version(sm, f"{ARN}:model-package-group/{group}"), version(sm, group)]
    assert arns == [f"{ARN}:model-package/{group}/{number}" for number in (1, 2, 3)]
    found = sm.describe_model_package(ModelPackageName=arns[1])
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert (found["ModelPackageGroupName"], found["ModelPackageVersion"]) == (group, 2)
    assert (found["ModelPackageStatus"], found["InferenceSpecification"]) == ("Completed", SPECIFICATION)
    sm.delete_model_package(ModelPackageName=arns[2])
    refused(sm.describe_model_package, "ValidationException", "does not exist", ModelPackageName=arns[2])
    assert version(sm, group).endswith("/4")


def test_a_version_has_no_name_but_its_arn(sm: Any, group: str) -> None:
    arn = version(sm, group)
    found = sm.describe_model_package(ModelPackageName=arn)
    assert "ModelPackageName" not in found and found["ModelPackageArn"] == arn


def test_a_group_of_the_same_name_in_another_region_is_another_one(sm: Any, group: str) -> None:
    version(sm, group)
    arn = f"{ARN}:model-package-group/{group}"
    for name, count in ((group, 1), (arn, 1), (arn.replace("us-east-1", "eu-west-1"), 0)):
        assert len(sm.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]) == count


def test_versions_made_at_once_are_distinct(service: LocalService, group: str) -> None:
    def make(_: int) -> str:
        request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION}
        return str(service.service.call("CreateModelPackage", request)["ModelPackageArn"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(40)))) == 40


def test_an_update_changes_what_it_names_and_nothing_else(sm: Any, group: str) -> None:
    arn = version(sm, group, CustomerMetadataProperties={"a": "1"}, SourceUri="s3://b/src", Task="OTHER")
    sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good")
    sm.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"b": "2", "c": "3"})
    sm.update_model_package(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["a", "none"])
    life = {"Stage": "Prod", "StageStatus": "Approved"}
    sm.update_model_package(ModelPackageArn=arn, ModelLifeCycle=life)
    found = sm.describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "good")
    assert found["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert (found["ModelLifeCycle"], found["SourceUri"], found["Task"]) == (life, "s3://b/src", "OTHER")
    assert found["LastModifiedTime"] >= found["CreationTime"]
    refused(sm.update_model_package, "ValidationException", "does not exist", ModelPackageArn=f"{arn}9")


def test_additional_specifications_are_added_under_distinct_names(sm: Any, group: str) -> None:
    arn = version(sm, group)
    extra = {"Name": "gpu", "Containers": [{"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1"}]}
    sm.update_model_package(ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[extra])
    assert sm.describe_model_package(ModelPackageName=arn)["AdditionalInferenceSpecifications"] == [extra]
    refused(
        sm.update_model_package,
        "ValidationException",
        "unique",
        ModelPackageArn=arn,
        AdditionalInferenceSpecificationsToAdd=[extra],
    )


def test_a_model_card_is_checked_kept_and_left_out_on_request(sm: Any, group: str) -> None:
    content = json.dumps({"model_overview": {"model_name": "zero"}})
    arn = version(sm, group, ModelCard={"ModelCardContent": content, "ModelCardStatus": "Draft"})
    sm.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Approved"})
    card = sm.describe_model_package(ModelPackageName=arn)["ModelCard"]
    assert card == {"ModelCardContent": content, "ModelCardStatus": "Approved"}
    short = sm.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")["ModelCard"]
    assert short == {"ModelCardStatus": "Approved"}
    for wrong, text in (("[]", "JSON object"), ("{", "JSON object"), ('{"other": 1}', "no section 'other'")):
        refused(
            sm.create_model_package,
            "ValidationException",
            text,
            ModelPackageGroupName=group,
            ModelCard={"ModelCardContent": wrong, "ModelCardStatus": "Draft"},
        )


def test_versions_are_listed_newest_first_filtered_and_in_pages(sm: Any, group: str) -> None:
    arns = [version(sm, group) for _ in range(5)]
    sm.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    pages = sm.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 2}
    )
    found = [[item["ModelPackageArn"] for item in page["ModelPackageSummaryList"]] for page in pages]
    assert found == [[arns[4], arns[3]], [arns[2], arns[1]], [arns[0]]]
    approved = sm.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
    assert [item["ModelPackageArn"] for item in approved["ModelPackageSummaryList"]] == [arns[1]]
    ascending = sm.list_model_packages(ModelPackageGroupName=group, SortOrder="Ascending", MaxResults=1)
    assert ascending["ModelPackageSummaryList"][0]["ModelPackageVersion"] == 1
    by_arn = sm.list_model_packages(ModelPackageGroupName=f"{ARN}:model-package-group/{group}")
    assert len(by_arn["ModelPackageSummaryList"]) == 5
    assert "ModelPackageName" not in by_arn["ModelPackageSummaryList"][0]


def test_unversioned_packages_live_under_their_names(sm: Any) -> None:
    name = f"plain-{next(NUMBERS)}"
    made = sm.create_model_package(
        ModelPackageName=name, InferenceSpecification=SPECIFICATION, Tags=[{"Key": "a", "Value": "b"}]
    )
    assert made["ModelPackageArn"] == f"{ARN}:model-package/{name}"
    found = sm.describe_model_package(ModelPackageName=name)
    assert (found["ModelPackageName"], "ModelApprovalStatus" in found) == (name, False)
    assert sm.list_tags(ResourceArn=made["ModelPackageArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    listed = [item["ModelPackageName"] for item in sm.list_model_packages(NameContains=name)["ModelPackageSummaryList"]]
    assert listed == [name]
    again = {"ModelPackageName": name, "InferenceSpecification": SPECIFICATION}
    refused(sm.create_model_package, "ValidationException", "already exists", **again)
    sm.delete_model_package(ModelPackageName=name)
    sm.create_model_package(**again)


def test_names_that_contradict_are_refused(sm: Any, group: str) -> None:
    both = {"ModelPackageName": "x", "ModelPackageGroupName": group}
    refused(sm.create_model_package, "ValidationException", "Both ModelPackageName and ModelPackageGroupName", **both)
    refused(sm.create_model_package, "ValidationException", "Missing ARN.")
    tags = {"ModelPackageGroupName": group, "Tags": [{"Key": "a", "Value": "b"}]}
    refused(sm.create_model_package, "ValidationException", "Tags", **tags)
    absent = {"ModelPackageGroupName": "absent"}
    refused(sm.create_model_package, "ValidationException", "does not exist", **absent)


def test_a_client_token_makes_one_version(sm: Any, group: str) -> None:
    first = version(sm, group, ClientToken="token-1")
    assert version(sm, group, ClientToken="token-1") == first
    assert version(sm, group, ClientToken="token-2") != first
    other = {"ModelPackageGroupName": group, "ClientToken": "token-1", "Task": "OTHER"}
    refused(sm.create_model_package, "ConflictException", "ClientToken", **other)


def test_a_batch_describes_those_that_are_there(sm: Any, group: str) -> None:
    arn = version(sm, group)
    absent = f"{ARN}:model-package/{group}/99"
    answer = sm.batch_describe_model_package(ModelPackageArnList=[arn, absent])
    assert answer["ModelPackageSummaries"][arn]["InferenceSpecification"] == SPECIFICATION
    assert list(answer["BatchDescribeModelPackageErrorMap"]) == [absent]


def test_a_group_goes_when_its_versions_have_gone(sm: Any, group: str) -> None:
    arn = version(sm, group)
    refused(sm.delete_model_package_group, "ConflictException", group, ModelPackageGroupName=group)
    sm.delete_model_package(ModelPackageName=arn)
    sm.delete_model_package_group(ModelPackageGroupName=group)
    refused(sm.delete_model_package_group, "ValidationException", "does not exist", ModelPackageGroupName=group)


def test_policies_of_groups(sm: Any, group: str) -> None:
    get = sm.get_model_package_group_policy
    refused(get, "ValidationException", "Cannot find resource policy", ModelPackageGroupName=group)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    sm.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert get(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    put = sm.put_model_package_group_policy
    refused(put, "ValidationException", "policy", ModelPackageGroupName=group, ResourcePolicy="{")
    sm.delete_model_package_group_policy(ModelPackageGroupName=group)
    refused(get, "ValidationException", "Cannot find resource policy", ModelPackageGroupName=group)
    refused(get, "ValidationException", "Cannot find Model Package Group", ModelPackageGroupName="absent")


@pytest.mark.parametrize("action", ["PutModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"])
def test_a_group_that_is_deleted_meanwhile_is_no_fault(
    service: LocalService, group: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.service.store
    found, others = store.get, []

    def get(kind: str, name: str) -> Any:
        body = found(kind, name)
        if not others:
            others.append(threading.Thread(target=store.delete, args=(kind, name)))
            others[0].start()
            others[0].join(0.2)  # where it can, it comes between the look and the change
        return body

    monkeypatch.setattr(store, "get", get)
    policy = {"ResourcePolicy": "{}"} if action.startswith("Put") else {}
    service.service.call(action, {"ModelPackageGroupName": group} | policy)
    others[0].join()
    assert found("model-package-group", group) is None


def test_an_approval_reaches_a_queue_as_an_event(service: LocalService, sm: Any, group: str) -> None:
    events, sqs = service.client("events"), service.client("sqs")
    url = sqs.create_queue(QueueName="approvals")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelApprovalStatus": ["Approved"], "ModelPackageGroupName": [group]},
    }
    events.put_rule(Name="approvals", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="approvals", Targets=[{"Id": "1", "Arn": queue}])
    arn = version(sm, group)
    sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    for _ in range(50):
        received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        if received:
            break
    event = json.loads(received[0]["Body"])
    assert event["resources"] == [arn]
    assert (event["detail"]["ModelPackageVersion"], event["detail"]["ModelPackageStatus"]) == (1, "Completed")


def test_an_unversioned_package_has_no_approval(sm: Any) -> None:
    text = "ModelApprovalStatus does not apply to an unversioned model package."
    request = {"ModelPackageName": f"alone-{next(NUMBERS)}", "InferenceSpecification": SPECIFICATION}
    refused(sm.create_model_package, "ValidationException", text, **request, ModelApprovalStatus="Approved")
    arn = sm.create_model_package(**request)["ModelPackageArn"]
    refused(sm.update_model_package, "ValidationException", text, ModelPackageArn=arn, ModelApprovalStatus="Approved")


def test_a_package_has_at_most_fifty_properties_and_fifteen_additional_specifications(sm: Any, group: str) -> None:
    arn = version(sm, group, CustomerMetadataProperties={f"key{number}": "v" for number in range(49)})
    update = sm.update_model_package
    update(ModelPackageArn=arn, CustomerMetadataProperties={"key49": "v"})
    text = "A model package has at most 50 customer metadata properties, not 51."
    refused(update, "ValidationException", text, ModelPackageArn=arn, CustomerMetadataProperties={"key50": "v"})

    def more(*names: str) -> list[dict[str, Any]]:
        return [{"Name": name, "Containers": SPECIFICATION["Containers"]} for name in names]

    update(ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=more(*map(str, range(15))))
    for name, text in [("15", "at most 15 additional specifications, not 16"), ("0", "must be unique")]:
        added = more(name)
        refused(update, "ValidationException", text, ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=added)
