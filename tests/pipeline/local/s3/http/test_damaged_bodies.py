"""A body that is not as long as it was when it was stored is an error that names the object, and never data."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.support.damage import file_of, shorten
from tests.support.s3_requests import signed_head
from tests.support.service import LocalService

SIZE = 100_000
PART = 5 << 20


def _shorten(path: Path) -> None:
    os.truncate(path, 40_000)


def _lengthen(path: Path) -> None:
    os.truncate(path, SIZE + 1)


@pytest.mark.parametrize("damage", [_shorten, _lengthen, Path.unlink], ids=["shorter", "longer", "gone"])
def test_no_read_gives_a_part_of_a_damaged_body(
    service: LocalService, s3: Any, bucket: str, damage: Callable[[Path], None]
) -> None:
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x" * SIZE)
    damage(file_of(service.service.objects, bucket, "a/b"))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="whole")["UploadId"]
    source = {"Bucket": bucket, "Key": "a/b"}
    part = {"Bucket": bucket, "Key": "whole", "UploadId": upload, "PartNumber": 1, "CopySource": source}
    reads: list[Callable[[], Any]] = [
        lambda: s3.get_object(Bucket=bucket, Key="a/b"),
        lambda: s3.get_object(Bucket=bucket, Key="a/b", Range="bytes=0-9"),
        lambda: s3.get_object(Bucket=bucket, Key="a/b", PartNumber=1),
        lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource=source),
        lambda: s3.upload_part_copy(**part),
    ]
    for read in reads:
        with pytest.raises(ClientError, match=f"s3://{bucket}/a/b is damaged") as raised:
            read()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "copy" not in [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="whole", UploadId=upload)


def test_a_damaged_part_fails_what_needs_it_before_the_first_byte(service: LocalService, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = []
    for number in (1, 2):
        sent = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"p" * PART)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    shorten(service.service.objects, bucket, "k", PART - 1, number=1)
    with pytest.raises(ClientError, match=f"s3://{bucket}/k is damaged.*{PART - 1} bytes instead of {PART}"):
        s3.get_object(Bucket=bucket, Key="k")
    first = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes=0-{PART - 1}")
    assert first["Body"].read() == b"p" * PART


def test_a_body_that_is_shortened_while_it_is_sent_ends_the_connection(
    service: LocalService, s3: Any, bucket: str
) -> None:
    """Else a client would wait for the rest for ever, or take the next answer for it."""
    size = 64 << 20
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(size))
    s3.put_object(Bucket=bucket, Key="next", Body=b"the next answer")
    address = urlsplit(service.url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    sock.settimeout(30)
    with sock:
        sock.connect((address.hostname, address.port))
        sock.sendall(b"".join(signed_head(service, "GET", f"/{bucket}/{key}") for key in ("large", "next")))
        received = len(sock.recv(65536))
        shorten(service.service.objects, bucket, "large", 1000)
        tail = b""
        while chunk := sock.recv(1 << 20):
            received += len(chunk)
            tail = (tail + chunk)[-4096:]
    assert received < size
    assert b"HTTP/1.1" not in tail and b"the next answer" not in tail
