from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.s3_requests import error_of


def enable(s3: Any, bucket: str, status: str = "Enabled") -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put(s3: Any, bucket: str, body: bytes) -> str:
    return str(s3.put_object(Bucket=bucket, Key="k", Body=body).get("VersionId", "null"))


def body(s3: Any, bucket: str, **arguments: str) -> bytes:
    read: bytes = s3.get_object(Bucket=bucket, Key="k", **arguments)["Body"].read()
    return read


def test_versions_are_kept_and_read_one_by_one(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    put(s3, bucket, b"before")
    enable(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first, second = put(s3, bucket, b"1"), put(s3, bucket, b"2")
    assert [body(s3, bucket, VersionId=version) for version in ("null", first, second)] == [b"before", b"1", b"2"]
    assert body(s3, bucket) == b"2"
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(found["VersionId"], found["IsLatest"]) for found in listed] == [
        (second, True),
        (first, False),
        ("null", False),
    ]


def test_a_bucket_without_versions_says_nothing_of_delete_markers(s3: Any, bucket: str) -> None:
    """API_HeadObject of the S3 API Reference: where it is false, x-amz-delete-marker does not appear."""
    put(s3, bucket, b"x")
    assert "DeleteMarker" not in s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key="k")
    assert "x-amz-delete-marker" not in caught.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_a_delete_hides_and_deleting_the_marker_brings_back(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    version = put(s3, bucket, b"1")
    deleted = s3.delete_object(Bucket=bucket, Key="k")
    assert deleted["DeleteMarker"] is True
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k")
    assert error_of(caught.value) == ("NoSuchKey", 404)
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", VersionId=deleted["VersionId"])
    assert error_of(caught.value) == ("MethodNotAllowed", 405)
    assert body(s3, bucket, VersionId=version) == b"1"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    s3.delete_object(Bucket=bucket, Key="k", VersionId=deleted["VersionId"])
    assert body(s3, bucket) == b"1"


def test_deleting_the_latest_version_makes_the_one_before_the_latest(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    put(s3, bucket, b"1")
    second = put(s3, bucket, b"2")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert body(s3, bucket) == b"1"


def test_suspended_versioning_overwrites_the_null_version_only(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    version = put(s3, bucket, b"kept")
    enable(s3, bucket, "Suspended")
    put(s3, bucket, b"a")
    put(s3, bucket, b"b")
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [found["VersionId"] for found in listed] == ["null", version]
    s3.delete_object(Bucket=bucket, Key="k")
    assert [found["VersionId"] for found in s3.list_object_versions(Bucket=bucket)["Versions"]] == [version]
    assert s3.list_object_versions(Bucket=bucket)["DeleteMarkers"][0]["VersionId"] == "null"


def test_versions_are_listed_in_pages_and_a_bucket_with_versions_stays(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    wanted = [put(s3, bucket, str(number).encode()) for number in range(5)]
    s3.put_object(Bucket=bucket, Key="l", Body=b"")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    found = [(v["Key"], v["VersionId"]) for page in pages for v in page.get("Versions", [])]
    assert found[:5] == [("k", version) for version in reversed(wanted)]
    assert [key for key, _ in found] == ["k"] * 5 + ["l"]
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket=bucket)
    assert error_of(caught.value) == ("BucketNotEmpty", 409)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k, "VersionId": v} for k, v in found]})
    s3.delete_bucket(Bucket=bucket)


def test_a_copy_of_an_older_version(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    first = put(s3, bucket, b"1")
    put(s3, bucket, b"2")
    source = {"Bucket": bucket, "Key": "k", "VersionId": first}
    answer = s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
    assert answer["CopySourceVersionId"] == first
    assert body(s3, bucket) == b"1"


def test_a_delete_marker_is_no_source_of_a_copy(s3: Any, bucket: str) -> None:
    enable(s3, bucket)
    put(s3, bucket, b"1")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    with pytest.raises(ClientError) as caught:
        s3.copy_object(Bucket=bucket, Key="l", CopySource={"Bucket": bucket, "Key": "k", "VersionId": marker})
    assert error_of(caught.value) == ("NoSuchKey", 404)
