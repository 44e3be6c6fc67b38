"""S3 requests below boto3's level: signed by hand, sent as bytes, so that a test can send what no client would."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.support.service import LocalService
from tests.support.waiting import PATIENCE

Reply = tuple[int, dict[str, str], bytes]


def error_of(error: Exception) -> tuple[str, int]:
    """Code and HTTP status of a botocore ClientError."""
    response = error.response  # type: ignore[attr-defined]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def send(
    service: LocalService,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    payload_hash: str = "UNSIGNED-PAYLOAD",
    sent: bytes | None = None,
) -> Reply:
    """Sign a request for `target` (quoted path and query) and send it; `sent` replaces the body after signing."""
    head = signed_head(
        service,
        method,
        target,
        headers={"Content-Length": str(len(body)), "Connection": "close", **(headers or {})},
        payload_hash=payload_hash,
    )
    return exchange(service, head + (body if sent is None else sent))


def signed_head(
    service: LocalService,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    payload_hash: str = "UNSIGNED-PAYLOAD",
) -> bytes:
    """The head of a request, signed."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    class Signer(S3SigV4Auth):
        """Signs the payload hash that it is told."""

        def payload(self, request: object) -> str:
            return payload_hash

    key = service.service.configuration.key
    request = AWSRequest(method, service.url + target, headers=dict(headers or {}))
    Signer(Credentials(key.access_key_id, key.secret_access_key), "s3", "us-east-1").add_auth(request)
    host = urlsplit(service.url).netloc
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return head.encode("latin-1") + b"\r\n"


def exchange(service: LocalService, message: bytes) -> Reply:
    """Send bytes, close the sending side, read the answer; status 0 if there is none."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port or 80), timeout=PATIENCE) as sock:
        sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return 0, {}, b""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body
