"""The judgement of an alarm: windows, missing data, statistics, and which alarms are none of ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.local.containers.hosting.alarms import Alarms, judge, metric_of
from pipeline.local.containers.hosting.endpoint_metrics import Observed, Traffic


def alarm(**given: Any) -> Any:
    dimensions = {"EndpointName": "e", "VariantName": "v"} | given.pop("dimensions", {})
    members = {
        "name": "a",
        "namespace": "AWS/SageMaker",
        "metric_name": "Invocation5XXErrors",
        "dimensions": [SimpleNamespace(name=name, value=value) for name, value in dimensions.items()],
        "statistic": "Average",
        "extended_statistic": None,
        "period": 60,
        "evaluation_periods": 2,
        "datapoints_to_alarm": None,
        "threshold": 0.5,
        "comparison_operator": "GreaterThanThreshold",
        "treat_missing_data": None,
        "state_value": "OK",
    }
    return SimpleNamespace(**(members | given))


def state(given: Any, *requests: tuple[float, int, float]) -> str:
    metric = metric_of(given, "e", 1.0)
    assert metric is not None
    seen = [Observed(at, "c", "v", status, seconds) for at, status, seconds in requests]
    return judge(metric, seen, 120.0, "OK")[0]


def test_all_periods_must_breach_unless_fewer_are_asked_for() -> None:
    assert state(alarm(), (30.0, 500, 0.1), (90.0, 500, 0.1)) == "ALARM"
    assert state(alarm(), (30.0, 200, 0.1), (90.0, 500, 0.1)) == "OK"
    assert state(alarm(datapoints_to_alarm=1), (30.0, 200, 0.1), (90.0, 500, 0.1)) == "ALARM"


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [(None, "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK"), ("ignore", "OK")],
)
def test_periods_without_a_request_count_as_the_alarm_says(treatment: str | None, expected: str) -> None:
    assert state(alarm(treat_missing_data=treatment)) == expected


def test_a_percentile_of_the_latency_is_in_microseconds() -> None:
    given = {"metric_name": "ModelLatency", "statistic": None, "extended_statistic": "p99", "evaluation_periods": 1}
    requests = [(90.0, 200, seconds / 100) for seconds in range(100)]
    assert state(alarm(**given, threshold=970_000), *requests) == "ALARM"
    assert state(alarm(**given, threshold=985_000), *requests) == "OK"


@pytest.mark.parametrize(
    "given",
    [
        {"namespace": "AWS/EC2"},
        {"metric_name": "CPUUtilization"},
        {"statistic": None, "extended_statistic": "tm99"},
        {"comparison_operator": "LessThanLowerThreshold"},
        {"dimensions": {"EndpointName": "other"}},
        {"dimensions": {"Host": "h"}},
    ],
    ids=["namespace", "metric", "trimmed", "anomaly", "endpoint", "dimension"],
)
def test_another_alarm_counts_by_the_state_that_it_was_set_to(given: dict[str, Any]) -> None:
    assert metric_of(alarm(**given), "e", 1.0) is None
    backend = SimpleNamespace(alarms={"a": alarm(**given, state_value="ALARM", state_reason="set by hand")})
    assert "set by hand" in Alarms(["a"], "e", lambda: backend, factor=1.0).tripped([], 0.0)


def test_only_what_the_alarms_look_at_is_kept() -> None:
    backend = SimpleNamespace(alarms={"a": alarm(), "b": alarm(period=300)})
    assert Alarms(["a", "b", "gone"], "e", lambda: backend, factor=0.5).window == 300.0
    traffic = Traffic(lambda: None)
    with traffic.watched("e") as requests:
        traffic.record("e", "c", "v", 200, 0.1)
        assert [seen.status for seen in requests(60.0)] == [200]
        assert requests(0.0) == [] and requests(60.0) == [], "what is too old is forgotten"


def test_metrics_that_nobody_asks_for_are_kept_for_a_bounded_time_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published: list[float] = []
    backend = SimpleNamespace(
        put_metric_data=lambda namespace, data: published.extend(
            one["StatisticValues"]["Sum"] for one in data if one["MetricName"] == "Invocations"
        )
    )
    monkeypatch.setattr("pipeline.local.containers.hosting.endpoint_metrics.PERIOD_SECONDS", 0.0)
    traffic = Traffic(lambda: backend)
    for _ in range(2000):
        traffic.record("e", "c", "v", 200, 0.1)
    assert 1000 < len(published) < 2000, "a day of periods was enough to wait"
    traffic.publish()
    assert sum(published) == 2000.0


def test_a_request_is_answered_though_its_metrics_cannot_be_published(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ImportError("no moto")

    monkeypatch.setattr("pipeline.local.containers.hosting.endpoint_metrics.PERIOD_SECONDS", 0.0)
    traffic = Traffic(broken)
    for _ in range(1500):
        traffic.record("e", "c", "v", 200, 0.1)
    assert "metrics of endpoints were not published: no moto" in caplog.text
