"""Cleaning up after a pipeline: `plan` decides what goes, as data, and `apply` removes it, endpoints first.

Nothing goes that something else still needs: the configuration that an endpoint serves, the model behind it, the
files of a model that stays. What stays for its own sake, as an execution that runs or an approved version does, is
marked by `resource_inventory`, which has found it. An endpoint in service goes by name only.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from pipeline import api_destinations, endpoint_scaling, event_rule_changes
from pipeline.clients import Clients
from pipeline.errors import ServiceError, UsageError
from pipeline.executions.execution_results import split
from pipeline.operate import schedule
from pipeline.service_errors import error_message, translated

CACHED_FOR: Final = timedelta(days=30)
"""How long a step's result may stand in for a new one (`steps.retry_and_cache.CACHED`)."""

_LONGEST_RUN: Final = timedelta(days=2)
"""The cache counts from the end of a step; here the start of its execution is known."""

EXECUTIONS: Final = "executions/"
PROMOTED: Final = "promoted/"
"""The folders of files; those that a promotion copied are named with theirs, the others by their execution."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BATCH: Final = 1000
_GONE: Final = re.compile(r"could not find|does not exist|cannot find", re.I)


class RemainsKind(IntEnum):
    """The kinds in the order in which they are removed: what uses comes before what is used."""

    SCHEDULE = -4
    SCALING = -3
    RULE = -2
    WEBHOOK = -1
    ENDPOINT = 0
    ENDPOINT_CONFIG = 1
    MODEL = 2
    MODEL_PACKAGE = 3
    EXECUTION_FILES = 4
    PIPELINE = 5
    MODEL_PACKAGE_GROUP = 6
    FOLDER = 7

    @property
    def title(self) -> str:
        """The kind as a reader knows it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Item:
    """One thing: `address` is what it is removed by, `uses` the (kind, name) of what it needs."""

    kind: RemainsKind
    name: str
    address: str
    changed: datetime
    """When it was made, or last changed: an endpoint's age counts from its last deployment."""
    uses: frozenset[tuple[RemainsKind, str]] = frozenset()
    stays: str = ""
    """Why it is never removed; empty for what may go."""
    by_name_only: str = ""
    """Why its age alone is no reason to remove it."""
    own: bool = True
    """False for another pipeline's, which is known only for what it uses."""

    @property
    def key(self) -> tuple[RemainsKind, str]:
        """What others name it by."""
        return self.kind, self.name


@dataclass(frozen=True)
class CleanPlan:
    """What is removed, in this order, and what was chosen or is there but stays, with the reason in `stays`."""

    remove: tuple[Item, ...] = ()
    stay: tuple[Item, ...] = ()


def plan(items: Sequence[Item], *, names: Sequence[str], older_than: timedelta | None, now: datetime) -> CleanPlan:
    """Choose by name and by age. Raises UsageError for a name that is not there, or of something that must stay."""
    named = {name: _named(name, items) for name in names}
    wanted = {item.key for found in named.values() for item in found}
    remove: list[Item] = []
    stay: list[Item] = []
    for item in sorted(items, key=lambda item: (item.kind, item.changed, item.name)):
        reason = item.stays or _needed(item, stay)
        old = older_than is not None and now - item.changed >= older_than
        if item.key in wanted and reason:
            raise UsageError(
                f"the {item.kind.title} {item.name} cannot be removed: {reason}", hint=_way_out(item, stay)
            )
        if item.own and not reason and (item.key in wanted or (old and not item.by_name_only)):
            remove.append(item)
        else:
            stay.append(replace(item, stays=reason or item.by_name_only))
    return CleanPlan(tuple(remove), tuple(item for item in stay if item.own))


def apply(clients: Clients, chosen: CleanPlan, *, progress: Callable[[Item], None]) -> None:
    """Remove what the plan says; what is gone already is passed over. Raises ServiceError."""
    from botocore.exceptions import ClientError

    for item in chosen.remove:
        progress(item)
        with translated():
            try:
                _remove(clients, item)
            except ClientError as error:
                if not _GONE.search(error_message(error)):
                    raise


def parse_age(text: str) -> timedelta:
    """An age such as 30d, 12h, 2w or 45m. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not an age", hint="write 30d, 12h, 2w or 45m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def age(item: Item, now: datetime) -> str:
    """How old it is, in the unit that fits: 45 min, 12 h, 30 d."""
    minutes = max(0, round((now - item.changed).total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def reusable(item: Item, now: datetime) -> bool:
    """Whether the cache could still offer what the thing holds to a later execution: AWS's looks at no file."""
    made_by_steps = item.kind is RemainsKind.EXECUTION_FILES and not item.name.startswith(PROMOTED)
    return made_by_steps and now - item.changed < CACHED_FOR + _LONGEST_RUN


