from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.support.s3_requests import error_of

MIB = 1 << 20


def begin(s3: Any, bucket: str, key: str = "k", **arguments: Any) -> dict[str, str]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def test_files_go_up_and_come_down_in_parts(s3: Any, bucket: str, tmp_path: Any) -> None:
    data = os.urandom(23 * MIB + 7)
    (tmp_path / "up").write_bytes(data)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    extra = {"Metadata": {"a": "b"}, "ContentType": "x/y"}
    s3.upload_file(str(tmp_path / "up"), bucket, "k", ExtraArgs=extra, Config=config)
    head = s3.head_object(Bucket=bucket, Key="k")
    digests = b"".join(hashlib.md5(data[start : start + 5 * MIB]).digest() for start in range(0, len(data), 5 * MIB))
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-5"'
    assert (head["Metadata"], head["ContentType"], head["ContentLength"]) == ({"a": "b"}, "x/y", len(data))
    s3.download_file(bucket, "k", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == data
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 3}-{10 * MIB + 2}")["Body"].read()
    assert across == data[5 * MIB - 3 : 10 * MIB + 3]
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (5, data[5 * MIB : 10 * MIB])
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", PartNumber=6)
    assert error_of(caught.value) == ("InvalidPartNumber", 416)


def test_parts_copied_from_objects(s3: Any, bucket: str) -> None:
    data = os.urandom(12 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = begin(s3, bucket)
    ranges = [(0, 6 * MIB - 1), (6 * MIB, 12 * MIB - 1)]
    parts = []
    for number, (start, end) in enumerate(ranges, 1):
        answer = s3.upload_part_copy(
            **upload,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": "source"},
            CopySourceRange=f"bytes={start}-{end}",
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "whole")
    s3.copy_object(Bucket=bucket, Key="single", CopySource={"Bucket": bucket, "Key": "k"})
    assert s3.head_object(Bucket=bucket, Key="single")["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'


def test_an_upload_is_nothing_until_it_is_complete_and_can_be_given_up(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=b"x")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload["UploadId"]]
    s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    for call in (
        lambda: s3.abort_multipart_upload(**upload),
        lambda: s3.upload_part(**upload, PartNumber=1, Body=b"x"),
        lambda: s3.list_parts(**upload),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert error_of(caught.value) == ("NoSuchUpload", 404)
    s3.delete_bucket(Bucket=bucket)


def test_parts_are_listed_in_pages_and_replaced_by_number(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    for number in (3, 1, 2):
        s3.upload_part(**upload, PartNumber=number, Body=b"old")
    s3.upload_part(**upload, PartNumber=2, Body=b"newer")
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2})
    found = [[(part["PartNumber"], part["Size"]) for part in page["Parts"]] for page in pages]
    assert found == [[(1, 3), (2, 5)], [(3, 3)]]


def test_uploads_are_listed_in_pages(s3: Any, bucket: str) -> None:
    wanted = [(key, begin(s3, bucket, key)["UploadId"]) for key in ("a", "a", "b", "c")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    found = [(upload["Key"], upload["UploadId"]) for page in pages for upload in page.get("Uploads", [])]
    assert sorted(found) == sorted(wanted)
    assert [key for key, _ in found] == ["a", "a", "b", "c"]


@pytest.mark.parametrize("given", [True, False], ids=["given", "computed"])
def test_an_upload_may_have_the_checksum_of_the_whole_object(s3: Any, bucket: str, given: bool) -> None:
    parts = (b"x" * (5 << 20), b"end")
    whole = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode()
    upload = {"Bucket": bucket, "Key": "whole"}
    made = s3.create_multipart_upload(**upload, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload["UploadId"] = made["UploadId"]
    sent = [s3.upload_part(**upload, PartNumber=n, Body=part) for n, part in enumerate(parts, 1)]
    listed = {"Parts": [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(sent, 1)]}
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(
            **upload, MultipartUpload=listed, ChecksumType="FULL_OBJECT", ChecksumCRC32="AAAAAA=="
        )
    assert error_of(caught.value) == ("BadDigest", 400)
    asked = {"ChecksumType": "FULL_OBJECT", "ChecksumCRC32": whole} if given else {}
    s3.complete_multipart_upload(**upload, MultipartUpload=listed, **asked)
    found = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    assert (found["ChecksumCRC32"], found["ChecksumType"]) == (whole, "FULL_OBJECT")


# The parts' checksums: API_ObjectPart and the parameter partNumber of API_GetObject in the S3 API Reference.
@pytest.mark.parametrize(
    ("algorithm", "kind", "digest"),
    [
        ("CRC32", "FULL_OBJECT", lambda data: zlib.crc32(data).to_bytes(4, "big")),
        ("SHA256", "COMPOSITE", lambda data: hashlib.sha256(data).digest()),
    ],
    ids=["full", "composite"],
)
def test_a_part_of_an_object_has_a_checksum_of_its_own(
    s3: Any, bucket: str, algorithm: str, kind: str, digest: Callable[[bytes], bytes]
) -> None:
    parts = (b"x" * (5 << 20), b"end")
    own = [base64.b64encode(digest(part)).decode() for part in parts]
    upload = begin(s3, bucket, "k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    sent = [
        s3.upload_part(**upload, PartNumber=n, Body=part, ChecksumAlgorithm=algorithm)
        for n, part in enumerate(parts, 1)
    ]
    listed = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(sent, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})
    for number, checksum in enumerate(own, 1):
        asked = {"Bucket": bucket, "Key": "k", "PartNumber": number}
        for read in (s3.head_object, s3.get_object):
            found = read(**asked, ChecksumMode="ENABLED")
            assert (found[f"Checksum{algorithm}"], found["ChecksumType"]) == (checksum, kind)
        assert f"Checksum{algorithm}" not in s3.head_object(**asked)
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])
    assert [part[f"Checksum{algorithm}"] for part in attributes["ObjectParts"]["Parts"]] == own


