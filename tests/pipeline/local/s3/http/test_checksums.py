"""Checksums that contradict each other, trailers that are missing, signed chunks; bodies whole and in parts."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.s3.http.checksums import new_digest
from pipeline.local.s3.http.crc import joined_crc
from tests.support.s3_requests import exchange, send, signed_head
from tests.support.service import KEY, LocalService

BODY = b"a body"
PART = 5 << 20
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


CRC32 = base64_of(zlib.crc32(BODY).to_bytes(4, "big"))
SHA256 = base64_of(hashlib.sha256(BODY).digest())
SDK = "x-amz-sdk-checksum-algorithm"
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "two checksums": ({"x-amz-checksum-crc32": CRC32, "x-amz-checksum-sha256": SHA256}, "InvalidRequest"),
    "an algorithm without a checksum": ({SDK: "CRC32"}, "InvalidRequest"),
    "an algorithm of another checksum": ({SDK: "SHA256", "x-amz-checksum-crc32": CRC32}, "BadDigest"),
    "an algorithm that is none": ({SDK: "MD9", "x-amz-checksum-crc32": CRC32}, "InvalidRequest"),
    "a checksum of no algorithm": ({"x-amz-checksum-md9": CRC32}, "InvalidRequest"),
    "a checksum of another length": ({"x-amz-checksum-sha256": CRC32}, "InvalidRequest"),
    "a checksum and a trailer": (
        {"x-amz-checksum-crc32": CRC32, "x-amz-trailer": "x-amz-checksum-crc32"},
        "InvalidRequest",
    ),
    "a trailer of no algorithm": ({"x-amz-trailer": "x-amz-checksum-md9"}, "InvalidRequest"),
    "a trailer that cannot come": ({"x-amz-trailer": "x-amz-checksum-crc32"}, "MalformedTrailerError"),
    "an empty MD5": ({"content-md5": ""}, "InvalidDigest"),
    "a checksum of another body": ({"x-amz-checksum-crc32": base64_of(bytes(4))}, "BadDigest"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_headers_that_contradict_each_other_or_the_body_store_nothing(
    service: LocalService, s3: Any, bucket: str, name: str
) -> None:
    headers, code = REFUSED[name]
    status, _, answer = send(service, "PUT", f"/{bucket}/k", body=BODY, headers=headers)
    assert (status, f"<Code>{code}</Code>" in answer.decode()) == (400, True), answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    "trailer",
    [b"", b"x-amz-checksum-sha256:" + SHA256.encode() + b"\r\n", b"x-amz-checksum-crc32:AAAA\r\n"],
    ids=["missing", "another", "no checksum"],
)
def test_a_trailer_other_than_was_announced_stores_nothing(
    service: LocalService, s3: Any, bucket: str, trailer: bytes
) -> None:
    message = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, trailer)
    headers = {"x-amz-decoded-content-length": str(len(BODY)), "x-amz-trailer": "x-amz-checksum-crc32"}
    status, _, answer = send(service, "PUT", f"/{bucket}/k", body=message, headers=headers, payload_hash=UNSIGNED)
    code = b"InvalidRequest" if b"AAAA" in trailer else b"MalformedTrailerError"
    assert status == 400 and b"<Code>%b</Code>" % code in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("signed", [hashlib.sha256(b"another").hexdigest(), "no-hash-at-all"], ids=["other", "none"])
@pytest.mark.parametrize("body", [b"", BODY], ids=["empty", "full"])
def test_a_body_signed_as_another_stores_nothing(
    service: LocalService, s3: Any, bucket: str, body: bytes, signed: str
) -> None:
    status, _, answer = send(service, "PUT", f"/{bucket}/k", body=body, payload_hash=signed)
    code = b"InvalidArgument" if signed.startswith("no") else b"XAmzContentSHA256Mismatch"
    assert status == 400 and b"<Code>%b</Code>" % code in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def signed_chunks(head: bytes, chunks: list[bytes]) -> list[bytes]:
    """The frames of a body, each signed by botocore's own key derivation after the one before."""
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    last = lines[b"Authorization"].rsplit(b"Signature=", 1)[1].decode()
    request = AWSRequest("PUT", "http://127.0.0.1")
    request.context["timestamp"] = date = lines[b"X-Amz-Date"].decode()
    signer = S3SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "s3", "us-east-1")
    frames = []
    for chunk in [*chunks, b""]:
        digests = [hashlib.sha256(part).hexdigest() for part in (b"", chunk)]
        scope = f"{date}\n{date[:8]}/us-east-1/s3/aws4_request"
        last = signer.signature("\n".join(["AWS4-HMAC-SHA256-PAYLOAD", scope, last, *digests]), request)
        frames.append(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), last.encode(), chunk))
    return frames


