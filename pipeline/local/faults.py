"""Faults on purpose: throttling, service faults, capacity errors, failing and slow jobs, slow endpoints.

Given as texts at the start of the service, so that retry policies and the failure paths of a CI job can be tried:

    throttle=0.1             one request in ten is answered ThrottlingException
    service-fault=0.05       one request in twenty is answered InternalFailure
    limit:CreateTrainingJob=2   the first two such requests are answered ResourceLimitExceeded
    capacity:TrainModel=2    the first two jobs of step TrainModel end with a CapacityError (`*`: of any step)
    internal:TrainModel=1    the first job ends with an InternalServerError
    fail:ConvertData=1       the first job ends with an AlgorithmError
    slow-job:NAME=5          jobs of step NAME begin 5 seconds late
    slow-endpoint=30         endpoints need 30 seconds more to come InService
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from pipeline.definition.api_model import operations
from pipeline.errors import UsageError
from pipeline.local.api_errors import InternalFailure, ResourceLimitExceeded, ThrottlingException

ANY: Final = "*"
_STEP_IN_NAME: Final = 20
_KNOWN: Final = (
    "throttle=RATE, service-fault=RATE, limit:ACTION=COUNT, capacity:STEP=COUNT, internal:STEP=COUNT, fail:STEP=COUNT, "
    "slow-job:STEP=SECONDS, slow-endpoint=SECONDS"
)
_REASONS: Final = {
    "capacity": (
        "CapacityError",
        "CapacityError: Unable to provision requested ML compute capacity. "
        "Please retry using a different ML instance type.",
    ),
    "internal": ("InternalServerError", "InternalServerError: We encountered an internal error. Please try again."),
    "fail": ("AlgorithmError", "AlgorithmError: this failure was asked for by a fault of the service, exit code: 1"),
}


@dataclass(frozen=True)
class InjectedFaults:
    """What goes wrong, and how often; without arguments nothing does."""

    throttle_rate: float = 0.0
    service_fault_rate: float = 0.0
    limits: dict[str, int] = field(default_factory=dict)
    job_failures: dict[tuple[str, str], int] = field(default_factory=dict)
    slow_jobs: dict[str, float] = field(default_factory=dict)
    endpoint_delay: float = 0.0
    _used: dict[tuple[str, str], int] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)
    _random: random.Random = field(default_factory=lambda: random.Random(1), compare=False, repr=False)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> InjectedFaults:
        """From the texts of `--fault`. Raises UsageError, which names the known ones."""
        rates = {"throttle": 0.0, "service-fault": 0.0, "slow-endpoint": 0.0}
        limits: dict[str, int] = {}
        failures: dict[tuple[str, str], int] = {}
        slow: dict[str, float] = {}
        for text in texts:
            name, _, value = text.partition("=")
            kind, colon, subject = name.partition(":")
            if kind in rates and not colon:
                rates[kind] = _number(text, value, most=None if kind == "slow-endpoint" else 1.0)
            elif kind == "limit" and subject:
                limits[_action(subject)] = _count(text, value)
            elif kind in _REASONS and subject:
                failures[kind, subject] = _count(text, value)
            elif kind == "slow-job" and subject:
                slow[subject] = _number(text, value, most=None)
            else:
                raise UsageError(f"no fault reads {text!r}", hint=f"known faults: {_KNOWN}")
        return cls(rates["throttle"], rates["service-fault"], limits, failures, slow, rates["slow-endpoint"])

    def before(self, operation: str) -> None:
        """Called with each SageMaker request. Raises the ApiError that is its turn."""
        if self._chance(self.throttle_rate):
            raise ThrottlingException("Rate exceeded")
        if self._chance(self.service_fault_rate):
            raise InternalFailure("An internal error occurred; it was asked for by a fault of the service.")
        if operation in self.limits and self._take("limit", operation, self.limits[operation]):
            raise ResourceLimitExceeded(
                f"The account-level service limit for {operation} was exceeded; a fault of the service asked for it."
            )

    def job_failure(self, step_or_job_name: str) -> tuple[str, str] | None:
        """(code, FailureReason) if this job is to fail, and count it."""
        for (kind, subject), count in self.job_failures.items():
            if _names(subject, step_or_job_name) and self._take(kind, subject, count):
                return _REASONS[kind]
        return None

    def job_delay(self, step_or_job_name: str) -> float:
        """Seconds that this job begins late."""
        return max((delay for name, delay in self.slow_jobs.items() if _names(name, step_or_job_name)), default=0.0)

    def _chance(self, rate: float) -> bool:
        if rate <= 0.0:
            return False
        with self._lock:
            return self._random.random() < rate

    def _take(self, kind: str, subject: str, count: int) -> bool:
        with self._lock:
            used = self._used.get((kind, subject), 0)
            self._used[kind, subject] = used + 1
            return used < count


def _names(subject: str, name: str) -> bool:
    """A job of a pipeline carries the first 20 characters of its step's name between hyphens."""
    return subject in (ANY, name) or f"-{subject[:_STEP_IN_NAME]}-" in name


def _action(name: str) -> str:
    known = operations()
    if name not in known:
        near = ", ".join(get_close_matches(name, known)) or "CreateTrainingJob and the like"
        raise UsageError(f"SageMaker has no action {name!r} that could be limited", hint=f"there is {near}")
    return name


def _number(text: str, value: str, *, most: float | None) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < float("inf") or (most is not None and number > most):
        wanted = "seconds" if most is None else "a rate from 0 to 1"
        raise UsageError(f"the fault {text!r} needs {wanted} after `=`", hint=f"known faults: {_KNOWN}")
    return number


def _count(text: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise UsageError(f"the fault {text!r} needs a count after `=`", hint=f"known faults: {_KNOWN}")
    return int(value)