def test_uploads_are_rolled_up_by_a_delimiter_page_by_page(s3: Any, bucket: str) -> None:
    for key in ("a", "m/1", "m/2", "n/1", "z"):
        begin(s3, bucket, key)
    pages: list[list[str]] = []
    more: dict[str, str] = {}
    while len(pages) < 9:
        page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=2, **more)
        found = [item["Key"] for item in page.get("Uploads", [])]
        pages.append(found + [item["Prefix"] for item in page.get("CommonPrefixes", [])])
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert pages == [["a", "m/"], ["z", "n/"]]
    none = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=0)
    assert (none.get("Uploads"), none["IsTruncated"]) == (None, False)


def test_completing_wrongly_is_refused_and_the_upload_goes_on(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    etags = [s3.upload_part(**upload, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    for parts, code in (
        ([(2, etags[1]), (1, etags[0])], "InvalidPartOrder"),
        ([(1, '"other"')], "InvalidPart"),
        ([(7, etags[0])], "InvalidPart"),
        ([(1, etags[0]), (2, etags[1])], "EntityTooSmall"),
    ):
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        with pytest.raises(ClientError) as caught:
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})
        assert error_of(caught.value) == (code, 400)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etags[0]}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"small"


def test_completing_under_a_condition(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")
    assert error_of(caught.value) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"there"


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers_have_bounds(s3: Any, bucket: str, number: int) -> None:
    with pytest.raises(ClientError) as caught:
        s3.upload_part(**begin(s3, bucket), PartNumber=number, Body=b"x")
    assert error_of(caught.value) == ("InvalidArgument", 400)


def test_completing_again_repeats_the_result(s3: Any, bucket: str) -> None:
    """A client that did not see the answer asks again; by then the object may even have gone."""
    upload = begin(s3, bucket)
    part = s3.upload_part(**upload, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    s3.delete_object(Bucket=bucket, Key="k")
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    for answer in (first, again):
        del answer["ResponseMetadata"]
    assert again == first
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    for wrong in ({**upload, "Key": "other"}, {**upload, "UploadId": "none"}):
        with pytest.raises(ClientError) as raised:
            s3.complete_multipart_upload(**wrong, MultipartUpload=parts)
        assert error_of(raised.value) == ("NoSuchUpload", 404)


@pytest.mark.parametrize(
    "text", ["bytes=0-4", "bytes=4-4", "bytes=2-1", "bytes=0-", "bytes=-2", "0-2", "bytes=0-1,2-3", "bytes=a-b"]
)
def test_a_range_that_the_source_of_a_part_does_not_have_is_refused(s3: Any, bucket: str, text: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"four")
    upload = begin(s3, bucket)
    with pytest.raises(ClientError) as raised:
        s3.upload_part_copy(**upload, PartNumber=1, CopySource=f"{bucket}/source", CopySourceRange=text)
    assert error_of(raised.value) == ("InvalidArgument", 400)
    assert "Parts" not in s3.list_parts(**upload)


def test_tags_in_a_header_may_have_no_value(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=b&c")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]
