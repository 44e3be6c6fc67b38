"""Retry policies: which failures are tried again, after how long, and how often.

Throttling and service faults are retried even where a step has no policy for them. Each policy counts its own retries;
every retry makes a new job with a new name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.definition.step_types import STEP_TYPES
from pipeline.limits import Row
from pipeline.local.api_errors import ApiError

PARITY: Final = (
    Row(
        area="pipelines",
        subject="default retries of throttling and service faults",
        here="5 retries, the first after 1 s, each wait twice the one before",
        aws="retried by default; how often and how fast is not established",
    ),
)

THROTTLING: Final = "Step.THROTTLING"
SERVICE_FAULT: Final = "Step.SERVICE_FAULT"
JOB_INTERNAL_ERROR: Final = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR: Final = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT: Final = "SageMaker.RESOURCE_LIMIT"

_FORM: Final = {"IntervalSeconds": 1.0, "BackoffRate": 2.0, "MaxAttempts": 5}
_LONGEST: Final = 14_400 * 60.0
"""The longest wait in seconds: that of the longest ExpireAfterMin."""
_DEFAULT: Final = {"ExceptionType": [THROTTLING, SERVICE_FAULT]}


def of_error(error: ApiError) -> str | None:
    """The exception type of an error that a Create action answered, or None where no policy can help."""
    if error.code == "ThrottlingException":
        return THROTTLING
    if error.code == "ResourceLimitExceeded":
        return RESOURCE_LIMIT
    return SERVICE_FAULT if error.status >= 500 else None


def of_failure(reason: str) -> str | None:
    """The exception type of a job that ended Failed with this reason, or None."""
    if reason.startswith("CapacityError"):
        return CAPACITY_ERROR
    return JOB_INTERNAL_ERROR if reason.startswith("InternalServerError") else None


@dataclass
class Retries:
    """The policies of one step and how often each was used."""

    policies: list[dict[str, Any]]
    used: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, step: dict[str, Any]) -> Retries:
        """The policies of a step of a definition, the default last; the default alone for types never retried."""
        kind = STEP_TYPES.get(str(step.get("Type")))
        given = (step.get("RetryPolicies") or []) if kind is None or kind.retried else []
        return cls([*given, _DEFAULT])

    def configured(self, exception: str) -> bool:
        """Whether the step has a policy, or there is a default, for this exception type."""
        return any(exception in policy.get("ExceptionType", []) for policy in self.policies)

    def wait(self, exception: str | None, elapsed: float) -> float | None:
        """Seconds until the next attempt, or None where there is none; `elapsed`: seconds since the first."""
        for number, policy in enumerate(self.policies):
            if exception in policy.get("ExceptionType", []):
                return self._next(number, policy, elapsed)
        return None

    def _next(self, number: int, policy: dict[str, Any], elapsed: float) -> float | None:
        done = self.used.get(number, 0)
        known = _FORM | {name: value for name, value in policy.items() if value is not None}
        seconds = min(float(known["IntervalSeconds"]) * float(known["BackoffRate"]) ** done, _LONGEST)
        minutes = known.get("ExpireAfterMin")
        if minutes is not None:
            if elapsed + seconds > float(minutes) * 60:
                return None
        elif done >= int(known["MaxAttempts"]):
            return None
        self.used[number] = done + 1
        return seconds
