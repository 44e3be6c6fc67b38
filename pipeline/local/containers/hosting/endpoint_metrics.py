"""What the endpoints' real requests measured: CloudWatch's metrics of the namespace AWS/SageMaker.

Each request adds to the sums of its period, and moto's CloudWatch gets the periods when somebody asks it: loading it
takes half a second. While a rollout is watched its single values are kept too, which alarms look at.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_log: Final = logging.getLogger(__name__)

NAMESPACE: Final = "AWS/SageMaker"
PERIOD_SECONDS: Final = 60.0
_KEPT: Final = 200_000
_MOST_PERIODS: Final = 1440
"""A day of requests in every minute; then CloudWatch gets them unasked, and so the memory stays bounded."""

VALUES: Final[Mapping[str, Callable[[int, float], float]]] = {
    "Invocations": lambda status, seconds: 1.0,
    "Invocation4XXErrors": lambda status, seconds: float(status // 100 == 4),
    "Invocation5XXErrors": lambda status, seconds: float(status // 100 == 5),
    "InvocationModelErrors": lambda status, seconds: float(status // 100 != 2),
    "ModelLatency": lambda status, seconds: seconds * 1e6,
}
"""Each metric's value of one request, from the container's status and its seconds; a latency is in microseconds."""


@dataclass(frozen=True)
class Observed:
    """One request that a container answered; `at` is a monotonic time."""

    at: float
    config: str
    variant: str
    status: int
    seconds: float


@dataclass
class _Sum:
    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@dataclass
class _Period:
    ends: float
    """A monotonic time."""
    began: datetime.datetime = field(default_factory=_utc_now)
    """In UTC without saying so, as moto keeps its times."""
    sums: dict[tuple[str, str, str, str], _Sum] = field(default_factory=lambda: defaultdict(_Sum))


@dataclass
class _Watch:
    requests: deque[Observed] = field(default_factory=lambda: deque(maxlen=_KEPT))


class Traffic:
    """The requests of all endpoints. Threads may share it."""

    def __init__(self, cloudwatch: Callable[[], Any]) -> None:
        """`cloudwatch` gives moto's state, which takes a while the first time."""
        self._cloudwatch = cloudwatch
        self._lock = threading.Lock()
        self._periods: list[_Period] = []
        self._watches: dict[str, _Watch] = {}

    def record(self, endpoint: str, config: str, variant: str, status: int, seconds: float) -> None:
        """Add a request that a container of `variant` answered with `status` after `seconds`."""
        now = time.monotonic()
        with self._lock:
            if not self._periods or now >= self._periods[-1].ends:
                self._periods.append(_Period(now + PERIOD_SECONDS))
            for metric, value in VALUES.items():
                self._periods[-1].sums[endpoint, config, variant, metric].add(value(status, seconds))
            if (watch := self._watches.get(endpoint)) is not None:
                watch.requests.append(Observed(now, config, variant, status, seconds))
            full = len(self._periods) > _MOST_PERIODS
        if full:
            self.publish()

    def publish(self) -> None:
        """Give CloudWatch what was measured since the last time, the period that has not ended included."""
        with self._lock:
            periods, self._periods = self._periods, []
        for period in periods:
            try:
                self._cloudwatch().put_metric_data(NAMESPACE, [*_data(period)])
            except Exception as error:  # nothing that goes wrong in moto may fail the request that met it
                _log.error("metrics of endpoints were not published: %s", error)

    @contextmanager
    def watched(self, endpoint: str) -> Iterator[Callable[[float], list[Observed]]]:
        """Within the block the endpoint's requests are kept one by one; gives what returns those of the last seconds.

        Older ones are forgotten: a rollout may bake for an hour, and its alarms look back a few minutes.
        """
        watch = _Watch()
        with self._lock:
            self._watches[endpoint] = watch

        def requests(seconds: float) -> list[Observed]:
            oldest = time.monotonic() - seconds
            with self._lock:
                while watch.requests and watch.requests[0].at < oldest:
                    watch.requests.popleft()
                return list(watch.requests)

        try:
            yield requests
        finally:
            with self._lock:
                self._watches.pop(endpoint, None)


def _data(period: _Period) -> Iterator[dict[str, Any]]:
    """Each sum under all three dimensions: moto answers a question that names fewer by the same data."""
    for (endpoint, config, variant, metric), found in period.sums.items():
        dimensions = {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": config}
        yield {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": period.began,
            "Unit": "Microseconds" if metric == "ModelLatency" else "Count",
            "StatisticValues": {
                "SampleCount": found.count,
                "Sum": found.total,
                "Minimum": found.least,
                "Maximum": found.most,
            },
        }
