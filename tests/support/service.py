"""A running service for a test: the real parts behind the real front on a loopback port, with boto3 clients."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pipeline.local import api, durable
from pipeline.local.front import Front
from pipeline.local.other_aws import moto_state, persistence
from pipeline.local.process.discover import RunningService
from pipeline.local.service import Service
from pipeline.local.service_context import AccessKey, Configuration
from pipeline.local.state_folder import StateFolder
from tests.support.responses import problems
from tests.support.waiting import PATIENCE

KEY = AccessKey("AKIATESTTESTTESTTEST", "test-secret")
TEST_APPLICATION = "test"
"""What the tests' own clients call themselves, so that what they ask counts as nobody's."""
ROLE = "arn:aws:iam::123456789012:role/pipeline"
T = TypeVar("T")


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

    def when(self, ask: Callable[[], T], enough: Callable[[T], bool], *, seconds: float = PATIENCE) -> T:
        """Ask until the answer is enough: now and after each change of the service's resources, or each quarter second.

        To ask over HTTP without a pause takes a whole core, which what is waited for could use.
        """
        store, end = self.service.store, time.monotonic() + seconds
        while True:
            seen = store._db.total_changes
            if enough(found := ask()):
                return found
            assert time.monotonic() < end, f"still {found}"
            store.wait(lambda seen=seen: store._db.total_changes != seen or None, 0.25)  # type: ignore[misc]

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


_OPEN: list[LocalService] = []
"""The services of this process that have not ended."""


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
    _OPEN.append(running)
    try:
        service.recover(hold=hold)
        running.front.start()
        yield running
    finally:
        running.front.close()
        service.close()
        for client in running._clients.values():
            client.close()
        _OPEN.remove(running)
        if not _OPEN:
            _forget(settings)


def _forget(settings: Configuration) -> None:
    """Take out of moto, whose state is this process's, what a service keeps: the next one has a folder of its own."""
    for package, _ in persistence.TABLES.values():
        if f"moto.{package}.models" in sys.modules:
            moto_state.backend(package, settings.account, settings.region).reset()


@functools.cache
def boto_session(key: AccessKey, region: str) -> Any:
    """The session of all clients of that key and region: to make one takes longer than to make a client."""
    import boto3

    return boto3.session.Session(key.access_key_id, key.secret_access_key, region_name=region)


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
    from botocore.config import Config

    session = boto_session(key or settings.key, settings.region)
    quick = Config(
        retries={"total_max_attempts": attempts},
        max_pool_connections=32,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
        user_agent_appid=TEST_APPLICATION,  # type: ignore[call-arg]  # the stubs are older
    )
    return session.client(name, endpoint_url=url, config=quick.merge(config) if config else quick)
