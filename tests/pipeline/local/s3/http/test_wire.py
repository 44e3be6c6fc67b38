"""What boto3 does not send: framed bodies, broken bodies, raw paths; and what other clients send."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.s3_requests import send
from tests.support.service import LocalService, boto_client
from tests.support.waiting import PATIENCE

STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def framed(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """A body in aws-chunked frames."""
    frames = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return frames + b"0\r\n" + trailer + b"\r\n"


def crc32(body: bytes) -> bytes:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))


def put_framed(service: LocalService, bucket: str, message: bytes, length: int, **headers: str) -> tuple[int, bytes]:
    given = {
        "X-Amz-Decoded-Content-Length": str(length),
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        **headers,
    }
    status, _, body = send(service, "PUT", f"/{bucket}/k", body=message, headers=given, payload_hash=STREAMING)
    return status, body


def test_framed_bodies_with_trailers_are_unframed_and_checked(service: LocalService, s3: Any, bucket: str) -> None:
    data = os.urandom(200_000)
    message = framed(data[:65536], data[65536:], trailer=b"x-amz-checksum-crc32:" + crc32(data) + b"\r\n")
    assert put_framed(service, bucket, message, len(data))[0] == 200
    answer = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert answer["Body"].read() == data
    assert answer["ChecksumCRC32"].encode() == crc32(data)
    assert "ContentEncoding" not in answer


@pytest.mark.parametrize(
    ("message", "length", "code"),
    [
        (framed(b"hello", trailer=b"x-amz-checksum-crc32:AAAAAA==\r\n"), 5, b"BadDigest"),
        (framed(b"hello"), 6, b"IncompleteBody"),
        (b"5\r\nhello\r\n", 5, b"IncompleteBody"),
        (b"zz\r\nhello\r\n0\r\n\r\n", 5, b"IncompleteBody"),
        (b"-5\r\nhello\r\n0\r\n\r\n", 5, b"IncompleteBody"),
        (b"5\r\nhello there\r\n0\r\n\r\n", 5, b"InvalidRequest"),
        (b"ffffffffff\r\nhello", 5, b"IncompleteBody"),
    ],
)
def test_frames_that_lie_store_nothing(
    service: LocalService, s3: Any, bucket: str, message: bytes, length: int, code: bytes
) -> None:
    status, body = put_framed(service, bucket, message, length)
    assert status == 400
    assert b"<Code>%b</Code>" % code in body
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_body_shorter_than_its_length_stores_nothing(service: LocalService, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    send(service, "PUT", f"/{bucket}/k", body=b"x" * 1000, sent=b"x" * 999)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_a_body_other_than_the_signed_one_stores_nothing(service: LocalService, s3: Any, bucket: str) -> None:
    signed = hashlib.sha256(b"good").hexdigest()
    status, _, body = send(service, "PUT", f"/{bucket}/k", body=b"good", payload_hash=signed, sent=b"evil")
    assert (status, b"XAmzContentSHA256Mismatch" in body) == (400, True)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_metadata_beyond_ascii_is_given_back_encoded(service: LocalService, s3: Any, bucket: str) -> None:
    raw = "grün".encode().decode("latin-1")
    assert send(service, "PUT", f"/{bucket}/k", body=b"x", headers={"x-amz-meta-colour": raw})[0] == 200
    _, headers, _ = send(service, "GET", f"/{bucket}/k")
    assert headers["x-amz-meta-colour"] == "=?UTF-8?B?Z3LDvG4=?="
    encoded = {"x-amz-meta-colour": "=?UTF-8?Q?gr=C3=BCn?="}
    assert send(service, "PUT", f"/{bucket}/k", body=b"x", headers=encoded)[0] == 200
    assert send(service, "GET", f"/{bucket}/k")[1]["x-amz-meta-colour"] == "=?UTF-8?B?Z3LDvG4=?="


@pytest.mark.parametrize("path", ["/%ff", "/k%00", "/%c3%28"])
def test_paths_that_are_no_text_are_refused(service: LocalService, bucket: str, path: str) -> None:
    status, _, body = send(service, "GET", f"/{bucket}{path}")
    assert status == 400
    assert b"<Code>Invalid" in body


@pytest.mark.parametrize(
    "target",
    [
        "?list-type=2&max-keys=x",
        "?list-type=2&max-keys=-1",
        "?list-type=2&encoding-type=base64",
        "?uploads&max-uploads=1e9",
    ],
)
def test_parameters_that_cannot_be_are_refused(service: LocalService, bucket: str, target: str) -> None:
    status, _, body = send(service, "GET", f"/{bucket}{target}")
    assert (status, b"InvalidArgument" in body) == (400, True)


@pytest.mark.parametrize(
    "document",
    [
        b"<Delete>",
        b"<Other/>",
        b'<!DOCTYPE d [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        b"\xff\xfe",
        b"<Delete></Delete>",
    ],
)
def test_xml_that_cannot_be_is_refused(service: LocalService, bucket: str, document: bytes) -> None:
    status, _, body = send(service, "POST", f"/{bucket}?delete", body=document)
    assert (status, b"MalformedXML" in body) == (400, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": f"bytes=0-{'9' * 5000}"}, 206),
        ({"Range": f"bytes=-{'9' * 5000}"}, 206),
        ({"If-Modified-Since": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"}, 200),
        ({"If-Unmodified-Since": f"Mon, {'9' * 30} Jan 2024 00:00:00 GMT"}, 200),
    ],
)
def test_ranges_and_dates_of_very_many_digits_give_the_whole_object(
    service: LocalService, bucket: str, headers: dict[str, str], status: int
) -> None:
    send(service, "PUT", f"/{bucket}/k", body=b"content")
    assert send(service, "GET", f"/{bucket}/k", headers=headers)[::2] == (status, b"content")


def test_a_part_number_of_very_many_digits_is_refused(service: LocalService, bucket: str, s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = f"<Part><PartNumber>{'9' * 5000}</PartNumber><ETag>a</ETag></Part>"
    document = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    status, _, body = send(service, "POST", f"/{bucket}/k?uploadId={upload}", body=document)
    assert (status, b"MalformedXML" in body) == (400, True)


def test_a_document_of_many_megabytes_is_refused(service: LocalService, bucket: str) -> None:
    status, _, body = send(service, "PUT", f"/{bucket}?cors", body=b" " * (3 << 20))
    assert (status, b"EntityTooLarge" in body) == (400, True)


def test_a_client_that_sends_or_waits_in_vain_sees_why(service: LocalService) -> None:
    body = b" " * (9 << 20)
    status, _, answer = send(service, "PUT", "/no-such-bucket/k", body=body)
    assert (status, b"NoSuchBucket" in answer) == (404, True)
    waits = {"Expect": "100-continue"}
    status, _, answer = send(service, "PUT", "/no-such-bucket/k", body=body, headers=waits, sent=b"")
    assert (status, b"NoSuchBucket" in answer) == (404, True)


def test_methods_that_mean_nothing_are_refused(service: LocalService, bucket: str) -> None:
    for method, target in (
        ("POST", f"/{bucket}/k"),
        ("PATCH", f"/{bucket}/k"),
        ("DELETE", f"/{bucket}?location"),
        ("PUT", "/"),
    ):
        status, _, body = send(service, method, target)
        assert (status, b"MethodNotAllowed" in body) == (405, True)


def test_presigned_urls_read_and_write(service: LocalService, s3: Any, bucket: str) -> None:
    client = presigner(service)
    key = "ü/%2F a+b//x"
    put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
    request = urllib.request.Request(put, data=b"presigned", method="PUT", headers={"Content-Type": "text/x"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 200
    get = client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key, "ResponseContentType": "text/y"}
    )
    with urllib.request.urlopen(get, timeout=PATIENCE) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"presigned", "text/y")
    client.close()


def presigner(service: LocalService) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4")
    key = service.service.configuration.key
    return boto3.session.Session(key.access_key_id, key.secret_access_key, region_name="us-east-1").client(
        "s3", endpoint_url=service.url, config=config
    )


def test_one_connection_carries_empty_and_full_bodies_in_any_order(service: LocalService, bucket: str) -> None:
    client = boto_client(service.url, "s3", service.service.configuration)
    for number, body in enumerate((b"", b"full", b"", b"", b"full")):
        client.put_object(Bucket=bucket, Key=str(number), Body=io.BytesIO(body))
    client.close()


CLI = """
import json, sys
from awscli.clidriver import create_clidriver
for arguments in json.loads(sys.argv[1]):
    code = create_clidriver().main(["s3", *arguments])
    if code:
        sys.exit(f"aws s3 {arguments} ended with {code}")
