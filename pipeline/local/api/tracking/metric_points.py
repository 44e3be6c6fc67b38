"""SageMaker's metrics service: points of metrics of a trial component, put in batches and read back as series.

Its two operations belong to another endpoint than SageMaker's, so the front calls `batch_put` and `batch_get`
itself. The points of a component lie in rows of their own; it keeps a running summary of each metric.
"""

from __future__ import annotations

import math
import statistics
import uuid
from collections import defaultdict
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.api.tracking.experiments import COMPONENTS
from pipeline.local.api_errors import ApiError, ValidationException
from pipeline.local.kinds import METRIC_POINTS, TRIAL_COMPONENT, Body
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="experiments",
        subject="metrics",
        here="BatchPutMetrics and BatchGetMetrics of trial components; points are kept with the component",
        aws="kept apart, with quotas and some seconds of delay",
    ),
)

MAX_BATCH: Final = 10
MAX_QUERIES: Final = 100
_PERIODS: Final = {"OneMinute": 60.0, "FiveMinute": 300.0, "OneHour": 3600.0, "IterationNumber": 0.0}
_QUERY: Final = ("MetricName", "ResourceArn", "MetricStat", "Period", "XAxisType")
_STATISTICS: Final = ("Min", "Max", "Avg", "Count", "StdDev", "Last")


def batch_put(service: Service, request: Body) -> Body:
    """BatchPutMetrics: 1 to 10 points; those that cannot be are answered by index, the others are kept.

    Raises ResourceNotFound, ValidationException.
    """
    name, data = request.get("TrialComponentName"), request.get("MetricData")
    if not isinstance(name, str) or not name or not isinstance(data, list) or not 1 <= len(data) <= MAX_BATCH:
        raise ValidationException(f"BatchPutMetrics needs a TrialComponentName and 1 to {MAX_BATCH} MetricData.")
    points, errors = [], []
    for index, raw in enumerate(data):
        point = _point(raw)
        if point is None:
            errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
        else:
            points.append(point)
    with service.store.transaction():
        component = COMPONENTS.find(service, name)
        if points:
            batch = uuid.uuid4().hex
            body = {"name": batch, "points": points}
            service.store.insert(METRIC_POINTS, batch, body, parent=component["TrialComponentName"])
            metrics = _summed(component, points)
            service.store.merge(TRIAL_COMPONENT, component["TrialComponentName"], **metrics)
    return {"Errors": errors}


def batch_get(service: Service, request: Body) -> Body:
    """BatchGetMetrics: up to 100 queries, each with a series or the reason why there is none."""
    queries = request.get("MetricQueries")
    if not isinstance(queries, list) or not 1 <= len(queries) <= MAX_QUERIES:
        raise ValidationException(f"BatchGetMetrics needs 1 to {MAX_QUERIES} MetricQueries.")
    return {"MetricQueryResults": [_result(service, query) for query in queries]}


def _result(service: Service, query: Any) -> Body:
    if not isinstance(query, dict) or not all(isinstance(query.get(member), str) for member in _QUERY):
        return _failed(f"A query needs {', '.join(_QUERY)}.")
    if not all(_number(query.get(member, 0)) is not None for member in ("Start", "End")):
        return _failed("Start and End must be numbers.")
    statistic, period = query["MetricStat"], query["Period"]
    if statistic not in _STATISTICS or period not in _PERIODS:
        return _failed("Unknown MetricStat or Period.")
    try:
        component = COMPONENTS.find(service, query["ResourceArn"])
    except ApiError as error:
        return _failed(error.message)
    axis = "Step" if query.get("XAxisType") == "IterationNumber" else "Timestamp"
    groups: dict[int, list[float]] = defaultdict(list)
    batches = service.store.list(METRIC_POINTS, parent=component["TrialComponentName"])
    for point in (point for batch in batches for point in batch["points"]):
        if point["MetricName"] == query.get("MetricName") and axis in point:
            groups[_bucket(point[axis], _PERIODS[period])].append(point["Value"])
    within = [x for x in sorted(groups) if query.get("Start", -math.inf) <= x <= query.get("End", math.inf)]
    return {
        "Status": "Complete",
        "XAxisValues": within,
        "MetricValues": [_statistic(groups[x], statistic) for x in within],
    }


def _failed(message: str) -> Body:
    return {"Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []}


def _point(raw: Any) -> Body | None:
    if not isinstance(raw, dict):
        return None
    name, value, time, step = (raw.get(key) for key in ("MetricName", "Value", "Timestamp", "Step"))
    value, time = _number(value), _number(time)
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or value is None or time is None:
        return None
    point: Body = {"MetricName": name, "Value": value, "Timestamp": time}
    if step is not None:
        if not isinstance(step, int) or isinstance(step, bool) or step < 0:
            return None
        point["Step"] = step
    return point


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else None


def _summed(component: Body, points: list[Body]) -> Body:
    """The members of a component that sum its metrics up, with new points: Welford's mean and sum of squares."""
    running: dict[str, Body] = component.get("_running", {})
    for point in points:
        value, name = point["Value"], point["MetricName"]
        metric = running.setdefault(name, {"Count": 0, "Avg": 0.0, "squares": 0.0, "Min": value, "Max": value})
        before = value - metric["Avg"]
        metric["Count"] += 1
        metric["Avg"] += before / metric["Count"]
        metric["squares"] += before * (value - metric["Avg"])
        metric["Min"], metric["Max"] = min(metric["Min"], value), max(metric["Max"], value)
        if point["Timestamp"] >= metric.get("TimeStamp", -math.inf):
            metric["TimeStamp"], metric["Last"] = point["Timestamp"], value
    source = component.get("Source", {}).get("SourceArn")
    summaries = [
        {
            "MetricName": name,
            **{key: value for key, value in metric.items() if key != "squares"},
            "StdDev": math.sqrt(metric["squares"] / metric["Count"]),
            **({"SourceArn": source} if source else {}),
        }
        for name, metric in running.items()
    ]
    return {"_running": running, "Metrics": summaries}


def _statistic(numbers: list[float], name: str) -> float:
    match name:
        case "Min":
            return min(numbers)
        case "Max":
            return max(numbers)
        case "Avg":
            return statistics.fmean(numbers)
        case "Count":
            return float(len(numbers))
        case "StdDev":
            return statistics.pstdev(numbers)
    return numbers[-1]


def _bucket(x: float, period: float) -> int:
    return int(x // period * period) if period else int(x)
