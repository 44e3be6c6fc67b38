"""When a schedule is due: the expressions rate, cron and at of EventBridge, in a time zone.

A cron expression has six fields, Sunday is day 1, and one of its two fields of days is a question mark. A time that a
clock change leaves out is passed over, one that it repeats counts once.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400}
_RATE: Final = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")
_CRON: Final = re.compile(r"cron\(\s*(.+?)\s*\)")
_AT: Final = re.compile(r"at\(\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\s*\)")
_LARGEST_RATE: Final = 1_000_000
_MONTHS: Final = {name.upper(): at for at, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS: Final = {name: at for at, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_MOST_DAYS: Final = 9 * 366
"""A 29th of February may be eight years away."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds."""

    seconds: int

    def after(self, moment: datetime, begun: datetime) -> datetime:
        """The first time after `moment`, counted from when it was begun."""
        passed = max(0, int((moment - begun).total_seconds() // self.seconds) + 1)
        return begun + timedelta(seconds=passed * self.seconds)


@dataclass(frozen=True)
class At:
    """Once."""

    when: datetime

    def after(self, moment: datetime, begun: datetime) -> datetime | None:
        """That time, or None once it has passed."""
        return self.when if self.when > moment else None


@dataclass(frozen=True)
class Cron:
    """At the minutes and hours of the days that its fields name, in a zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime, begun: datetime) -> datetime | None:
        """The first time after `moment`, or None where there is none for years."""
        first = moment.astimezone(self.zone).date()
        for day in (first + timedelta(days=ahead) for ahead in range(-1, _MOST_DAYS)):
            if day.year in self.years and day.month in self.months and self._on(day):
                for at in self._times(day):
                    if at > moment:
                        return at
        return None

    def _times(self, day: date) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                at = local.astimezone(UTC)
                if at.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield at

    def _on(self, day: date) -> bool:
        if self.days != "?":
            return _month_day(self.days, day)
        return _weekday(self.weekdays, day)


Expression = Rate | At | Cron


def parse(text: str, zone: str = "UTC") -> Expression:
    """The expression in a text. Raises ValueError that says what is wrong with it."""
    if match := _RATE.fullmatch(text):
        if not 1 <= int(match[1]) <= _LARGEST_RATE:
            raise ValueError(f"{text!r} is no rate from 1 to {_LARGEST_RATE:,}")
        return Rate(int(match[1]) * _SECONDS[match[2]])
    known = ZoneInfo(zone)
    if match := _AT.fullmatch(text):
        return At(datetime.fromisoformat(match[1]).replace(tzinfo=known).astimezone(UTC))
    match = _CRON.fullmatch(text)
    fields = match[1].upper().split() if match else []
    if len(fields) != 6:
        raise ValueError(f"{text!r} is no rate(...), at(...) or cron(...) of six fields")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{text!r}: one of its two fields of days must be a question mark")
    return Cron(
        _numbers(minutes, 0, 59),
        _numbers(hours, 0, 23),
        days,
        frozenset(_numbers(months, 1, 12, _MONTHS)),
        weekdays,
        frozenset(_numbers(years, 1970, 2199)),
        known,
    )


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> tuple[int, ...]:
    """What a field of numbers names: lists, ranges, steps, all."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        start, end = (low, high) if first in ("*", "?") else (_number(first, names), _number(last or first, names))
        if slash and not dash and first != "*":
            end = high
        if not low <= start <= end <= high or (slash and int(step) < 1):
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(start, end + 1, int(step) if slash else 1))
    return tuple(sorted(found))


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _month_day(field: str, day: date) -> bool:
    """A day of the month: numbers, L for the last, nW for the working day nearest to the nth, LW for the last one."""
    last = calendar.monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == last
    if field.endswith("W"):
        wanted = last if field == "LW" else min(int(field[:-1]), last)
        return day == _working(date(day.year, day.month, wanted), last)
    return day.day in _numbers(field, 1, 31)


def _working(day: date, last: int) -> date:
    """The nearest day from Monday to Friday of the same month."""
    weekday = day.weekday()
    if weekday == 5:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if weekday == 6:
        return day + timedelta(days=1) if day.day < last else day - timedelta(days=2)
    return day


def _weekday(field: str, day: date) -> bool:
    """A day of the week: numbers or names, nL for the last of its kind in the month, n#k for the kth."""
    today = day.isoweekday() % 7 + 1
    if "#" in field:
        wanted, _, which = field.partition("#")
        return today == _number(wanted, _WEEKDAYS) and (day.day - 1) // 7 + 1 == int(which)
    if field == "L":
        return today == 7
    if field.endswith("L"):
        last = calendar.monthrange(day.year, day.month)[1]
        return today == _number(field[:-1], _WEEKDAYS) and day.day > last - 7
    return today in _numbers(field, 1, 7, _WEEKDAYS)
