"""What the endpoints' real requests measured: CloudWatch's metrics of the namespace AWS/SageMaker.

Each request adds to the sums of its period, which a thread gives to moto's CloudWatch once the period is over. While a
rollout is watched its single values are kept too, so that alarms see them before the period ends.
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

from pipeline.local.threads import Starter, join

_log: Final = logging.getLogger(__name__)

NAMESPACE: Final = "AWS/SageMaker"
PERIOD_SECONDS: Final = 60.0
_KEPT: Final = 200_000
_SHORTEST: Final = 0.2

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


@dataclass
class _Watch:
    requests: deque[Observed] = field(default_factory=lambda: deque(maxlen=_KEPT))


class Traffic:
    """The requests of all endpoints. Threads may share it."""

    def __init__(self, cloudwatch: Callable[[], Any], starter: Starter, *, factor: float) -> None:
        """`cloudwatch` gives moto's state, which takes a while the first time; `factor` shortens the periods."""
        self._cloudwatch = cloudwatch
        self._starter = starter
        self._period = max(_SHORTEST, PERIOD_SECONDS * factor)
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, str, str], _Sum] = defaultdict(_Sum)
        self._watches: dict[str, _Watch] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, endpoint: str, config: str, variant: str, status: int, seconds: float) -> None:
        """Add a request that a container of `variant` answered with `status` after `seconds`."""
        with self._lock:
            for metric, value in VALUES.items():
                self._sums[endpoint, config, variant, metric].add(value(status, seconds))
            if (watch := self._watches.get(endpoint)) is not None:
                watch.requests.append(Observed(time.monotonic(), config, variant, status, seconds))
            if self._thread is None:
                self._thread = threading.Thread(target=self._publish, name="metrics", daemon=True)
                self._starter.start(self._thread)

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

    def close(self) -> None:
        """Publish nothing more."""
        self._closing.set()
        if self._thread is not None:
            join(self._thread, 5)

    def _publish(self) -> None:
        while not self._closing.wait(self._period):
            with self._lock:
                sums, self._sums = self._sums, defaultdict(_Sum)
            if not sums:
                continue
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            try:
                self._cloudwatch().put_metric_data(NAMESPACE, [*_data(sums, now)])
            except Exception as error:  # nothing that goes wrong in moto may end the thread
                _log.error("metrics of endpoints were not published: %s", error)


def _data(sums: Mapping[tuple[str, str, str, str], _Sum], now: datetime.datetime) -> Iterator[dict[str, Any]]:
    """Each sum under all three dimensions: moto answers a question that names fewer by the same data."""
    for (endpoint, config, variant, metric), found in sums.items():
        dimensions = {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": config}
        yield {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": now,
            "Unit": "Microseconds" if metric == "ModelLatency" else "Count",
            "StatisticValues": {
                "SampleCount": found.count,
                "Sum": found.total,
                "Minimum": found.least,
                "Maximum": found.most,
            },
        }