def put_signed_chunks(service: LocalService, bucket: str, chunks: list[bytes], change: str = "") -> tuple[int, bytes]:
    size = sum(len(chunk) + len(b"%x" % len(chunk)) + 81 for chunk in [*chunks, b""]) + 4 * (len(chunks) + 1)
    headers = {
        "Content-Length": str(size),
        "Connection": "close",
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(sum(map(len, chunks))),
    }
    head = signed_head(service, "PUT", f"/{bucket}/k", headers=headers, payload_hash=SIGNED)
    frames = signed_chunks(head, chunks)
    if change == "data":
        frames[1] = frames[1].replace(b"b" * 100, b"c" * 100)
    elif change == "order":
        frames[0], frames[1] = frames[1], frames[0]
    elif change == "end":
        frames[-1] = b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    assert len(b"".join(frames)) == size
    status, _, answer = exchange(service, head + b"".join(frames))
    return status, answer


def test_chunks_that_are_signed_are_stored(service: LocalService, s3: Any, bucket: str) -> None:
    chunks = [b"a" * 8192, b"b" * 8192, b"rest"]
    assert put_signed_chunks(service, bucket, chunks)[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(chunks)


@pytest.mark.parametrize("change", ["data", "order", "end"])
def test_chunks_that_were_changed_after_signing_store_nothing(
    service: LocalService, s3: Any, bucket: str, change: str
) -> None:
    status, answer = put_signed_chunks(service, bucket, [b"a" * 8192, b"b" * 8192], change)
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in answer) == (403, True), answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def slow_crc(algorithm: str, data: bytes) -> bytes:
    """Bit by bit, as the algorithms are defined."""
    polynomial, width = {
        "crc32": (0xEDB88320, 32),
        "crc32c": (0x82F63B78, 32),
        "crc64nvme": (0x9A6C9329AC4BC9B5, 64),
    }[algorithm]
    value = every = (1 << width) - 1
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
    return (value ^ every).to_bytes(width // 8, "big")


def test_the_crcs_are_those_of_their_catalogue() -> None:
    check = {"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"}
    assert {name: slow_crc(name, b"123456789").hex() for name in check} == check


@given(st.sampled_from(["crc32", "crc32c", "crc64nvme"]), st.lists(st.binary(max_size=200), max_size=3))
def test_a_crc_is_that_of_its_definition_however_the_body_comes(algorithm: str, chunks: list[bytes]) -> None:
    digest = new_digest(algorithm)
    assert digest is not None
    for chunk in chunks:
        digest.update(chunk)
    assert digest.digest() == slow_crc(algorithm, b"".join(chunks))


@pytest.mark.parametrize("algorithm", ["crc32c", "crc64nvme"])
def test_a_crc_that_boto3_cannot_compute_is_checked_all_the_same(
    service: LocalService, s3: Any, bucket: str, algorithm: str
) -> None:
    body = bytes(range(256)) * 40
    right, name = base64_of(slow_crc(algorithm, body)), f"x-amz-checksum-{algorithm}"
    wrong = base64_of(bytes(len(slow_crc(algorithm, b""))))
    assert b"BadDigest" in send(service, "PUT", f"/{bucket}/k", body=body, headers={name: wrong})[2]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert send(service, "PUT", f"/{bucket}/k", body=body, headers={name: right})[0] == 200
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ChecksumAlgorithm=algorithm.upper())[
        "CopyObjectResult"
    ]
    assert copied[f"Checksum{algorithm.upper()}"] == right


