"""The fleet that serves one endpoint at one time: its production variants, each a chain of containers behind a weight.

A fleet is made from what was true when the endpoint was deployed (model, images, environment), as a copy: deleting
the model or the configuration afterwards changes nothing, and a restart brings the same containers back.
"""

from __future__ import annotations

import functools
import math
import random
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.local import trees
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.hosting.model_data import containers_of
from pipeline.local.containers.hosting.serving_container import HEALTH_TIMEOUT, ServingContainer, ask
from pipeline.local.kinds import MODEL, Body, VariantPlan
from pipeline.local.service_context import ServiceContext
from pipeline.local.threads import side_by_side

INVOCATION_TIMEOUT: Final = 60.0


class NotHealthy(Exception):
    """A container did not become healthy; the message is AWS's FailureReason."""


class NoSuchContainer(Exception):
    """A request names no container of a variant whose containers are invoked one by one, or one that is not there."""


class Variant:
    """One production variant: containers that each answer the next one's request, or are invoked one by one."""

    def __init__(self, service: ServiceContext, endpoint: str, plan: VariantPlan, folder: Path) -> None:
        self.name: str = plan["VariantName"]
        self.weight = float(plan["Weight"])
        self.serverless = "ServerlessConfig" in plan
        self.stream = f"{self.name}/i-{secrets.token_hex(8)}"
        self._plan = plan
        self._service = service
        self._group = f"/aws/sagemaker/Endpoints/{endpoint}"
        definitions = plan["Containers"]
        self.containers = [
            ServingContainer(
                service, definition, folder / f"{self.name}-{index}", self._log(definition, len(definitions))
            )
            for index, definition in enumerate(definitions)
        ]
        hosts = [definition.get("ContainerHostname", "") for definition in definitions]
        self._by_host = dict(zip(hosts, self.containers, strict=True)) if plan.get("Direct") else None

    def start(self) -> None:
        """Start all containers. Raises ModelDataError, NotHealthy."""
        for container in self.containers:
            container.prepare()
            if not container.start(self._plan.get("HealthTimeout", HEALTH_TIMEOUT)):
                raise NotHealthy(
                    f"The primary container for production variant {self.name} did not pass the ping health check. "
                    "Please check CloudWatch logs for this endpoint."
                )

    def request(self, headers: Mapping[str, str], body: bytes, hostname: str = "") -> ContainerAnswer:
        """The answer of the last container, or of the first that refuses; of the one named `hostname` in direct mode.

        Raises NoAnswer, TooLate, NoSuchContainer.
        """
        containers = self.containers
        if self._by_host is not None:
            if hostname not in self._by_host:
                raise NoSuchContainer(hostname)
            containers = [self._by_host[hostname]]
        return ask(containers, headers, body, INVOCATION_TIMEOUT)

    def _log(self, definition: Body, count: int) -> Callable[[str], None]:
        stream = self.stream
        if count > 1:
            stream += f"/{definition.get('ContainerHostname', 'container')}"

        def on_line(line: str) -> None:
            self._service.logs.write(self._group, stream, [(int(self._service.clock.now() * 1000), line)])

        return on_line


