from __future__ import annotations

import base64
import hashlib
import io
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.support.s3_requests import error_of


def read(s3: Any, **arguments: Any) -> dict[str, Any]:
    """GetObject with its body read, so that the connection goes back to its pool."""
    answer: dict[str, Any] = s3.get_object(**arguments)
    return answer | {"Body": answer["Body"].read()}


ODD_KEYS = [
    "ü/%2F a+b//x",
    "a//b",
    "/lead",
    "trail/",
    "..",
    "a/../b",
    "x?y#z",
    "a&b=c;d",
    "\u2028 \U0001f600",
    "%",
    "~",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_come_back_as_they_went(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key=key + "2", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key + "2"]


def test_the_empty_object_is_an_object(s3: Any, bucket: str) -> None:
    assert s3.put_object(Bucket=bucket, Key="empty", Body=b"")["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    answer = read(s3, Bucket=bucket, Key="empty")
    assert (answer["ContentLength"], answer["Body"]) == (0, b"")


def test_metadata_headers_and_tags_come_back(s3: Any, bucket: str) -> None:
    given_headers = {
        "ContentType": "text/csv",
        "CacheControl": "no-cache",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "WebsiteRedirectLocation": "/x",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/x",
    }
    metadata = {"my_key": "v", "my-key2": "w", "number": "1"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata, Tagging="a=b&c=d%20e", **given_headers)
    for answer in (s3.head_object(Bucket=bucket, Key="k"), read(s3, Bucket=bucket, Key="k")):
        assert answer["Metadata"] == metadata
        assert {name: answer[name] for name in given_headers} == given_headers
    assert read(s3, Bucket=bucket, Key="k")["TagCount"] == 2
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d e"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "n", "Value": "1"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "n", "Value": "1"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_tags_are_given_in_the_order_of_their_keys(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="foo=bar&bar")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "bar", "Value": ""}, {"Key": "foo", "Value": "bar"}]


def test_too_many_tags_and_too_much_metadata_are_refused(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Tagging="&".join(f"t{n}=v" for n in range(11)))
    assert error_of(caught.value) == ("BadRequest", 400)  # as AWS answered in github.com/boto/boto3/issues/1213
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Metadata={"a": "x" * 2048})
    assert error_of(caught.value) == ("MetadataTooLarge", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@given(
    size=st.integers(0, 50),
    first=st.one_of(st.none(), st.integers(0, 60)),
    last=st.one_of(st.none(), st.integers(0, 60)),
)
def test_a_range_is_that_slice_or_416(s3: Any, bucket: str, size: int, first: int | None, last: int | None) -> None:
    body = bytes(range(size))
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        wanted = body[-last:] if last else b""
        whole = last is None
    else:
        wanted = body[first:] if last is None else body[first : last + 1]
        whole = last is not None and last < first
    try:
        answer = s3.get_object(Bucket=bucket, Key="k", Range=text)
    except ClientError as error:
        assert error_of(error) == ("InvalidRange", 416)
        assert not wanted and not whole
        return
    if whole:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert answer["Body"].read() == body
        return
    assert answer["Body"].read() == wanted
    start = size - len(wanted) if first is None else first
    assert answer["ContentRange"] == f"bytes {start}-{start + len(wanted) - 1}/{size}"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_reads_under_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    past, future = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    passing: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": past},
        {"IfUnmodifiedSince": future},
        {"IfMatch": etag, "IfUnmodifiedSince": past},
        {"IfNoneMatch": '"other"', "IfModifiedSince": future},
    ]
    for condition in passing:
        assert s3.get_object(Bucket=bucket, Key="k", **condition)["Body"].read() == b"x"
    failing: list[tuple[dict[str, Any], int]] = [
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": past}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": future}, 304),
    ]
    for condition, status in failing:
        for read in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as caught:
                read(Bucket=bucket, Key="k", **condition)
            assert error_of(caught.value)[1] == status


def test_writes_under_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert error_of(caught.value) == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"fourth", IfMatch=etag)
    assert error_of(caught.value) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="absent", Body=b"x", IfMatch=etag)
    assert error_of(caught.value) == ("NoSuchKey", 404)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"third"


def test_checksums_are_verified_and_given_back(s3: Any, bucket: str) -> None:
    body = b"checked"
    sums = {
        "ChecksumCRC32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
        "ChecksumSHA1": base64.b64encode(hashlib.sha1(body).digest()).decode(),
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    for name, value in sums.items():
        s3.put_object(Bucket=bucket, Key=name, Body=body, **{name: value})
        assert s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")[name] == value
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=bucket, Key="bad", Body=b"other", **{name: value})
        assert error_of(caught.value) == ("BadDigest", 400)
    for wrong, code in (
        ("1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        ("short", "InvalidDigest"),
        ("AAAA", "InvalidDigest"),
    ):
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=bucket, Key="bad", Body=b"other", ContentMD5=wrong)
        assert error_of(caught.value) == (code, 400)
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 3


