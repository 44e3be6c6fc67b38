"""The proxy between real clients and the real service: AWS's hosts are answered here, others are reached untouched."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.local.egress.authority import Authority
from pipeline.local.egress.proxy import Proxy
from pipeline.local.egress.proxy_address import address_of
from tests.support.service import KEY, LocalService, local_service

SECRET = KEY.secret_access_key


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def _client(local: LocalService, service: str, host: str, **s3: Any) -> Any:
    address = address_of(local.service.proxy.port, SECRET)
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=f"https://{host}",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=SECRET,
        verify=str(Authority(local.service.state.egress).bundle()),
        config=Config(proxies={"https": address}, s3=s3, retries={"total_max_attempts": 1}),
    )


def _connect(port: int, target: str, upstream: str = "", secret: str = SECRET) -> tuple[socket.socket, str]:
    """A connection after CONNECT, and what the proxy said."""
    via = address_of(port, secret, upstream).removeprefix("http://").partition("@")[0]
    sock = socket.create_connection(("127.0.0.1", port))
    credentials = base64.b64encode(via.encode()).decode()
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic {credentials}\r\n\r\n".encode())
    said = b""
    while b"\r\n\r\n" not in said and (part := sock.recv(4096)):
        said += part
    return sock, said.decode()


def test_the_global_and_the_regional_address_of_sts_are_answered_here(local: LocalService) -> None:
    for host in ("sts.amazonaws.com", "sts.us-east-1.amazonaws.com"):
        assert _client(local, "sts", host).get_caller_identity()["Arn"].endswith(":assumed-role/pipeline/localhost")


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_s3_at_its_own_address(local: LocalService, style: str) -> None:
    s3 = _client(local, "s3", "s3.us-east-1.amazonaws.com", addressing_style=style)
    bucket = f"bucket-{style}"
    s3.create_bucket(Bucket=bucket)
    body = bytes(range(256)) * 4096
    for key in ("a b/%2F+ü", "plain"):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
        assert local.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 3


def test_addresses_that_a_service_hands_out_lead_here(local: LocalService) -> None:
    url = _client(local, "sqs", "queue.amazonaws.com").create_queue(QueueName="here")["QueueUrl"]
    assert url.startswith(local.url + "/")


def test_a_service_that_nobody_here_has_is_refused_with_its_name(local: LocalService) -> None:
    with pytest.raises(ClientError, match="braket POST /devices") as raised:
        _client(local, "braket", "braket.us-east-1.amazonaws.com").search_devices(filters=[])
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_is_not_signed_is_refused_in_words(local: LocalService) -> None:
    import ssl

    host = "sample-files.s3.amazonaws.com"
    sock, said = _connect(local.service.proxy.port, f"{host}:443")
    assert said.startswith("HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=str(Authority(local.service.state.egress).bundle()))
    with sock, context.wrap_socket(sock, server_hostname=host) as tls:
        tls.sendall(f"GET /data.csv HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        text = answer.read().decode()
    assert answer.status == 403 and f"SageMaker on localhost answers for {host}" in text


def test_the_pages_of_the_service_are_none_of_awss(local: LocalService) -> None:
    connection = http.client.HTTPConnection(local.url.removeprefix("http://"))
    connection.request("GET", "/_console", headers={"Host": "s3.amazonaws.com"})
    assert connection.getresponse().status == 403
    connection.close()


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    """Sends back what it is sent, and ends its side when the other has ended its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = server.accept()
                    with sock:
                        while block := sock.recv(65536):
                            sock.sendall(block)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_other_hosts_get_the_very_bytes(local: LocalService) -> None:
    body = bytes(range(256)) * 8192
    with _echo() as port:
        sock, said = _connect(local.service.proxy.port, f"localhost:{port}")
        assert said.startswith("HTTP/1.1 200 ")
        with sock:
            writer = threading.Thread(target=lambda: (sock.sendall(body), sock.shutdown(socket.SHUT_WR)))
            writer.start()
            received = b""
            while part := sock.recv(65536):
                received += part
            writer.join()
    assert received == body


def test_other_hosts_are_reached_by_the_users_own_proxy(local: LocalService, tmp_path: Path) -> None:
    company = Proxy(tmp_path / "egress", "company", lambda: "http://127.0.0.1:9")
    try:
        with _echo() as port:
            for secret, status in (("company", "200 "), ("another", "502 ")):
                upstream = address_of(company.port, secret)
                sock, said = _connect(local.service.proxy.port, f"localhost:{port}", upstream)
                with sock:
                    assert said.startswith(f"HTTP/1.1 {status}"), said
                    if status == "200 ":
                        sock.sendall(b"hello")
                        assert sock.recv(5) == b"hello"
                    else:
                        assert "407" in said
    finally:
        company.close()


@pytest.mark.parametrize(
    "target, secret, status",
    [
        ("sts.amazonaws.com:443", "another", "407"),
        ("example.org:443", "another", "407"),
        ("localhost:1", SECRET, "502"),
        ("nonsense", SECRET, "400"),
        ("host:99999", SECRET, "502"),
    ],
)
def test_what_the_proxy_refuses(local: LocalService, target: str, secret: str, status: str) -> None:
    sock, said = _connect(local.service.proxy.port, target, secret=secret)
    sock.close()
    assert said.startswith(f"HTTP/1.1 {status} "), said


def test_it_is_for_https_alone(local: LocalService) -> None:
    with socket.create_connection(("127.0.0.1", local.service.proxy.port)) as sock:
        sock.sendall(b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 405 ")


def test_the_port_is_that_of_last_time_if_it_is_free(tmp_path: Path) -> None:
    ports = []
    for _ in range(2):
        found = Proxy(tmp_path, SECRET, lambda: "http://127.0.0.1:9")
        ports.append(found.port)
        found.close()
    assert ports[0] == ports[1]
