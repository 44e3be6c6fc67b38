"""Buckets named by the Host, as the AWS SDKs of most languages do by default."""

from __future__ import annotations

import io
import socket
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from tests.support.s3_requests import exchange
from tests.support.service import LocalService, boto_client

KEY = "a b/ü%2F//x"


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below localhost lead to this machine, which not every system's resolver knows."""
    ask = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        return ask("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def virtual(service: LocalService, version: str = "s3v4") -> Any:
    config = Config(signature_version=version, s3={"addressing_style": "virtual"})
    url = service.url.replace("127.0.0.1", "localhost")
    return boto_client(url, "s3", service.service.configuration, config=config)


@pytest.mark.usefixtures("resolved")
def test_objects_are_the_same_by_host_and_by_path(service: LocalService, s3: Any, bucket: str) -> None:
    client = virtual(service)
    client.put_object(Bucket=bucket, Key=KEY, Body=b"content", Metadata={"my_key": "v"})
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"content"
    found = client.get_object(Bucket=bucket, Key=KEY)
    assert (found["Body"].read(), found["Metadata"]) == (b"content", {"my_key": "v"})
    assert [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]] == [KEY]
    client.copy_object(Bucket=bucket, Key="bucket/_console", CopySource={"Bucket": bucket, "Key": KEY})
    assert client.head_object(Bucket=bucket, Key="bucket/_console")["ContentLength"] == 7
    data = b"x" * (6 << 20)
    client.upload_fileobj(io.BytesIO(data), bucket, "_health", Config=TransferConfig(multipart_threshold=5 << 20))
    assert s3.get_object(Bucket=bucket, Key="_health")["Body"].read() == data
    deleted = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": KEY}, {"Key": "_health"}]})
    assert len(deleted["Deleted"]) == 2
    client.create_bucket(Bucket=f"{bucket}-made")
    assert f"{bucket}-made" in [item["Name"] for item in client.list_buckets()["Buckets"]]


@pytest.mark.usefixtures("resolved")
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_may_name_the_bucket_by_its_host(
    service: LocalService, s3: Any, bucket: str, version: str
) -> None:
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"content")
    wanted = {"Bucket": bucket, "Key": KEY}
    address = virtual(service, version).generate_presigned_url("get_object", Params=wanted)
    assert address.startswith(f"http://{bucket}.localhost:")
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"content"


def ask(service: LocalService, host: str, path: str, **headers: str) -> int:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return exchange(service, "\r\n".join([*lines, "Connection: close", "", ""]).encode())[0]


def test_a_bucket_in_the_host_opens_nothing_but_s3(service: LocalService, bucket: str) -> None:
    port = urlsplit(service.url).port
    for path in ("/_health", "/_console", "/", "/endpoints/a/invocations"):
        assert ask(service, f"{bucket}.localhost:{port}", path) == 403, path
    assert ask(service, f"localhost:{port}", "/_health") == 200
    for host in ("evil.example", f"{bucket}.localhost.evil.example", ".localhost", "a.localhost", "A_B.localhost"):
        assert ask(service, f"{host}:{port}", "/_health") == 403, host


def test_what_lies_in_a_bucket_is_no_page_of_the_console(service: LocalService, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="page.html", Body=b"<script>", ContentType="text/html")
    path = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "page.html"})
    request = urllib.request.Request(path, headers={"Sec-Fetch-Dest": "document"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Security-Policy"] == "sandbox"
