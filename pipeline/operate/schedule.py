"""Schedules that start the pipeline: EventBridge Scheduler, cron or rate, with parameters. Planned, then applied.

A schedule is the pipeline's own when its name begins with the pipeline's; the others are never touched. The same
functions run against AWS and against localhost, where schedules become due as long as the service runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import available_timezones

from pipeline.clients import Clients
from pipeline.errors import UsageError, did_you_mean
from pipeline.service_errors import error_code, translated

GROUP: Final = "default"

_EXPRESSION: Final = re.compile(
    r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
    r"|cron\((\S+ ){5}\S+\)"
    r"|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
)
_NAME: Final = re.compile(r"[0-9a-zA-Z-_.]{1,64}")


@dataclass(frozen=True)
class PipelineSchedule:
    """When the pipeline is started, in which time zone, with which parameters, as which role."""

    name: str
    expression: str
    role: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"
    enabled: bool = True

    def check(self) -> None:
        """Raise UsageError for what EventBridge Scheduler would refuse."""
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} is not the name of a schedule", hint="letters, digits, - _ . and at most 64"
            )
        if not _EXPRESSION.fullmatch(self.expression):
            raise UsageError(
                f"{self.expression!r} is not a schedule expression",
                hint="write rate(1 day), cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR) or at(2027-01-31T06:00:00)",
            )
        # A machine may have no time zones of its own; then the service is the one that knows.
        zones = available_timezones()
        if zones and self.timezone not in zones:
            hint = did_you_mean(self.timezone, sorted(zones)) or "one such as Europe/Berlin"
            raise UsageError(f"{self.timezone!r} is not a time zone", hint=hint)


@dataclass(frozen=True)
class Put:
    """Create the schedule, or give it its new members."""

    schedule: PipelineSchedule
    changes: tuple[str, ...]
    new: bool


@dataclass(frozen=True)
class Remove:
    """Remove the schedule of that name."""

    name: str


def full_name(pipeline: str, name: str) -> str:
    """The name that a schedule of this pipeline has with EventBridge."""
    return name if name.startswith(f"{pipeline}-") else f"{pipeline}-{name}"


def read(clients: Clients, pipeline: str) -> tuple[PipelineSchedule, ...]:
    """The pipeline's schedules. Raises ServiceError."""
    scheduler = clients.other("scheduler")
    with translated():
        pages = scheduler.get_paginator("list_schedules").paginate(GroupName=GROUP, NamePrefix=f"{pipeline}-")
        names = [item["Name"] for page in pages for item in page["Schedules"]]
        return tuple(_read(scheduler.get_schedule(GroupName=GROUP, Name=name)) for name in names)


def plan(wanted: PipelineSchedule, there: Sequence[PipelineSchedule]) -> Put | None:
    """What is to be done so that the schedule is there as wanted; None if it is."""
    wanted.check()
    found = next((schedule for schedule in there if schedule.name == wanted.name), None)
    if found is None:
        return Put(wanted, (), new=True)
    members = ("expression", "timezone", "role", "parameters", "enabled")
    changes = tuple(
        f"{member}: {_shown(getattr(found, member))} -> {_shown(getattr(wanted, member))}"
        for member in members
        if getattr(found, member) != getattr(wanted, member)
    )
    return Put(wanted, changes, new=False) if changes else None


def apply(clients: Clients, pipeline_arn: str, what: Put | Remove) -> None:
    """Carry out one change; repeating it does no harm. Raises ServiceError."""
    from botocore.exceptions import ClientError

    scheduler = clients.other("scheduler")
    with translated():
        if isinstance(what, Remove):
            try:
                scheduler.delete_schedule(GroupName=GROUP, Name=what.name)
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
            return
        call = scheduler.create_schedule if what.new else scheduler.update_schedule
        call(**_request(what.schedule, pipeline_arn))


def describe(what: Put | Remove) -> str:
    """What a change does, in lines."""
    match what:
        case Remove(name):
            return f"- schedule {name}"
        case Put(schedule, changes, new):
            if new:
                given = "".join(f", {name}={value}" for name, value in schedule.parameters.items())
                return f"+ schedule {schedule.name}: {schedule.expression} {schedule.timezone}{given}"
            return "\n".join([f"~ schedule {schedule.name}", *(f"  ~ {change}" for change in changes)])


def _request(schedule: PipelineSchedule, pipeline_arn: str) -> dict[str, Any]:
    parameters = [{"Name": name, "Value": value} for name, value in schedule.parameters.items()]
    return {
        "GroupName": GROUP,
        "Name": schedule.name,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.timezone,
        "State": "ENABLED" if schedule.enabled else "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": pipeline_arn,
            "RoleArn": schedule.role,
            # The scheduler takes the target for a pipeline only if this member is there, empty or not.
            "SageMakerPipelineParameters": {"PipelineParameterList": parameters},
        },
    }


def _read(found: Mapping[str, Any]) -> PipelineSchedule:
    target = found["Target"]
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    return PipelineSchedule(
        name=found["Name"],
        expression=found["ScheduleExpression"],
        role=target["RoleArn"],
        parameters={item["Name"]: item["Value"] for item in given},
        timezone=found.get("ScheduleExpressionTimezone", "UTC"),
        enabled=found.get("State", "ENABLED") == "ENABLED",
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