"""


@pytest.mark.long
def test_the_aws_cli_makes_lists_copies_syncs_and_removes(service: LocalService, bucket: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "sub" / "ü b.bin").write_bytes(os.urandom(9 << 20))
    (source / "empty").write_bytes(b"")
    url = f"s3://{bucket}-cli"
    commands = [
        ["mb", url],
        ["sync", str(source), f"{url}/p", "--only-show-errors"],
        ["cp", f"{url}/p/a.txt", f"{url}/copy", "--only-show-errors"],
        ["ls", "--recursive", url],
        ["sync", f"{url}/p", str(back), "--only-show-errors"],
        ["rm", "--recursive", url, "--only-show-errors"],
        ["rb", url],
    ]
    key = service.service.configuration.key
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": service.url,
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [sys.executable, "-c", CLI, json.dumps(commands)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    listed = [line.split(maxsplit=3)[2:] for line in done.stdout.splitlines() if " p/" in line or " copy" in line]
    assert listed == [["1", "copy"], ["1", "p/a.txt"], ["0", "p/empty"], [str(9 << 20), "p/sub/ü b.bin"]]
    assert (back / "sub/ü b.bin").read_bytes() == (source / "sub/ü b.bin").read_bytes()
    assert (back / "empty").read_bytes() == b""
