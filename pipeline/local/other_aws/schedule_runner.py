"""Schedules that become due: EventBridge rules with a schedule, and EventBridge Scheduler's, which moto only keeps.

A thread looks at moto's records by the service's clock, twice a second. What was missed, while a laptop slept, the
service was down or a test turned the clock, is made good once.
"""

from __future__ import annotations

import logging
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local.clock import Clock
from pipeline.local.kinds import Body, Kind
from pipeline.local.other_aws import events, moto_state
from pipeline.local.other_aws.persistence import KeptState
from pipeline.local.other_aws.schedule_expressions import At, Expression, Rate, parse
from pipeline.local.store import Store

PARITY: Final = (
    Row(
        area="events",
        subject="schedules of EventBridge rules and of EventBridge Scheduler",
        here="due by the machine's clock, within a second; what was missed, while the service was down too, is made"
        " good once; no flexible windows, no retries, no dead-letter queues",
        aws="due within a minute; durable",
    ),
    Row(
        area="events",
        subject="targets of EventBridge Scheduler",
        here="pipelines, SNS topics, SQS queues; others are logged",
        aws="every API action",
    ),
)

_log: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.5
_RULES: Final = "moto.events.models"
_SCHEDULES: Final = "moto.scheduler.models"

DUE: Final = Kind[Body]("due")

_Counted = tuple[tuple[str, str], datetime, datetime | None]
"""The expression with its time zone, since when it counts, and when it is due next."""


@dataclass(frozen=True)
class _Kept:
    """One schedule as moto has it now: `entry` is its own record."""

    key: str
    expression: str
    zone: str
    entry: Any
    is_rule: bool


class Due:
    """The schedules of one account and region. One thread has it."""

    def __init__(self, account: str, region: str, clock: Clock, kept: KeptState, store: Store) -> None:
        self._account, self._region, self._clock = account, region, clock
        self._kept_state, self._store = kept, store
        self._next: dict[str, _Counted] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="due", daemon=True)

    def start(self) -> None:
        """Look from now on, and first of all at what became due since the service last ran."""
        for row in self._store.list(DUE):
            when = datetime.fromisoformat(row["When"]) if row["When"] else None
            told = (row["Expression"], row["Zone"])
            self._next[row["Schedule"]] = told, datetime.fromisoformat(row["Begun"]), when
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(_PAUSE):
            try:
                self._check(datetime.fromtimestamp(self._clock.now(), UTC))
            except Exception as error:  # nothing that moto keeps may end the thread
                _log.error("schedules were not looked at: %s", error)

    def _check(self, now: datetime) -> None:
        found = {kept.key: kept for kept in self._kept()}
        for gone in self._next.keys() - found.keys():
            del self._next[gone]
            self._store.delete(DUE, gone)
        for kept in found.values():
            self._look(kept, now)

    def _look(self, kept: _Kept, now: datetime) -> None:
        told = (kept.expression, kept.zone)
        known = self._next.get(kept.key)
        if known is None or known[0] != told:
            # A field of days is read only when a day is held against it.
            try:
                first = _first(kept, parse(*told), now)
            except (ValueError, KeyError, OverflowError) as error:
                _log.error("%s is never due: %s", kept.key, error)
                first = None
            known = self._count(kept.key, (told, now, first))
        _, begun, when = known
        if when is None or now < when:
            return
        end = getattr(kept.entry, "end_date", None)
        if end is None or when <= datetime.fromtimestamp(float(end), UTC):
            self._send(kept, when)
        expression = parse(*told)
        self._count(kept.key, (told, begun, expression.after(now, begun)))
        if isinstance(expression, At) and getattr(kept.entry, "action_after_completion", None) == "DELETE":
            moto_state.backend("scheduler", self._account, self._region).delete_schedule(
                kept.entry.group_name, kept.entry.name
            )
            self._kept_state.keep("scheduler")

    def _count(self, key: str, counted: _Counted) -> _Counted:
        """Remember when a schedule is due next, through a restart too."""
        self._next[key] = counted
        (expression, zone), begun, when = counted
        row = {"Schedule": key, "Expression": expression, "Zone": zone, "Begun": begun.isoformat()}
        with self._store.transaction():
            self._store.delete(DUE, key)
            self._store.insert(DUE, key, row | {"When": when.isoformat() if when else ""})
        return counted

    def _kept(self) -> Iterator[_Kept]:
        """What moto has, if it is loaded: as long as no client spoke to it there is nothing."""
        if _RULES in sys.modules:
            events.complete_moto()
            for bus in list(moto_state.backend("events", self._account, self._region).event_buses.values()):
                for rule in list(bus.rules.values()):
                    if rule.scheduled_expression and rule.state == "ENABLED":
                        yield _Kept(rule.arn, rule.scheduled_expression, "UTC", rule, is_rule=True)
        if _SCHEDULES in sys.modules:
            for group in list(moto_state.backend("scheduler", self._account, self._region).schedule_groups.values()):
                for entry in list(group.schedules.values()):
                    if entry.state == "ENABLED":
                        zone = entry.schedule_expression_timezone
                        yield _Kept(entry.arn, entry.schedule_expression, zone, entry, is_rule=False)

    def _send(self, kept: _Kept, when: datetime) -> None:
        event: Body = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": events.SCHEDULED,
            "account": self._account,
            "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": [kept.key],
            "detail": {},
        }
        _log.info("due: %s", kept.key)
        if kept.is_rule:
            kept.entry.send_to_targets(event)
            return
        try:
            _invoke(kept.entry.target, event)
        except Exception as error:  # moto raises whatever it likes for what it lacks
            _log.error("nothing was sent to %s: %s", kept.entry.target["Arn"], error)


def _first(kept: _Kept, expression: Expression, now: datetime) -> datetime | None:
    """When it is due first: a rate of Scheduler at once, or at its start date; one of a rule after its time."""
    start = getattr(kept.entry, "start_date", None)
    begin = datetime.fromtimestamp(float(start), UTC) if start else now
    if isinstance(expression, Rate) and not kept.is_rule:
        return max(begin, now)
    return expression.after(max(begin, now), now)


def _invoke(target: Body, event: Body) -> None:
    """Give a target of EventBridge Scheduler its input."""
    arn = target["Arn"]
    _, _, service, region, account, name = arn.split(":", 5)
    if events.is_pipeline(target):
        events.start_pipeline({"Id": "schedule", **target}, event)
    elif service == "sns":
        moto_state.backend("sns", account, region).publish(target.get("Input", ""), arn)
    elif service == "sqs":
        moto_state.backend("sqs", account, region).send_message(name, target.get("Input", ""))
    else:
        raise LookupError("localhost has no such target of a schedule")
