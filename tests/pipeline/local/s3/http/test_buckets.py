from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.s3_requests import error_of
from tests.support.service import local_service

GETTERS = {
    "policy": "NoSuchBucketPolicy",
    "lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "cors": "NoSuchCORSConfiguration",
    "tagging": "NoSuchTagSet",
    "website": "NoSuchWebsiteConfiguration",
    "replication": "ReplicationConfigurationNotFoundError",
    "policy_status": "NoSuchBucketPolicy",
}


@pytest.mark.parametrize("name", sorted(GETTERS))
def test_a_document_that_was_not_put_has_its_own_error(s3: Any, bucket: str, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(s3, f"get_bucket_{name}")(Bucket=bucket)
    assert error_of(caught.value) == (GETTERS[name], 404)
    with pytest.raises(ClientError) as caught:
        getattr(s3, f"get_bucket_{name}")(Bucket="no-such-bucket")
    assert error_of(caught.value) == ("NoSuchBucket", 404)


def test_documents_come_back_as_they_were_put_until_they_are_deleted(s3: Any, bucket: str) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    s3.delete_bucket_policy(Bucket=bucket)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    s3.delete_bucket_cors(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "ü"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "ü"}]
    s3.delete_bucket_tagging(Bucket=bucket)
    for getter in (s3.get_bucket_policy, s3.get_bucket_cors, s3.get_bucket_tagging):
        with pytest.raises(ClientError):
            getter(Bucket=bucket)


def test_a_new_bucket_has_the_defaults_of_aws(s3: Any, bucket: str) -> None:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    s3.delete_public_access_block(Bucket=bucket)
    with pytest.raises(ClientError) as caught:
        s3.get_public_access_block(Bucket=bucket)
    assert error_of(caught.value) == ("NoSuchPublicAccessBlockConfiguration", 404)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.get_bucket_logging(Bucket=bucket)


def test_malformed_documents_are_refused(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_policy(Bucket=bucket, Policy="{not json")
    assert error_of(caught.value) == ("MalformedPolicy", 400)


def test_making_a_bucket_twice_is_no_error_in_us_east_1(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket)
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket=f"{bucket}-x", CreateBucketConfiguration={"LocationConstraint": "us-east-1"})
    assert error_of(caught.value) == ("InvalidLocationConstraint", 400)


def test_buckets_of_another_region_need_to_say_so(tmp_path: Path) -> None:
    with local_service(tmp_path, region="eu-west-1") as running:
        with pytest.raises(ClientError, match="unspecified location constraint") as caught:
            running.s3.create_bucket(Bucket="there")
        assert error_of(caught.value) == ("IllegalLocationConstraintException", 400)
        there = {"LocationConstraint": "eu-west-1"}
        running.s3.create_bucket(Bucket="there", CreateBucketConfiguration=there)
        assert running.s3.get_bucket_location(Bucket="there")["LocationConstraint"] == "eu-west-1"
        with pytest.raises(ClientError) as caught:
            running.s3.create_bucket(Bucket="there", CreateBucketConfiguration=there)
        assert error_of(caught.value) == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("name", ["ab", "UPPER", "a..b", "under_score", "10.0.0.1"])
def test_names_that_are_none_are_refused(s3: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket=name)
    assert error_of(caught.value) == ("InvalidBucketName", 400)


def test_objects_and_buckets_are_there_after_a_restart(tmp_path: Path) -> None:
    with local_service(tmp_path) as running:
        running.s3.create_bucket(Bucket="kept")
        stored = running.s3.put_object(Bucket="kept", Key="k", Body=b"x", Metadata={"my_key": "v"}, Tagging="a=b")
    with local_service(tmp_path) as running:
        answer = running.s3.get_object(Bucket="kept", Key="k")
        assert (answer["Body"].read(), answer["Metadata"], answer["ETag"]) == (b"x", {"my_key": "v"}, stored["ETag"])
        assert answer["TagCount"] == 1