class Fleet:
    """The variants of one deployment of an endpoint."""

    def __init__(self, service: ServiceContext, endpoint: str, plans: Sequence[VariantPlan], folder: Path) -> None:
        """`plans` are the stored variants (`plan_variants`); `folder` is theirs alone."""
        self.endpoint = endpoint
        self.folder = folder
        self.plans = list(plans)
        self.variants = {plan["VariantName"]: Variant(service, endpoint, plan, folder) for plan in plans}
        self._idle = threading.Condition()
        self._under_way = 0
        self._draining = False

    def start(self) -> None:
        """Start the variants side by side and wait for all. Raises ModelDataError, NotHealthy; the rest still runs."""
        errors: list[Exception] = []

        def start(variant: Variant) -> None:
            try:
                variant.start()
            except Exception as error:
                errors.append(error)

        side_by_side([functools.partial(start, variant) for variant in self.variants.values()])
        if errors:
            raise errors[0]

    def keep_alive(self, on_failure: Callable[[str], None]) -> None:
        """Replace processes that die; `on_failure` gets the name of a variant that cannot be kept alive."""
        for variant in self.variants.values():
            for container in variant.containers:
                container.keep_alive(lambda name=variant.name: on_failure(name))  # type: ignore[misc]

    @contextmanager
    def request(self) -> Iterator[bool]:
        """While a request is under way the fleet is not ended; gives False where it takes none any more."""
        with self._idle:
            if admitted := not self._draining:
                self._under_way += 1
        try:
            yield admitted
        finally:
            if admitted:
                with self._idle:
                    self._under_way -= 1
                    if self._draining:
                        self._idle.notify_all()

    def drain(self, timeout: float) -> None:
        """Take no more requests and wait for those under way."""
        with self._idle:
            self._draining = True
            self._idle.wait_for(lambda: self._under_way == 0, timeout)

    def pick(self) -> Variant:
        """A variant by its share of the weights."""
        variants = list(self.variants.values())
        if len(variants) == 1:
            return variants[0]
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights if sum(weights) else None)[0]

    def stop(self, grace: float, *, keep_files: bool = False) -> None:
        """End the containers side by side; their files go, unless the endpoint is to come back."""
        containers = [container for variant in self.variants.values() for container in variant.containers]
        side_by_side([functools.partial(container.stop, grace) for container in containers])
        if not keep_files:
            trees.remove(self.folder)


_SHOWN: Final = ("ManagedInstanceScaling", "RoutingConfig")
"""What DescribeEndpoint tells of a variant as its configuration has it; localhost does not act on it."""


def plan_variants(service: ServiceContext, configuration: Body) -> list[VariantPlan]:
    """Copy what the variants of an endpoint configuration need, from the models. Raises KeyError(model name)."""
    plans = []
    for variant in configuration["ProductionVariants"]:
        model = service.store.get(MODEL, variant["ModelName"])
        if model is None:
            raise KeyError(variant["ModelName"])
        plan: VariantPlan = {
            "VariantName": variant["VariantName"],
            "Weight": variant.get("InitialVariantWeight", 1.0),
            "InstanceCount": variant.get("InitialInstanceCount", 1),
            "Containers": containers_of(model),
            "Shown": {member: variant[member] for member in _SHOWN if member in variant},
        }
        if model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            plan["Direct"] = True
        if "ServerlessConfig" in variant:
            plan["ServerlessConfig"] = variant["ServerlessConfig"]
        if "ContainerStartupHealthCheckTimeoutInSeconds" in variant:
            plan["HealthTimeout"] = variant["ContainerStartupHealthCheckTimeoutInSeconds"]
        plans.append(plan)
    return plans


def describe_variants(plans: Sequence[VariantPlan], now: float, *, status: str = "", share: float = 1.0) -> list[Body]:
    """The ProductionVariants of DescribeEndpoint; `share` is the part that takes traffic during a rollout."""
    described = []
    for plan in plans:
        images = [container["Image"] for container in plan["Containers"]]
        body: Body = {
            "VariantName": plan["VariantName"],
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now} for image in images
            ],
            "CurrentWeight": float(plan["Weight"]),
            "DesiredWeight": float(plan["Weight"]),
            **plan.get("Shown", {}),
        }
        if "ServerlessConfig" in plan:
            body["CurrentServerlessConfig"] = plan["ServerlessConfig"]
            body["CurrentInstanceCount"] = 0
        else:
            body["CurrentInstanceCount"] = 0 if status == "Creating" else math.ceil(share * plan["InstanceCount"])
            body["DesiredInstanceCount"] = plan["InstanceCount"]
        if status:
            body["VariantStatus"] = [{"Status": status, "StartTime": now}]
        described.append(body)
    return described
