"""The door to the endpoints of the service: made, invoked, deleted, brought back at the next start, ended at a stop.

The stored body is the truth that clients see; a fleet is what really runs. What takes a while runs in a thread of its
own, so that no request waits for containers.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Final

from pipeline.limits import Row
from pipeline.local import trees
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.hosting.fleet_deployment import Deployments
from pipeline.local.containers.hosting.invocation import refused
from pipeline.local.containers.hosting.served_endpoint import Served
from pipeline.local.containers.hosting.serving_container import STOP_GRACE
from pipeline.local.containers.hosting.stored_endpoints import StoredEndpoints
from pipeline.local.containers.hosting.switchboard import Switchboard
from pipeline.local.kinds import ENDPOINT
from pipeline.local.service_context import ServiceContext
from pipeline.local.threads import join, side_by_side

RETURN_TIMEOUT: Final = 20.0

PARITY: Final = (
    Row(
        area="hosting",
        subject="instances",
        here="one process a container, whatever the instance type and count; autoscaling is registered and described,"
        " and nothing scales",
        aws="as many instances as the configuration says",
    ),
    Row(
        area="hosting",
        subject="an endpoint after a restart of the service",
        here="SystemUpdating until its containers serve again; invocations wait for them up to 20 s",
        aws="does not happen",
    ),
)


class Hosting:
    """All endpoints. Threads may share it."""

    def __init__(self, service: ServiceContext) -> None:
        self._service = service
        self._closing = threading.Event()
        self._switchboard = Switchboard()
        self._endpoints = StoredEndpoints(service, self._closing)
        self._deployments = Deployments(service, self._switchboard, self._endpoints, self._closing)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def deploy(self, name: str) -> None:
        """Bring up what the stored endpoint's `_Deploying` says, in a thread; its status tells the outcome."""
        self._in_thread(self._deployments.deploy, name)

    def delete(self, name: str) -> None:
        """End the containers of an endpoint that is Deleting, then forget it, in a thread."""
        self._in_thread(self._delete, name)

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str]) -> ContainerAnswer:
        """Answer one InvokeEndpoint; refusals are answers too, in the form that the runtime's clients read."""
        while (served := self._switchboard.chosen(name) or self._returning(name)) is not None:
            answer = served.invoke(self._service.arns, body, headers)
            if answer is not None:
                return answer
        return refused(
            "ValidationError", f"Endpoint {name} of account {self._service.configuration.account} not found."
        )

    def reweigh(self, name: str, weights: Mapping[str, float]) -> None:
        """Share the traffic of a serving endpoint by new weights at once."""
        served = self._switchboard.serving(name)
        for variant, weight in weights.items():
            if served is not None and served.fleet is not None:
                served.fleet.variants[variant].weight = weight

    def recover(self) -> None:
        """Bring back every endpoint that served, and go on with what was under way."""
        bodies = [body for body in self._service.store.list(ENDPOINT) if body["EndpointStatus"] != "Failed"]
        kept = {body.get("_Folder") for body in bodies if body["EndpointStatus"] != "Deleting"}
        for folder in self._service.state.endpoints.glob("*"):
            if folder.name not in kept:
                trees.remove(folder)
        for body in bodies:
            name = body["EndpointName"]
            if body["EndpointStatus"] == "Deleting":
                self.delete(name)
                continue
            if "_Variants" in body:
                self._endpoints.change(name, EndpointStatus="SystemUpdating")
            self._in_thread(self._deployments.come_back, name)

    def publish_metrics(self) -> None:
        """Give CloudWatch what the requests to the endpoints have measured since the last time."""
        self._deployments.traffic.publish()

    def close(self) -> None:
        """End all containers; what is stored says that they are to come back."""
        self._closing.set()
        ending = [*self._switchboard.close(), *map(Served, self._deployments.starting())]
        with self._lock:
            threads = list(self._threads)
        side_by_side([functools.partial(served.end, 5.0, keep_files=True) for served in ending])
        for thread in threads:
            join(thread, 15)

    def _returning(self, name: str) -> Served | None:
        """What serves an endpoint that comes back after a restart, waiting for it."""

        def settled() -> bool | None:
            body = self._service.store.get(ENDPOINT, name)
            return None if body is not None and body["EndpointStatus"] == "SystemUpdating" else True

        self._service.store.wait(settled, RETURN_TIMEOUT, of=(ENDPOINT, name))
        return self._switchboard.serving(name)

    def _delete(self, name: str) -> None:
        served = self._switchboard.take(name)
        try:
            served.end(STOP_GRACE)
        finally:
            self._endpoints.forget(name)

    def _in_thread(self, function: Callable[[str], None], name: str) -> None:
        def run() -> None:
            try:
                function(name)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"endpoint-{name}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        self._service.starter.start(thread)
