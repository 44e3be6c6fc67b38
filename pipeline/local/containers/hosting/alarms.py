"""The CloudWatch alarms that end a rollout: read from moto, judged here, since moto judges none.

An alarm on a metric of the endpoint's containers is judged by the requests since the rollout began, in windows that end
now; its state is written back, so that clients see it. Any other alarm counts by the state that it was set to.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.containers.hosting.endpoint_metrics import NAMESPACE, VALUES, Observed

PARITY: Final = (
    Row(
        area="hosting",
        subject="CloudWatch alarms",
        here="those on an endpoint's metrics are judged while a rollout of that endpoint runs, in windows that end now;"
        " metric math, trimmed means, composite and other alarms count by the state that they were set to",
        aws="all are judged, at all times, in aligned periods",
    ),
)

ALARM: Final = "ALARM"
_COMPARES: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(\.\d+)?|100)")
_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


@dataclass(frozen=True)
class AlarmMetric:
    """What an alarm asks of one endpoint's requests."""

    name: str
    variant: str
    config: str | None
    statistic: str
    period: float
    periods: int
    datapoints: int
    threshold: float
    comparison: str
    missing: str


class Alarms:
    """The alarms of one deployment configuration, in the CloudWatch that `cloudwatch` gives."""

    def __init__(self, names: Iterable[str], endpoint: str, cloudwatch: Callable[[], Any], *, factor: float) -> None:
        """`factor` shortens the alarms' periods as it shortens the rollout's waits."""
        self._names = list(names)
        self._endpoint = endpoint
        self._cloudwatch = cloudwatch
        self._factor = factor
        self._judged: dict[str, str] = {}

    @property
    def window(self) -> float:
        """How many seconds back the alarms look."""
        there = self._cloudwatch().alarms if self._names else {}
        found = (metric_of(there[name], self._endpoint, self._factor) for name in self._names if name in there)
        return max((metric.period * metric.periods for metric in found if metric is not None), default=0.0)

    def tripped(self, requests: Sequence[Observed], now: float) -> str:
        """Why the rollout must end, or nothing; `now` is a monotonic time."""
        if not self._names:
            return ""
        there = self._cloudwatch().alarms
        for name in self._names:
            alarm = there.get(name)
            if alarm is None:
                return f"there is no CloudWatch alarm {name}"
            if self._state(alarm, requests, now) == ALARM:
                return f"the CloudWatch alarm {name} is in ALARM state: {alarm.state_reason}"
        return ""

    def _state(self, alarm: Any, requests: Sequence[Observed], now: float) -> str:
        metric = metric_of(alarm, self._endpoint, self._factor)
        before = self._judged.get(alarm.name)
        # Somebody else has set it since: an alarm that is set by hand ends a rollout as well.
        by_hand = before is not None and alarm.state_value == ALARM
        if metric is not None and not by_hand:
            state, reason = judge(metric, requests, now, alarm.state_value)
            if state != before:
                alarm.update_state(reason, "{}", state)
            self._judged[alarm.name] = state
        return str(alarm.state_value)


def metric_of(alarm: Any, endpoint: str, factor: float) -> AlarmMetric | None:
    """What a plain alarm on a metric of this endpoint asks, or None for any other alarm."""
    dimensions = {dimension.name: dimension.value for dimension in alarm.dimensions}
    known = (
        {"EndpointName", "VariantName"} <= dimensions.keys() <= {"EndpointName", "VariantName", "EndpointConfigName"}
    )
    if alarm.namespace != NAMESPACE or alarm.metric_name not in VALUES or alarm.comparison_operator not in _COMPARES:
        return None
    statistic = alarm.extended_statistic or alarm.statistic or ""
    if not known or dimensions["EndpointName"] != endpoint:
        return None
    if statistic not in _STATISTICS and not _PERCENTILE.fullmatch(statistic):
        return None
    periods = int(alarm.evaluation_periods)
    return AlarmMetric(
        name=alarm.metric_name,
        variant=dimensions["VariantName"],
        config=dimensions.get("EndpointConfigName"),
        statistic=statistic,
        period=float(alarm.period) * factor,
        periods=periods,
        datapoints=int(alarm.datapoints_to_alarm or periods),
        threshold=float(alarm.threshold),
        comparison=alarm.comparison_operator,
        missing=alarm.treat_missing_data or "missing",
    )


def judge(metric: AlarmMetric, requests: Sequence[Observed], now: float, before: str) -> tuple[str, str]:
    """(state, reason) by the last periods, the newest first; `before` is what `ignore` keeps."""
    found = [_datapoint(metric, requests, now - (index + 1) * metric.period) for index in range(metric.periods)]
    compare = _COMPARES[metric.comparison]
    breaching = [value for value in found if value is not None and compare(value, metric.threshold)]
    absent = found.count(None)
    count = len(breaching) + (absent if metric.missing == "breaching" else 0)
    if count >= metric.datapoints:
        shown = ", ".join(f"{value:g}" for value in breaching) or "no data"
        return ALARM, (
            f"{metric.statistic} of {metric.name}: {shown} ({metric.comparison} {metric.threshold:g} in "
            f"{metric.datapoints} of {metric.periods} periods)"
        )
    if absent == len(found) and metric.missing == "ignore":
        return before, "no data; the state is kept"
    if absent == len(found) and metric.missing == "missing":
        return "INSUFFICIENT_DATA", "no data"
    return "OK", f"{len(breaching)} of {metric.periods} periods breach the threshold"


def _datapoint(metric: AlarmMetric, requests: Sequence[Observed], start: float) -> float | None:
    values = [
        VALUES[metric.name](request.status, request.seconds)
        for request in requests
        if start < request.at <= start + metric.period
        and request.variant == metric.variant
        and metric.config in (None, request.config)
    ]
    if not values:
        return None
    if metric.statistic.startswith("p"):
        rank = float(metric.statistic[1:]) / 100 * (len(values) - 1)
        return sorted(values)[round(rank)]
    return _STATISTICS[metric.statistic](values)