def _named(name: str, items: Sequence[Item]) -> list[Item]:
    found = [item for item in items if item.own and name in (item.name, f"{item.kind.title}:{item.name}", item.address)]
    if not found:
        raise UsageError(f"{name!r} was not made by this pipeline", hint="`pipeline clean` lists what there is")
    if len({item.kind for item in found}) > 1:
        ways = " or ".join(f"'{item.kind.title}:{item.name}'" for item in found)
        raise UsageError(f"there are several things called {name}", hint=f"write {ways}")
    return found


def _needed(item: Item, stay: Sequence[Item]) -> str:
    """Why something that stays needs it; whatever needs it was decided on before it."""
    user = next((other for other in stay if item.key in other.uses), None)
    return f"the {user.kind.title} {user.name} needs it" if user else ""


def _way_out(item: Item, stay: Sequence[Item]) -> str:
    """What to name besides, if what needs the item stays for no other reason than that nobody chose it."""
    free = (other for other in stay if other.own and other.stays == other.by_name_only)
    user = next((other for other in free if item.key in other.uses), None)
    return f"name {user.name} as well, if it is to go too" if user else ""


def _remove(clients: Clients, item: Item) -> None:
    match item.kind:
        case RemainsKind.RULE:
            event_rule_changes.remove(clients.other("events"), item.address)
        case RemainsKind.WEBHOOK:
            api_destinations.remove(clients.other("events"), item.address)
        case RemainsKind.SCHEDULE:
            schedule.apply(clients, "", schedule.Remove(item.address))
        case RemainsKind.SCALING:
            endpoint_scaling.apply(clients, endpoint_scaling.RemoveScaling(item.address))
        case RemainsKind.ENDPOINT:
            remove_endpoint(clients, item.address)
        case RemainsKind.EXECUTION_FILES | RemainsKind.FOLDER:
            _remove_files(clients, item.address)
        case _:
            _delete(clients, item)


def _delete(clients: Clients, item: Item) -> None:
    """What one request to SageMaker deletes."""
    sagemaker = clients.sagemaker
    match item.kind:
        case RemainsKind.ENDPOINT_CONFIG:
            sagemaker.delete_endpoint_config(EndpointConfigName=item.address)
        case RemainsKind.MODEL:
            sagemaker.delete_model(ModelName=item.address)
        case RemainsKind.MODEL_PACKAGE:
            sagemaker.delete_model_package(ModelPackageName=item.address)
        case RemainsKind.PIPELINE:
            sagemaker.delete_pipeline(PipelineName=item.address, ClientRequestToken=uuid.uuid4().hex)
        case RemainsKind.MODEL_PACKAGE_GROUP:
            sagemaker.delete_model_package_group(ModelPackageGroupName=item.address)


def remove_endpoint(clients: Clients, name: str) -> None:
    """Delete an endpoint, its autoscaling and the alarms of its rollouts, and wait for its end."""
    if endpoint_scaling.read(clients, name) is not None:
        endpoint_scaling.apply(clients, endpoint_scaling.RemoveScaling(name))
    clients.sagemaker.delete_endpoint(EndpointName=name)
    # Its configuration counts as in use until the endpoint is gone.
    pause = 1 if clients.target.local else 10
    waiter = clients.sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": pause, "MaxAttempts": 90})
    _remove_alarms(clients, name)


def _remove_alarms(clients: Clients, endpoint: str) -> None:
    """Those that a rollout made for the endpoint; DeleteAlarms refuses names that are not there."""
    cloudwatch = clients.other("cloudwatch")
    made = [f"{endpoint}-{what}" for what in ("errors", "latency")]
    found = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms(AlarmNames=made)["MetricAlarms"]]
    if found:
        cloudwatch.delete_alarms(AlarmNames=found)


def _remove_files(clients: Clients, uri: str) -> None:
    bucket, prefix = split(uri)
    # Listed whole before the first is removed: a page's token need not outlive the objects before it.
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    for start in range(0, len(keys), _BATCH):
        objects = [{"Key": key} for key in keys[start : start + _BATCH]]
        answer = clients.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})  # type: ignore[typeddict-item]
        for refused in answer.get("Errors", [])[:1]:
            raise ServiceError(f"s3://{bucket}/{refused['Key']} cannot be removed: {refused['Message']}")
