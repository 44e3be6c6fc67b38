"""The way a new model reaches the endpoint: all at once, by a canary or in even steps, and what turns it back.

The table `[env.NAME.rollout]` of `pipeline.toml`. Without it the endpoint is updated all at once by SageMaker's own
steps; with it a step of ours asks SageMaker for a rollout, which those steps cannot.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_LONGEST_SECONDS: Final = 28800
SCALING: Final = ("min_instances", "max_instances", "invocations_per_instance")
_AlarmName = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class RolloutKind(StrEnum):
    """How traffic moves to the new model."""

    ALL_AT_ONCE = "all-at-once"
    CANARY = "canary"
    LINEAR = "linear"


class Rollout(BaseModel):
    """The rollout of one environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[RolloutKind, Field(description="all-at-once, canary or linear.")] = RolloutKind.ALL_AT_ONCE
    percent: Annotated[int, Field(ge=10, le=50, description="The canary's traffic, or each step's.")] = 10
    wait_seconds: Annotated[int, Field(ge=0, le=3600, description="How long each step is watched.")] = 300
    max_error_percent: Annotated[
        float | None, Field(ge=0, lt=100, description="More requests than this answered 5XX turn it back.")
    ] = None
    max_latency_ms: Annotated[
        float | None, Field(gt=0, description="A model whose slowest hundredth takes longer is turned back.")
    ] = None
    alarms: Annotated[tuple[_AlarmName, ...], Field(description="CloudWatch alarms of yours that turn it back.")] = ()
    capture_percent: Annotated[
        int, Field(ge=0, le=100, description="The part of the requests that is kept in S3 with its answers.")
    ] = 0
    min_instances: Annotated[int | None, Field(ge=1, description="Autoscaling: never fewer instances.")] = None
    max_instances: Annotated[int | None, Field(ge=1, description="Autoscaling: never more instances.")] = None
    invocations_per_instance: Annotated[
        float | None, Field(gt=0, description="Autoscaling: the requests a minute that an instance is to answer.")
    ] = None

    @property
    def least(self) -> int:
        """The fewest instances that autoscaling leaves; 0 where it is off."""
        return self.min_instances or 0

    @property
    def seconds(self) -> int:
        """How long all its waits take."""
        steps = {RolloutKind.ALL_AT_ONCE: 1, RolloutKind.CANARY: 2, RolloutKind.LINEAR: math.ceil(100 / self.percent)}
        return steps[self.kind] * self.wait_seconds

    @property
    def scaling(self) -> tuple[tuple[str, str], ...]:
        """How the endpoint scales, as options of a script; none where it does not."""
        given = ((name, getattr(self, name)) for name in SCALING)
        return tuple((name.replace("_", "-"), f"{value:g}") for name, value in given if value is not None)

    @model_validator(mode="after")
    def _scales_wholly(self) -> Rollout:
        if len(self.scaling) not in (0, len(SCALING)):
            raise ValueError(f"autoscaling needs {', '.join(SCALING[:-1])} and {SCALING[-1]}: give all or none")
        if self.scaling and self.least > (self.max_instances or 0):
            raise ValueError(f"min_instances is {self.min_instances}, more than max_instances, {self.max_instances}")
        return self

    @model_validator(mode="after")
    def _fits(self) -> Rollout:
        if self.seconds > _LONGEST_SECONDS - 3600:
            raise ValueError(f"its waits add up to {self.seconds} seconds, and SageMaker ends a rollout after 8 hours")
        if len(self.alarms) > 8:
            raise ValueError("a rollout has at most ten alarms, two of which are made here")
        return self