def test_a_copy_brings_or_replaces_metadata_and_tags(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="a",
        Body=b"x",
        Metadata={"m": "1"},
        ContentType="text/plain",
        Tagging="t=1",
        CacheControl="c",
    )
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source)
    copied = read(s3, Bucket=bucket, Key="b")
    assert (copied["Metadata"], copied["ContentType"], copied["CacheControl"]) == ({"m": "1"}, "text/plain", "c")
    assert copied["TagCount"] == 1
    s3.copy_object(
        Bucket=bucket,
        Key="b",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
        TaggingDirective="REPLACE",
        Tagging="",
    )
    copied = read(s3, Bucket=bucket, Key="b")
    assert (copied["Metadata"], copied["ContentType"]) == ({"n": "2"}, "binary/octet-stream")
    assert "CacheControl" not in copied and "TagCount" not in copied
    with pytest.raises(ClientError) as caught:
        s3.copy_object(Bucket=bucket, Key="a", CopySource=source)
    assert error_of(caught.value) == ("InvalidRequest", 400)
    s3.copy_object(Bucket=bucket, Key="a", CopySource=source, MetadataDirective="REPLACE", Metadata={"self": "1"})
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"self": "1"}


def test_a_copy_under_conditions_or_from_nothing_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    for condition in ({"CopySourceIfMatch": '"o"'}, {"CopySourceIfNoneMatch": "*"}):
        with pytest.raises(ClientError) as caught:
            s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, **condition)
        assert error_of(caught.value) == ("PreconditionFailed", 412)
    for source, code in (((bucket, "no"), "NoSuchKey"), (("no-bucket", "a"), "NoSuchBucket")):
        with pytest.raises(ClientError) as caught:
            s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": source[0], "Key": source[1]})
        assert error_of(caught.value) == (code, 404)


def test_deleting_many_says_of_each_what_happened(s3: Any, bucket: str) -> None:
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    wanted = [{"Key": f"k{number}"} for number in range(4)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert [found["Key"] for found in answer["Deleted"]] == ["k0", "k1", "k2", "k3"]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
    with pytest.raises(ClientError) as caught:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(n)} for n in range(1001)]})
    assert error_of(caught.value) == ("MalformedXML", 400)


def test_what_is_not_there_is_404_with_its_code(s3: Any, bucket: str) -> None:
    for call, code in (
        (lambda: s3.get_object(Bucket=bucket, Key="no"), "NoSuchKey"),
        (lambda: s3.head_object(Bucket=bucket, Key="no"), "404"),
        (lambda: s3.get_object(Bucket="no-such", Key="no"), "NoSuchBucket"),
        (lambda: s3.put_object(Bucket="no-such", Key="no", Body=b"x" * 100_000), "NoSuchBucket"),
        (lambda: s3.list_objects_v2(Bucket="no-such"), "NoSuchBucket"),
        (lambda: s3.head_bucket(Bucket="no-such"), "404"),
        (lambda: s3.get_object(Bucket=bucket, Key="no", VersionId="x"), "NoSuchVersion"),
        (lambda: s3.get_object_tagging(Bucket=bucket, Key="no"), "NoSuchKey"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert error_of(caught.value) == (code, 404)


def test_overrides_of_response_headers(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = read(s3, Bucket=bucket, Key="k", ResponseContentType="text/x", ResponseContentDisposition="inline")
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("text/x", "inline")


def test_attributes_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "StorageClass"])
    assert (answer["ETag"], answer["ObjectSize"]) == ("5d41402abc4b2a76b9719d911017c592", 5)
    assert answer["StorageClass"] == "STANDARD"
    assert "Checksum" not in answer


def test_a_stream_of_unknown_length_can_be_uploaded(s3: Any, bucket: str) -> None:
    class Pipe(io.RawIOBase):
        """Reads, cannot seek."""

        def __init__(self) -> None:
            self.left = 9_000_000

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), self.left)
            buffer[:size] = b"z" * size
            self.left -= size
            return size

    s3.upload_fileobj(Pipe(), bucket, "pipe")
    assert s3.head_object(Bucket=bucket, Key="pipe")["ContentLength"] == 9_000_000


def test_the_expected_owner_must_be_the_account(s3: Any, bucket: str) -> None:
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="123456789012")
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="999999999999")
    assert error_of(caught.value) == ("AccessDenied", 403)


def test_actions_that_localhost_does_not_have_name_themselves(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with pytest.raises(ClientError, match="torrent") as caught:
        s3.get_object_torrent(Bucket=bucket, Key="k")
    assert error_of(caught.value) == ("NotImplemented", 400)
    with pytest.raises(ClientError, match="select"):
        s3.select_object_content(
            Bucket=bucket,
            Key="k",
            Expression="select 1",
            ExpressionType="SQL",
            InputSerialization={"CSV": {}},
            OutputSerialization={"CSV": {}},
        )


@pytest.mark.parametrize(
    "wrong", [{"ChecksumCRC32C": "AAAA"}, {"ChecksumSHA256": "%%%"}, {"ChecksumCRC64NVME": "AA=="}]
)
def test_what_can_be_no_checksum_is_refused(s3: Any, bucket: str, wrong: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="header is invalid") as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **wrong)
    assert error_of(caught.value) == ("InvalidRequest", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"Tagging": "a=1&a=2"}, "InvalidTag"),
        ({"Tagging": "&".join(f"k{number}=" for number in range(11))}, "BadRequest"),
        ({"Tagging": f"{'k' * 129}=1"}, "InvalidTag"),
        ({"Tagging": f"k={'v' * 257}"}, "InvalidTag"),
        ({"Tagging": "k=%FF"}, "InvalidArgument"),
        ({"StorageClass": "COLD"}, "InvalidStorageClass"),
    ],
)
def test_properties_that_an_object_cannot_have_are_refused_and_nothing_is_written(
    s3: Any, bucket: str, header: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **header)
    assert error_of(caught.value) == (code, 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
