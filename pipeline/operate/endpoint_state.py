"""The endpoint as its engineer sees it: what serves, since when, what is on its way, and its end.

A description is read once or followed until nothing is under way; deleting takes the alarms that its rollouts made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.operate.clean import remove_endpoint
from pipeline.service_errors import translated

BUSY: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_ABSENT: Final = "Could not find"


@dataclass(frozen=True)
class EndpointVariant:
    """One variant: its weight, and how many instances there are of those that are wished for."""

    name: str
    weight: float
    instances: int
    wished: int
    stage: str = ""
    """What a rollout does with it: Creating, ActivatingTraffic, Baking."""


@dataclass(frozen=True)
class EndpointState:
    """What DescribeEndpoint tells; `coming` and `new` are empty unless an update is under way."""

    name: str
    status: str
    config: str
    changed: datetime
    reason: str
    serving: tuple[EndpointVariant, ...]
    coming: str = ""
    new: tuple[EndpointVariant, ...] = ()


def state(clients: Clients, name: str) -> EndpointState:
    """The endpoint now. Raises UsageError where there is none, ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            found: dict[str, Any] = dict(clients.sagemaker.describe_endpoint(EndpointName=name))
        except ClientError as error:
            if _ABSENT not in str(error):
                raise
            raise UsageError(
                f"there is no endpoint {name}", hint="`pipeline start --param Deploy=true` deploys a model to it"
            ) from None
    pending = found.get("PendingDeploymentSummary", {})
    return EndpointState(
        name=name,
        status=found["EndpointStatus"],
        config=found.get("EndpointConfigName", ""),
        changed=found["LastModifiedTime"],
        reason=found.get("FailureReason", ""),
        serving=tuple(map(_variant, found.get("ProductionVariants", []))),
        coming=pending.get("EndpointConfigName", ""),
        new=tuple(map(_variant, pending.get("ProductionVariants", []))),
    )


def follow(clients: Clients, name: str, *, sleep: Callable[[float], None], pause: float) -> Iterator[EndpointState]:
    """Each state that differs from the one before, until nothing is under way."""
    last: EndpointState | None = None
    while True:
        now = state(clients, name)
        if now != last:
            yield now
        if now.status not in BUSY:
            return
        last = now
        sleep(pause)


def delete(clients: Clients, name: str) -> None:
    """Delete it, its alarms and autoscaling, and wait.

    Raises UsageError where there is none or it is busy, ServiceError.
    """
    found = state(clients, name)
    if found.status in BUSY:
        raise UsageError(
            f"the endpoint {name} is {found.status}", hint="`pipeline endpoint status --follow` waits until it is not"
        )
    with translated():
        remove_endpoint(clients, name)


def _variant(found: dict[str, Any]) -> EndpointVariant:
    stages = found.get("VariantStatus", [])
    return EndpointVariant(
        name=found["VariantName"],
        weight=float(found.get("CurrentWeight", found.get("DesiredWeight", 0.0))),
        instances=int(found.get("CurrentInstanceCount", 0)),
        wished=int(found.get("DesiredInstanceCount", found.get("CurrentInstanceCount", 0))),
        stage=stages[0]["Status"] if stages else "",
    )
