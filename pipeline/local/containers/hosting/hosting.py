"""The endpoints of the service: which fleet serves each, how one replaces another, what a restart brings back.

The stored body is the truth that clients see; a fleet is what really runs. A body's `_Variants` and `_Folder` say
what serves now, `_Deploying` what is on its way, so that a restart can make the status true again.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import disk, trees
from pipeline.local.api_errors import ApiError
from pipeline.local.containers.hosting import capture
from pipeline.local.containers.hosting.alarms import Alarms
from pipeline.local.containers.hosting.capture import Capture
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.hosting.endpoint_events import emit_state
from pipeline.local.containers.hosting.endpoint_metrics import Traffic
from pipeline.local.containers.hosting.invocation import refused
from pipeline.local.containers.hosting.model_data import ModelDataError
from pipeline.local.containers.hosting.production_variants import (
    INVOCATION_TIMEOUT,
    Fleet,
    NotHealthy,
    describe_variants,
)
from pipeline.local.containers.hosting.rollout import RolledBack, RolloutPlan, Stage, follow, plan_of
from pipeline.local.containers.hosting.served_endpoint import Served
from pipeline.local.containers.hosting.serving_container import STOP_GRACE
from pipeline.local.containers.hosting.switchboard import Green, Switchboard
from pipeline.local.containers.jobs.running_job import INTERNAL, REASON_LIMIT
from pipeline.local.kinds import ENDPOINT, Body, Deploying, VariantPlan
from pipeline.local.other_aws import moto_state
from pipeline.local.service_context import ServiceContext
from pipeline.local.threads import join, side_by_side

_log: Final = logging.getLogger(__name__)

SHOWN: Final = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig")
"""What DescribeEndpoint tells as the configuration has it; localhost does not act on it."""

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
        subject="an update whose containers do not become healthy",
        here="the old configuration keeps serving, the status is InService again, FailureReason says why",
        aws="`update requested will not be completed`; status and reason are not established",
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
        self._switchboard = Switchboard()
        self._factor = service.configuration.wait_factor
        self._traffic = Traffic(self._cloudwatch)
        self._starting: set[Fleet] = set()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._closing = threading.Event()

    def deploy(self, name: str) -> None:
        """Bring up what the stored endpoint's `_Deploying` says, in a thread; its status tells the outcome."""
        self._in_thread(self._deploy, name)

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
                self._set(name, EndpointStatus="SystemUpdating")
            self._in_thread(self._come_back, name)

    def publish_metrics(self) -> None:
        """Give CloudWatch what the requests to the endpoints have measured since the last time."""
        self._traffic.publish()

    def close(self) -> None:
        """End all containers; what is stored says that they are to come back."""
        self._closing.set()
        ending = self._switchboard.close()
        with self._lock:
            ending += map(Served, self._starting)
            threads = list(self._threads)
        side_by_side([functools.partial(served.end, 5.0, keep_files=True) for served in ending])
        for thread in threads:
            join(thread, 15)

    # deploying

    def _deploy(self, name: str) -> None:
        body = self._service.store.get(ENDPOINT, name)
        if body is None or "_Deploying" not in body:
            return
        deploying = body["_Deploying"]
        folder = self._service.state.endpoints / f"{name}-{uuid.uuid4().hex[:8]}"
        try:
            plan = self._plan(deploying)
            fleet = self._started(name, deploying["Variants"], folder.name)
            new = self._serving(name, fleet, deploying["EndpointConfigName"], deploying.get("DataCaptureConfig"))
            self._roll_out(name, new, deploying, plan)
            self._switch(name, new, deploying, plan.termination)
        except Exception as error:  # whatever goes wrong must end what was under way
            if not self._closing.is_set():
                self._failed(name, _reason(error))

    def _started(self, name: str, variants: list[VariantPlan], folder: str) -> Fleet:
        fleet = Fleet(self._service, name, variants, self._service.state.endpoints / folder)
        with self._lock:
            self._starting.add(fleet)
        try:
            delay = self._service.faults.endpoint_delay
            if delay:
                self._closing.wait(delay)
            fleet.start()
            if self._closing.is_set():
                raise NotHealthy("the service is ending")
            return fleet
        except BaseException:
            fleet.stop(0.5, keep_files=self._closing.is_set())
            raise
        finally:
            with self._lock:
                self._starting.discard(fleet)

    def _plan(self, deploying: Deploying) -> RolloutPlan:
        instances = sum(variant["InstanceCount"] for variant in deploying["Variants"])
        return plan_of(deploying.get("DeploymentConfig"), instances, self._factor)

    def _roll_out(self, name: str, new: Served, deploying: Deploying, plan: RolloutPlan) -> None:
        """Move the traffic of a serving endpoint to `new` by the plan. Raises RolledBack, having moved it back."""
        green = self._switchboard.begin(name, new)
        if green is None:
            return
        alarms = Alarms(plan.alarms, name, self._cloudwatch, factor=self._factor)
        try:
            with self._traffic.watched(name) as requests:
                follow(
                    plan,
                    shift=functools.partial(self._shift, name, green, deploying),
                    problem=lambda: green.died or alarms.tripped(requests(alarms.window), time.monotonic()),
                    wait=self._closing.wait,
                )
        except Exception as error:
            self._switchboard.turn_back(name)
            closing = self._closing.is_set()
            if not closing:
                self._set(name, EndpointStatus="RollingBack", FailureReason=_reason(error), _Deploying=None)
            new.end(STOP_GRACE, drain=0.0 if closing else INVOCATION_TIMEOUT, keep_files=closing)
            raise

    def _shift(self, name: str, green: Green, deploying: Deploying, stage: Stage) -> None:
        """Let the new containers answer so much, and show it in DescribeEndpoint."""
        now = self._service.clock.now()
        status = "Baking" if stage.baking else "ActivatingTraffic"
        described = describe_variants(deploying["Variants"], now, status=status, share=stage.share)
        body = self._service.store.get(ENDPOINT, name)
        pending = {} if body is None else body.get("PendingDeploymentSummary", {})
        summary = pending | {"ProductionVariants": described}
        self._service.store.merge(ENDPOINT, name, PendingDeploymentSummary=summary)
        green.share = stage.share

    def _switch(self, name: str, new: Served, deploying: Deploying, termination: float) -> None:
        """The new containers take all the traffic, the old ones end, the store says so."""
        old = self._install(name, new)
        if termination:
            self._closing.wait(termination)
        now = self._service.clock.now()
        self._set(
            name,
            EndpointStatus="InService",
            EndpointConfigName=deploying["EndpointConfigName"],
            ProductionVariants=describe_variants(deploying["Variants"], now),
            DataCaptureConfig=capture.summary(deploying.get("DataCaptureConfig")),
            LastDeploymentConfig=deploying.get("DeploymentConfig"),
            **{member: deploying.get(member) for member in SHOWN},
            PendingDeploymentSummary=None,
            FailureReason=None,
            _Variants=deploying["Variants"],
            _Folder=_folder_of(new),
            _CaptureConfig=deploying.get("DataCaptureConfig"),
            _Deploying=None,
        )
        old.end(STOP_GRACE, drain=INVOCATION_TIMEOUT)

    def _serving(self, name: str, fleet: Fleet, config: str, capturing: Body | None) -> Served:
        """What a started fleet answers by. Raises NotHealthy, after ending it, where the service ends."""
        enabled = capturing is not None and capturing.get("EnableCapture")
        captured = Capture(self._service, name, capturing) if capturing and enabled else None
        new = Served(fleet, captured, functools.partial(self._traffic.record, name, config))
        if self._closing.is_set():
            new.end(0.5, keep_files=True)
            raise NotHealthy("the service is ending")
        fleet.keep_alive(lambda variant: self._died(name, fleet, variant))
        return new

    def _install(self, name: str, new: Served) -> Served:
        """Let it serve; what served before. Raises NotHealthy, after ending it, where the service ends."""
        old = self._switchboard.install(name, new)
        if old is None:
            new.end(0.5, keep_files=True)
            raise NotHealthy("the service is ending")
        return old

    def _failed(self, name: str, reason: str) -> None:
        self._set(
            name,
            EndpointStatus="InService" if self._switchboard.serving(name) else "Failed",
            FailureReason=reason,
            PendingDeploymentSummary=None,
            _Deploying=None,
        )

    def _died(self, name: str, fleet: Fleet, variant: str) -> None:
        served = self._switchboard.died(name, fleet, variant)
        if served is None:
            return
        reason = f"The primary container for production variant {variant} ended again and again."
        reason += " Please check CloudWatch logs for this endpoint."
        self._set(name, EndpointStatus="Failed", FailureReason=reason)
        served.end(1.0)

    # coming back, going away

    def _come_back(self, name: str) -> None:
        body = self._service.store.get(ENDPOINT, name)
        if body is None:
            return
        if "_Variants" in body:
            try:
                fleet = self._started(name, body["_Variants"], body["_Folder"])
                self._install(name, self._serving(name, fleet, body["EndpointConfigName"], body.get("_CaptureConfig")))
            except Exception as error:
                if not self._closing.is_set():
                    self._set(name, EndpointStatus="Failed", FailureReason=_reason(error), _Deploying=None)
                return
            self._set(name, EndpointStatus="Updating" if "_Deploying" in body else "InService")
        if "_Deploying" in body:
            self._deploy(name)

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
            disk.once_there_is_room(lambda: self._service.store.delete(ENDPOINT, name), closed=self._closing.is_set)

    # small things

    def _cloudwatch(self) -> Any:
        configuration = self._service.configuration
        return moto_state.backend("cloudwatch", configuration.account, configuration.region)

    def _set(self, name: str, **members: Any) -> None:
        members["LastModifiedTime"] = self._service.clock.now()
        try:
            body = disk.once_there_is_room(
                lambda: self._service.store.merge(ENDPOINT, name, **members), closed=self._closing.is_set
            )
        except KeyError:
            return
        emit_state(self._service, body)

    def _in_thread(self, function: Any, name: str) -> None:
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


def _reason(error: Exception) -> str:
    """The FailureReason for what went wrong; the server's log has the details of a fault of ours."""
    if isinstance(error, (ModelDataError, NotHealthy, OSError, ApiError, RolledBack)):
        return str(error)[:REASON_LIMIT]
    _log.error("endpoint", exc_info=error)
    return INTERNAL


def _folder_of(served: Served) -> str | None:
    return None if served.fleet is None else served.fleet.folder.name
