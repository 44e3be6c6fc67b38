"""A running service for a test: the real parts behind the real front on a loopback port, with boto3 clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.local import api, durable
from pipeline.local.context import AccessKey, Configuration
from pipeline.local.process.discover import RunningService
from pipeline.local.server import Front
from pipeline.local.service import Service
from pipeline.local.state_folder import StateFolder
from tests.support.responses import problems
from tests.support.waiting import PATIENCE

KEY = AccessKey("AKIATESTTESTTESTTEST", "test-secret")
ROLE = "arn:aws:iam::123456789012:role/pipeline"


class CheckedService(Service):
    """The service, whose every response is held against botocore's model: what is wrong becomes a 500."""

    def call(self, operation: str, request: Mapping[str, Any], *, region: str | None = None) -> dict[str, Any]:
        response = super().call(operation, request, region=region)
        found = problems(operation, response)
        if operation == "Search":  # its tests store bodies with little in them
            found = [problem for problem in found if not problem.endswith("missing")]
        if found:
            raise AssertionError("; ".join(found))
        return response


@dataclass(frozen=True)
class LocalService:
    """The service, its address, and clients that sign with its key and do not retry."""

    service: Service
    front: Front
    url: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, name: str, *, key: AccessKey | None = None, attempts: int = 1, config: Any = None) -> Any:
        """A boto3 client of that service; the same object each time for the same arguments."""
        wanted = f"{name} {key} {attempts} {config}"
        if wanted not in self._clients:
            settings = self.service.configuration
            self._clients[wanted] = boto_client(self.url, name, settings, key, attempts, config)
        return self._clients[wanted]

    @property
    def sagemaker(self) -> Any:
        """The client of SageMaker."""
        return self.client("sagemaker")

    @property
    def runtime(self) -> Any:
        """The client that invokes endpoints."""
        return self.client("sagemaker-runtime")

    @property
    def s3(self) -> Any:
        """The client of S3."""
        return self.client("s3")

    @property
    def logs(self) -> Any:
        """The client of CloudWatch Logs."""
        return self.client("logs")


@contextmanager
def local_service(tmp_path: Path, *, port: int = 0, hold: bool = False, **configuration: Any) -> Iterator[LocalService]:
    """A service with its state in `tmp_path / "state"`; use it twice with one folder to test a restart."""
    # Here and not when a client is made: the front loads moto, which needs it too, in a thread of this same process.
    import boto3  # noqa: F401

    state = StateFolder.open(tmp_path / "state")
    fronts: list[Front] = []
    # A kill loses nothing without the waiting for the disk; a power loss has tests of its own.
    settings = Configuration(**{"key": KEY, "sync": durable.no_sync, **configuration})
    service = CheckedService(state, settings, address=lambda: fronts[0].url, actions=api.load())
    fronts.append(Front(service, port))
    running = LocalService(service, fronts[0], fronts[0].url)
    try:
        service.recover(hold=hold)
        running.front.start()
        yield running
    finally:
        running.front.close()
        service.close()
        for client in running._clients.values():
            client.close()


def boto_client_of(found: RunningService, name: str, attempts: int = 1) -> Any:
    """A client for a service that runs as a process of its own."""
    identity = found.identity
    key = AccessKey(identity.access_key_id, identity.secret_access_key)
    settings = Configuration(account=identity.account, region=identity.region, key=key)
    return boto_client(found.address, name, settings, attempts=attempts)


def boto_client(
    url: str, name: str, settings: Configuration, key: AccessKey | None = None, attempts: int = 1, config: Any = None
) -> Any:
    """A client that knows the address, the key and the region from nowhere but here."""
    import boto3
    from botocore.config import Config

    signed_by = key or settings.key
    session = boto3.session.Session(
        aws_access_key_id=signed_by.access_key_id,
        aws_secret_access_key=signed_by.secret_access_key,
        region_name=settings.region,
    )
    quick = Config(
        retries={"total_max_attempts": attempts},
        max_pool_connections=32,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
    )
    return session.client(name, endpoint_url=url, config=quick.merge(config) if config else quick)  # type: ignore[call-overload]
