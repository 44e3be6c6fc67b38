"""When expressions are due: examples of EventBridge's documentation, worked out on a calendar, and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.local.other_aws.schedule_expressions import parse

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)  # a Sunday


def due(expression: str, count: int, zone: str = "UTC", now: datetime = NOW) -> list[str]:
    """The next times, in UTC."""
    found: list[str] = []
    for _ in range(count):
        after = parse(expression, zone).after(now, NOW)
        if after is None:
            break
        found.append(after.strftime("%Y-%m-%d %H:%M"))
        now = after
    return found


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("cron(0 10 * * ? *)", ["2027-02-01 10:00", "2027-02-02 10:00"]),
        ("cron(15 12 * * ? *)", ["2027-01-31 12:15", "2027-02-01 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2027-02-01 18:00", "2027-02-02 18:00"]),
        ("cron(0 8 1 * ? *)", ["2027-02-01 08:00", "2027-03-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2027-01-31 12:15", "2027-01-31 12:30"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2027-02-01 08:00", "2027-02-01 08:05"]),
        ("cron(0 9 ? * 2#1 *)", ["2027-02-01 09:00", "2027-03-01 09:00"]),
        ("cron(30 7 ? * 6L *)", ["2027-02-26 07:30", "2027-03-26 07:30"]),
        ("cron(0 0 L * ? *)", ["2027-02-28 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 LW * ? *)", ["2027-02-26 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 1W 5,8 ? *)", ["2027-05-03 00:00", "2027-08-02 00:00"]),
        ("cron(0 6 29 FEB ? *)", ["2028-02-29 06:00", "2032-02-29 06:00"]),
        ("cron(0 6 1 1 ? 2026-2028)", ["2028-01-01 06:00"]),
        ("cron(0 6 1 1 ? 2020)", []),
        ("rate(5 minutes)", ["2027-01-31 12:05", "2027-01-31 12:10"]),
        ("rate(1 day)", ["2027-02-01 12:00", "2027-02-02 12:00"]),
        ("at(2027-02-01T06:00:00)", ["2027-02-01 06:00"]),
        ("at(2027-01-30T06:00:00)", []),
    ],
)
def test_the_next_times_are_those_of_the_calendar(expression: str, times: list[str]) -> None:
    assert due(expression, 2) == times


def test_local_time_follows_the_clocks_of_its_zone() -> None:
    """Berlin leaves 2027-03-28 02:30 out, and has 2027-10-31 02:30 twice."""
    spring = datetime(2027, 3, 27, 0, 0, tzinfo=UTC)
    assert due("cron(30 2 * * ? *)", 2, "Europe/Berlin", spring) == ["2027-03-27 01:30", "2027-03-29 00:30"]
    autumn = datetime(2027, 10, 30, 12, 0, tzinfo=UTC)
    assert due("cron(30 2 * * ? *)", 2, "Europe/Berlin", autumn) == ["2027-10-31 00:30", "2027-11-01 01:30"]
    assert due("at(2027-07-01T08:00:00)", 1, "Asia/Seoul") == ["2027-06-30 23:00"]


def test_a_rate_counts_from_when_it_was_begun_however_late_one_looks() -> None:
    late = NOW + timedelta(days=3, minutes=7)
    assert due("rate(1 hour)", 1, now=late) == ["2027-02-03 13:00"]


@pytest.mark.parametrize(
    "wrong",
    [
        "every day",
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(0 6 * *)",
        "cron(60 6 * * ? *)",
        "cron(0/0 6 * * ? *)",
    ],
)
def test_what_is_no_expression_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="cron|rate|within|days"):
        parse(wrong)
