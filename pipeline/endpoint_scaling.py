"""Autoscaling of the endpoint as the settings ask for it: planned as data, then applied, like rules and webhook.

A rollout registers an endpoint that it creates or moves (`scripts.endpoints.scaling`). What is here gives one that
serves already its new bounds, or takes them away, without a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.service_errors import error_code, is_absent, translated
from scripts.endpoints import scaling
from scripts.endpoints.scaling import Scaling

_NAMES: Final = {"least": "min_instances", "most": "max_instances", "invocations": "invocations_per_instance"}


@dataclass(frozen=True)
class PutScaling:
    """Register the endpoint, or give it the bounds that it is to have."""

    endpoint: str
    scaling: Scaling
    new: bool
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoveScaling:
    """Let the endpoint scale no more: it stays with the instances that it has."""

    endpoint: str


ScalingChange = PutScaling | RemoveScaling


def wanted(settings: Settings) -> Scaling | None:
    """What the settings ask for."""
    rollout = settings.rollout
    if rollout is None or rollout.max_instances is None:
        return None
    assert rollout.min_instances is not None and rollout.invocations_per_instance is not None
    return Scaling(rollout.min_instances, rollout.max_instances, rollout.invocations_per_instance, dict(settings.tags))


def read(clients: Clients, endpoint: str, *, needed: bool = False) -> Scaling | None:
    """What there is of ours; nothing where it may not be looked at, unless it is `needed`. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            return scaling.read(clients.other(scaling.SERVICE), endpoint)
        except ClientError as error:
            if needed or not error_code(error).startswith("AccessDenied"):
                raise
            return None


def plan(clients: Clients, settings: Settings) -> ScalingChange | None:
    """What is to be done so that the endpoint scales as it is to; one that does not serve is left to its rollout.

    Raises ServiceError.
    """
    wished = wanted(settings)
    there = read(clients, settings.endpoint, needed=wished is not None)
    if wished is None:
        return RemoveScaling(settings.endpoint) if there else None
    if wished == there:
        return None
    if there is None:
        return PutScaling(settings.endpoint, wished, new=True) if _serves(clients, settings.endpoint) else None
    changes = tuple(
        f"{name}: {getattr(there, member):g} -> {getattr(wished, member):g}"
        for member, name in _NAMES.items()
        if getattr(there, member) != getattr(wished, member)
    )
    return PutScaling(settings.endpoint, wished, new=False, changes=changes)


def apply(clients: Clients, what: ScalingChange) -> None:
    """Carry out the change; repeating it does no harm. Raises ServiceError."""
    client = clients.other(scaling.SERVICE)
    with translated():
        match what:
            case RemoveScaling(endpoint):
                scaling.remove(client, endpoint)
            case PutScaling(endpoint, wished, new):
                scaling.put(client, endpoint, wished if new else Scaling(wished.least, wished.most, wished.invocations))


def describe(what: ScalingChange) -> str:
    """What the change does, in lines."""
    match what:
        case RemoveScaling(endpoint):
            return f"- autoscaling of endpoint {endpoint}"
        case PutScaling(endpoint, wished, True):
            return f"+ autoscaling of endpoint {endpoint}: {told(wished)}"
        case PutScaling(endpoint, _, _, changes):
            return "\n".join([f"~ autoscaling of endpoint {endpoint}", *(f"  ~ {change}" for change in changes)])


def told(wished: Scaling) -> str:
    """The bounds and the target, in words."""
    return f"{wished.least} to {wished.most} instances, each for {wished.invocations:g} requests a minute"


def _serves(clients: Clients, endpoint: str) -> bool:
    from botocore.exceptions import ClientError

    with translated():
        try:
            found: Mapping[str, object] = clients.sagemaker.describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if is_absent(error):
                return False
            raise
    return found["EndpointStatus"] == "InService"
