"""The engineer's clients for a test: of the service on localhost, or of moto alone, which is kind in other ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.clients import Clients
from tests.support.service import KEY, LocalService, boto_session


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
    return Clients(boto_session(KEY, local.service.configuration.region), local.url)


@contextmanager
def aws_alone() -> Iterator[Clients]:
    """Clients of AWS as moto plays it, with nothing of ours in between."""
    import boto3
    import moto

    with moto.mock_aws():
        session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
        yield Clients(session)
