"""The deployment of an endpoint: its containers start, take over the traffic by a rollout, and those before them end.

What fails on the way is the endpoint's FailureReason, and what served before goes on serving. A stored body's
`_Deploying` says what is on its way; `_Variants` and `_Folder` say what serves now, which a restart brings back.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import uuid
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.api_errors import ApiError
from pipeline.local.containers.hosting import capture
from pipeline.local.containers.hosting.alarms import Alarms
from pipeline.local.containers.hosting.capture import Capture
from pipeline.local.containers.hosting.endpoint_metrics import Traffic
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
from pipeline.local.containers.hosting.stored_endpoints import StoredEndpoints
from pipeline.local.containers.hosting.switchboard import Green, Switchboard
from pipeline.local.containers.jobs.running_job import INTERNAL, REASON_LIMIT
from pipeline.local.kinds import ENDPOINT, Body, Deploying, VariantPlan
from pipeline.local.other_aws import moto_state
from pipeline.local.service_context import ServiceContext

_log: Final = logging.getLogger(__name__)

SHOWN: Final = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig")
"""What DescribeEndpoint tells as the configuration has it; localhost does not act on it."""

PARITY: Final = (
    Row(
        area="hosting",
        subject="an update whose containers do not become healthy",
        here="the old configuration keeps serving, the status is InService again, FailureReason says why",
        aws="`update requested will not be completed`; status and reason are not established",
    ),
)


class Deployments:
    """Puts fleets into service. Threads may share it, one at a time for each endpoint."""

    def __init__(
        self, service: ServiceContext, switchboard: Switchboard, endpoints: StoredEndpoints, closing: threading.Event
    ) -> None:
        """Once `closing` is set, nothing is put into service any more."""
        self._service = service
        self._switchboard = switchboard
        self._endpoints = endpoints
        self._closing = closing
        self._factor = service.configuration.wait_factor
        self.traffic: Final = Traffic(self._cloudwatch)
        self._starting: set[Fleet] = set()
        self._lock = threading.Lock()

    def deploy(self, name: str) -> None:
        """Bring up what the stored endpoint's `_Deploying` says; its status tells the outcome."""
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

    def come_back(self, name: str) -> None:
        """Serve again what served before a restart, then go on with what was under way."""
        body = self._service.store.get(ENDPOINT, name)
        if body is None:
            return
        if "_Variants" in body:
            try:
                fleet = self._started(name, body["_Variants"], body["_Folder"])
                self._install(name, self._serving(name, fleet, body["EndpointConfigName"], body.get("_CaptureConfig")))
            except Exception as error:
                if not self._closing.is_set():
                    self._endpoints.change(name, EndpointStatus="Failed", FailureReason=_reason(error), _Deploying=None)
                return
            self._endpoints.change(name, EndpointStatus="Updating" if "_Deploying" in body else "InService")
        if "_Deploying" in body:
            self.deploy(name)

    def starting(self) -> list[Fleet]:
        """The fleets that are not in service yet."""
        with self._lock:
            return list(self._starting)

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
            with self.traffic.watched(name) as requests:
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
                reason = _reason(error)
                self._endpoints.change(name, EndpointStatus="RollingBack", FailureReason=reason, _Deploying=None)
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
        self._endpoints.change(
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
        new = Served(fleet, captured, functools.partial(self.traffic.record, name, config))
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
        self._endpoints.change(
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
        self._endpoints.change(name, EndpointStatus="Failed", FailureReason=reason)
        served.end(1.0)

    def _cloudwatch(self) -> Any:
        configuration = self._service.configuration
        return moto_state.backend("cloudwatch", configuration.account, configuration.region)


def _reason(error: Exception) -> str:
    """The FailureReason for what went wrong; the server's log has the details of a fault of ours."""
    if isinstance(error, (ModelDataError, NotHealthy, OSError, ApiError, RolledBack)):
        return str(error)[:REASON_LIMIT]
    _log.error("endpoint", exc_info=error)
    return INTERNAL


def _folder_of(served: Served) -> str | None:
    return None if served.fleet is None else served.fleet.folder.name
