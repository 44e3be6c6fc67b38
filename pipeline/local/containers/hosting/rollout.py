"""A rollout: how traffic moves from the containers that serve to new ones, in which steps, with which waits.

The plan is data, made from a DeploymentConfig; `follow` walks it. After each step the new containers are watched for a
baking period, the last step's included: an alarm, containers that die or a limit of time end the rollout.
`fleet_deployment.py` starts the containers and gives `follow` the means to shift, `switchboard.py` divides requests.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.limits import Row

PARITY: Final = (
    Row(
        area="hosting",
        subject="rollouts (DeploymentConfig)",
        here="all at once, canary, linear and rolling, in AWS's order with its baking periods; traffic is shared by"
        " request between one old and one new set of containers; `--wait-factor` shortens waits and periods of alarms",
        aws="by instances of two fleets",
    ),
    Row(
        area="hosting",
        subject="a rollout that ends early",
        here="RollingBack, then InService with the old configuration; FailureReason names the alarm and its figures",
        aws="documented as a complete rollback; the texts are not established",
    ),
    Row(
        area="hosting",
        subject="TerminationWaitInSeconds",
        here="the endpoint is Updating until the old containers have ended",
        aws="not established",
    ),
)

_TICK: Final = 0.1


@dataclass(frozen=True)
class Stage:
    """So much of the traffic, 0 to 1, goes to the new containers, which are then watched for so many seconds."""

    share: float
    baking: float


@dataclass(frozen=True)
class RolloutPlan:
    """The stages, the wait before the old containers end, and the limit of it all, in seconds."""

    stages: tuple[Stage, ...]
    termination: float
    limit: float
    alarms: tuple[str, ...]


class RolledBack(Exception):
    """A rollout ended early; the message is the endpoint's FailureReason."""


def plan_of(deployment: Mapping[str, Any] | None, instances: int, factor: float) -> RolloutPlan:
    """The plan of a DeploymentConfig, for a fleet of `instances`; `factor` shortens every wait."""
    deployment = deployment or {}
    alarms = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    if rolling := deployment.get("RollingUpdatePolicy"):
        policy: Mapping[str, Any] = rolling
        shares = _even(_part(rolling["MaximumBatchSize"], instances))
        baking = rolling["WaitIntervalInSeconds"]
    else:
        policy = deployment.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {})
        baking = routing.get("WaitIntervalInSeconds", 0)
        match routing.get("Type"):
            case "CANARY":
                shares = (_part(routing["CanarySize"], instances), 1.0)
            case "LINEAR":
                shares = _even(_part(routing["LinearStepSize"], instances))
            case _:
                shares = (1.0,)
    return RolloutPlan(
        stages=tuple(Stage(share, baking * factor) for share in shares),
        termination=policy.get("TerminationWaitInSeconds", 0) * factor,
        limit=policy.get("MaximumExecutionTimeoutInSeconds", math.inf) * factor,
        alarms=tuple(alarm["AlarmName"] for alarm in alarms),
    )


def follow(
    plan: RolloutPlan,
    *,
    shift: Callable[[Stage], None],
    problem: Callable[[], str],
    wait: Callable[[float], bool],
) -> None:
    """Walk the stages. Raises RolledBack.

    `shift` moves the traffic; `problem` tells why the rollout must end, or nothing; `wait` waits some seconds and
    says whether the service ends.
    """
    ends = time.monotonic() + plan.limit
    for stage in plan.stages:
        shift(stage)
        baked = time.monotonic() + stage.baking
        while (left := baked - time.monotonic()) > 0:
            if wait(min(_TICK, left)):
                raise RolledBack("the service is ending")
            if found := problem():
                raise RolledBack(found)
            if time.monotonic() > ends:
                raise RolledBack("the rollout took longer than its MaximumExecutionTimeoutInSeconds")
    if found := problem():
        raise RolledBack(found)


def _part(size: Mapping[str, Any], instances: int) -> float:
    """A CapacitySize as a part of the fleet."""
    whole = 100 if size["Type"] == "CAPACITY_PERCENT" else max(instances, 1)
    return min(1.0, float(size["Value"]) / whole)


def _even(step: float) -> tuple[float, ...]:
    return tuple(min(1.0, step * number) for number in range(1, math.ceil(round(1 / step, 9)) + 1))