@given(st.sampled_from(["crc32", "crc32c", "crc64nvme"]), st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_the_crcs_of_parts_give_that_of_the_whole(algorithm: str, parts: list[bytes]) -> None:
    given_ = [(base64_of(slow_crc(algorithm, part)), len(part)) for part in parts]
    assert joined_crc(algorithm, given_) == base64_of(slow_crc(algorithm, b"".join(parts)))


def test_a_full_object_checksum_of_parts_is_that_of_the_whole(s3: Any, bucket: str) -> None:
    bodies = [b"a" * PART, b"rest"]
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == ("CRC32", "FULL_OBJECT")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]})
    listed = s3.list_parts(**upload)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ("CRC32", "FULL_OBJECT")
    expected = base64_of(zlib.crc32(b"".join(bodies)).to_bytes(4, "big"))
    with pytest.raises(ClientError, match="BadDigest"):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumCRC32=CRC32)
    with pytest.raises(ClientError, match="BadDigest"):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumType="COMPOSITE")
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumCRC32=expected)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == (expected, "FULL_OBJECT")


def test_a_part_has_the_checksum_that_its_upload_was_created_with(s3: Any, bucket: str) -> None:
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"], "PartNumber": 1}
    assert made["ChecksumType"] == "COMPOSITE"
    with pytest.raises(ClientError, match="expected checksum Type: sha256, actual checksum Type: crc32"):
        s3.upload_part(**upload, Body=BODY, ChecksumAlgorithm="CRC32")
    s3.put_object(Bucket=bucket, Key="source", Body=BODY)
    copied = s3.upload_part_copy(**upload, CopySource=f"{bucket}/source")["CopyPartResult"]
    assert copied["ChecksumSHA256"] == SHA256


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), ("MD9", None), (None, "COMPOSITE")]
)
def test_types_that_an_algorithm_does_not_have_are_refused(
    service: LocalService, bucket: str, algorithm: str | None, kind: str | None
) -> None:
    given_ = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
    headers = {name: value for name, value in given_.items() if value}
    status, _, answer = send(service, "POST", f"/{bucket}/k?uploads=", headers=headers)
    assert status == 400 and b"<Code>InvalidRequest</Code>" in answer


def test_a_checksum_of_checksums_is_checked_and_the_parts_are_told(s3: Any, bucket: str) -> None:
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    sent = s3.upload_part(**upload, PartNumber=1, Body=BODY, ChecksumAlgorithm="SHA256")
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": SHA256}]}
    composite = base64_of(hashlib.sha256(hashlib.sha256(BODY).digest()).digest()) + "-1"
    with pytest.raises(ClientError, match="BadDigest"):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts, ChecksumSHA256=composite.replace("-1", "-2"))
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts, ChecksumSHA256=composite)
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (composite, "COMPOSITE")
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert (told["TotalPartsCount"], told["IsTruncated"]) == (1, False)
    assert told["Parts"] == [{"PartNumber": 1, "Size": len(BODY), "ChecksumSHA256": SHA256}]


@pytest.mark.parametrize(
    ("sent", "told"), [("deflate, gzip", "deflate, gzip"), ("gzip, aws-chunked", "gzip"), ("aws-chunked,gzip", "gzip")]
)
def test_an_encoding_comes_back_as_it_came(service: LocalService, s3: Any, bucket: str, sent: str, told: str) -> None:
    status, _, _ = send(service, "PUT", f"/{bucket}/k", headers={"Content-Encoding": sent})
    assert status == 200 and s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == told


def test_a_copy_gets_the_checksum_that_is_asked_for(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=BODY)
    copied = s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/source", ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == SHA256
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (SHA256, "FULL_OBJECT")
