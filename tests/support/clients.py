"""The engineer's clients for a test: of the service on localhost, or of moto alone, which is kind in other ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.clients import Clients
from tests.support.service import KEY, LocalService, share_models


def environment_of(local: LocalService) -> Mapping[str, str]:
    """What `pipeline local env` would print for the service of a test."""
    return {
        "AWS_ENDPOINT_URL": local.url,
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_access_key,
        "AWS_DEFAULT_REGION": local.service.configuration.region,
    }


def clients_of(local: LocalService) -> Clients:
    """Clients of the service on localhost."""
    import boto3

    share_models()
    session = boto3.Session(
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret_access_key,
        region_name=local.service.configuration.region,
    )
    return Clients(session, local.url)


@contextmanager
def aws_alone() -> Iterator[Clients]:
    """Clients of AWS as moto plays it, with nothing of ours in between."""
    import boto3
    import moto

    share_models()
    with moto.mock_aws():
        session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
        yield Clients(session)


@contextmanager
def refusing(client: Any, operation: str, code: str, message: str = "no", *, times: int = 1_000_000) -> Iterator[None]:
    """An operation of a client answers an error of AWS, so many times; nothing is sent."""
    from botocore.awsrequest import AWSResponse

    left = [times]

    def answer(request: Any, **_: Any) -> Any:
        if left[0] <= 0:
            return None
        left[0] -= 1
        body = json.dumps({"__type": code, "message": message}).encode()
        return AWSResponse(request.url, 400, {"Content-Type": "application/x-amz-json-1.1"}, _Raw(body))  # type: ignore[arg-type]

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register_first(event, answer, unique_id="refusing")
    try:
        yield
    finally:
        client.meta.events.unregister(event, unique_id="refusing")


class _Raw:
    """The body of a response as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        """The whole body at once."""
        yield self._body
