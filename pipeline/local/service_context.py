"""The parts that everything in the service works with: its state, S3, logs, events, clock, and the API by name.

It stands below the jobs, the endpoints and the engine, which are given one; `Service` completes it with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local import durable
from pipeline.local.clock import Clock
from pipeline.local.durable import Sync
from pipeline.local.egress.proxy import Proxy
from pipeline.local.faults import InjectedFaults
from pipeline.local.kinds import Body
from pipeline.local.log_files import Logs
from pipeline.local.other_aws.events import Events
from pipeline.local.other_aws.persistence import KeptState
from pipeline.local.other_aws.schedule_runner import Due
from pipeline.local.resource_names import ACCOUNT, DEFAULT_REGION, Arns
from pipeline.local.s3.store import Objects
from pipeline.local.state_folder import StateFolder
from pipeline.local.store import Store
from pipeline.local.threads import Starter


@dataclass(frozen=True)
class AccessKey:
    """The access key that clients sign with, and that jobs get in their environment."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Configuration:
    """What one service is told at its start."""

    account: str = ACCOUNT
    region: str = DEFAULT_REGION
    key: AccessKey = AccessKey("local", "local")
    faults: InjectedFaults = field(default_factory=InjectedFaults)
    clock: Clock = field(default_factory=Clock)
    sync: Sync = durable.sync
    """How what is acknowledged gets to the disk."""
    wait_factor: float = 1.0
    """How much of AWS's time the waits of a rollout and the periods of its alarms take."""
    lambdas: Mapping[str, str] = field(default_factory=dict)
    """The functions that Lambda steps may call: name to module:function (see `pipeline.local.engine.lambdas`)."""


class ServiceContext(ABC):
    """The parts that the others stand on."""

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
        self.logs = Logs(state.root, configuration.account, configuration.region)
        self.events = Events(configuration.account, configuration.region, self.call)
        self.kept = KeptState(self.store, configuration.account, configuration.region)
        self.due = Due(configuration.account, configuration.region, configuration.clock, self.kept, self.store)

    @abstractmethod
    def call(self, operation: str, request: Mapping[str, Any]) -> Body:
        """Answer an action of the SageMaker API, as for a client. Raises ApiError."""
