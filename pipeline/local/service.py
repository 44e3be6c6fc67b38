"""The service itself, without HTTP: it holds the parts together and answers actions by name.

The HTTP front, the engine and the tests all come in through `Service.call`, so a step of a pipeline passes the
same checks as a request from a client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local import api, durable, request_rules
from pipeline.local.clock import Clock
from pipeline.local.containers.hosting.hosting import Hosting
from pipeline.local.containers.jobs.jobs import Jobs
from pipeline.local.durable import Sync
from pipeline.local.egress.proxy import Proxy
from pipeline.local.engine.execution import Engine
from pipeline.local.errors import UnknownOperationException
from pipeline.local.faults import Faults
from pipeline.local.logs import Logs
from pipeline.local.names import ACCOUNT, DEFAULT_REGION, Arns
from pipeline.local.other_aws.events import Events
from pipeline.local.request_validation import check_request
from pipeline.local.s3.store import Objects
from pipeline.local.state_folder import StateFolder
from pipeline.local.store import Store
from pipeline.local.threads import Starter

Body = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """The access key that clients sign with, and that jobs get in their environment."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Configuration:
    """What one service is told at its start."""

    account: str = ACCOUNT
    region: str = DEFAULT_REGION
    key: Key = Key("local", "local")
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=Clock)
    sync: Sync = durable.sync
    """How what is acknowledged gets to the disk."""
    lambdas: Mapping[str, str] = field(default_factory=dict)
    """The functions that Lambda steps may call: name to module:function (see `pipeline.local.engine.lambdas`)."""


class Service:
    """SageMaker on localhost: state, S3, logs, jobs, endpoints, executions."""

    def __init__(self, state: StateFolder, configuration: Configuration, *, address: Callable[[], str]) -> None:
        """`address` answers the URL that jobs reach the service by, known once the port is bound."""
        self.state = state
        self.configuration = configuration
        self.clock = configuration.clock
        self.faults = configuration.faults
        self.address = address
        self.proxy = Proxy(state.egress, configuration.key.secret_access_key, address)
        self.arns = Arns(configuration.account, configuration.region)
        self.store = Store(state.database, configuration.sync)
        self.objects = Objects(state.objects, sync=configuration.sync)
        self.starter = Starter()
        self.logs = Logs(self)
        self.events = Events(self)
        self.jobs = Jobs(self)
        self.hosting = Hosting(self)
        self.engine = Engine(self)
        self._actions = api.load()

    def call(self, operation: str, request: Mapping[str, Any]) -> Body:
        """Check the request by botocore's model, then answer it. Raises ApiError."""
        if operation not in self._actions:
            raise UnknownOperationException(f"SageMaker on localhost has no action {operation}.")
        self.faults.before(operation)
        checked = check_request(operation, request)
        request_rules.check(operation, checked)
        return self._actions[operation](self, checked)

    def recover(self, *, hold: bool = False) -> None:
        """After a restart: make true again, or end with a reason, whatever was running when the service went down.

        With `hold` only jobs are ended; executions and endpoints stay as they are.
        """
        self.jobs.recover()
        if not hold:
            self.hosting.recover()
        self.engine.recover(hold=hold)

    def close(self) -> None:
        """Stop executions, jobs and endpoints of this process and close the state; what was acknowledged stays."""
        self.starter.close()
        self.engine.close()
        self.jobs.close()
        self.hosting.close()
        self.proxy.close()
        self.logs.close()
        self.store.close()
        self.objects.close()
