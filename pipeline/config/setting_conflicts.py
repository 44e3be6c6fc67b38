"""What the settings of an endpoint must be together: each may be right, and SageMaker still refuse them beside another.

Said before anything is written, in one message that names the settings and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from pipeline.config.pipeline_parameters import Value
from pipeline.config.rollout_settings import Rollout, RolloutKind
from pipeline.config.serverless_settings import Serverless
from pipeline.config.watch_settings import Watch

INSTANCES: Final = ("EndpointInstanceType", "EndpointInstanceCount")
"""The parameters of an endpoint that has instances."""


class EndpointSettings(Protocol):
    """The settings that have a say in the endpoint."""

    @property
    def rollout(self) -> Rollout | None: ...
    @property
    def serverless(self) -> Serverless | None: ...
    @property
    def watch(self) -> Watch | None: ...
    @property
    def features(self) -> str: ...
    @property
    def subnets(self) -> tuple[str, ...]: ...
    @property
    def security_groups(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> Mapping[str, Value]: ...


def problems(settings: EndpointSettings) -> Iterator[str]:
    """What cannot be, each as a sentence."""
    if bool(settings.subnets) != bool(settings.security_groups):
        yield "subnets and security_groups go together: give both or neither"
    if settings.serverless is not None:
        yield from _serverless(settings)
    elif settings.rollout is not None:
        yield from _fleet(settings.rollout, int(settings.parameters.get("EndpointInstanceCount", 1)))
    if settings.watch is not None and (settings.rollout is None or not settings.rollout.capture_percent):
        yield "a watch looks at what the endpoint captures: set capture_percent, such as 100, in [env.NAME.rollout]"


def _serverless(settings: EndpointSettings) -> Iterator[str]:
    """What AWS does with instances alone."""
    if settings.rollout is not None:
        yield (
            "a serverless endpoint takes no rollout: AWS moves all its traffic at once, captures none of its requests "
            "and scales it by itself. Take out [env.NAME.rollout] or [env.NAME.serverless]"
        )
    if settings.subnets:
        yield "a serverless endpoint has no network of yours: take out subnets and security_groups, or serverless"
    if settings.features == "table":
        yield 'a serverless endpoint has one container, and features = "table" needs two: take out one of the settings'
    if given := [name for name in INSTANCES if name in settings.parameters]:
        yield f"a serverless endpoint has no instances: take {' and '.join(given)} out of the parameters"


def _fleet(rollout: Rollout, count: int) -> Iterator[str]:
    """How many instances there must be for a rollout, and may be for autoscaling."""
    if rollout.max_instances is not None and not rollout.least <= count <= rollout.max_instances:
        yield (
            f"the endpoint begins with {count} instances, and autoscaling keeps it within {rollout.least} to "
            f"{rollout.max_instances}: set parameters.EndpointInstanceCount between them"
        )
    if rollout.kind is RolloutKind.ALL_AT_ONCE:
        return
    if count < 2:
        yield (
            f"a {rollout.kind} rollout moves at most half of the endpoint's instances at first: set "
            "parameters.EndpointInstanceCount to 2 or more"
        )
    if rollout.least == 1:
        yield (
            f"a {rollout.kind} rollout moves at most half of the endpoint's instances at first: set min_instances to 2 "
            "or more"
        )
