"""What an approval sets off: which version an endpoint serves, the release that an approval starts, and the way back.

The endpoint itself says which versions it serves and served before, by tags that a validated release leaves on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.clients import Clients
from pipeline.config.settings import VERSION_PARAMETER, Settings
from pipeline.errors import ServiceError, UsageError
from pipeline.event_rule_changes import read
from pipeline.event_rules import RELEASE, rule_name
from pipeline.executions import control
from pipeline.executions.execution_snapshot import parameters_of
from pipeline.operate import model_registry
from pipeline.operate.model_registry import RegisteredModel
from pipeline.service_errors import is_absent, translated

RELEASED_TAG: Final = "released"
BEFORE_TAG: Final = "released-before"
_PAUSE: Final = 0.5


@dataclass(frozen=True)
class VersionsServed:
    """The ARNs of the versions that an endpoint serves and served before; empty where no release says so."""

    now: str = ""
    before: str = ""


def served(clients: Clients, endpoint: str) -> VersionsServed:
    """What the releases to an endpoint left on it. Raises ServiceError."""
    from botocore.exceptions import ClientError

    with translated():
        try:
            arn = clients.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
        except ClientError as error:
            if is_absent(error):
                return VersionsServed()
            raise
        pages = clients.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return VersionsServed(tags.get(RELEASED_TAG, ""), tags.get(BEFORE_TAG, ""))


def nothing_starts(clients: Clients, settings: Settings, group: str) -> str:
    """Why an approval in the group would start no release; empty if it would. Raises ServiceError."""
    if not settings.release:
        return "the settings have release = false"
    name = rule_name(settings.name, RELEASE)
    rule = next((rule for rule in read(clients, settings.name) if rule.name == name), None)
    if rule is None:
        return f"there is no rule {name}; `pipeline upsert` makes it"
    if not rule.enabled:
        return f"the rule {name} is disabled"
    if group not in rule.pattern.get("detail", {}).get("ModelPackageGroupName", []):
        return f"the rule {name} is for another group than {group}"
    return ""


def foretold(clients: Clients, settings: Settings, chosen: RegisteredModel) -> str:
    """What releasing a version will do, in a line. Raises ServiceError."""
    now = served(clients, settings.endpoint).now
    moves = f"moves endpoint {settings.endpoint} to version {chosen.version}"
    if now:
        moves += f" (now version {number_of(now)})"
    return f"{settings.release_name} {moves}, holds it to its test set and figures, and puts it back if it differs"


def execution_of(
    clients: Clients, settings: Settings, version: str, *, since: datetime, wait: float, sleep: Callable[[float], None]
) -> str:
    """The ARN of the release of a version that was started no earlier than `since`, once it is there.

    Raises ServiceError where none is after `wait` seconds.
    """
    waited = 0.0
    while True:
        with translated():
            found = clients.sagemaker.list_pipeline_executions(
                PipelineName=settings.release_name, CreatedAfter=since, SortOrder="Descending"
            )["PipelineExecutionSummaries"]
        for summary in found:
            if parameters_of(clients, arn := summary["PipelineExecutionArn"]).get(VERSION_PARAMETER) == version:
                return arn
        if waited >= wait:
            raise ServiceError(
                f"no release of {version} has started after {wait:g} s",
                hint=f"`pipeline executions --set name={settings.release_name}` lists the releases",
            )
        sleep(_PAUSE)
        waited += _PAUSE


def version_before(clients: Clients, settings: Settings) -> RegisteredModel:
    """The version that the endpoint served before the one it serves. Raises UsageError where there is none."""
    before = served(clients, settings.endpoint).before
    if not before:
        raise UsageError(
            f"endpoint {settings.endpoint} has served no other version before",
            hint="`pipeline models list` shows the versions; approving one releases it",
        )
    found = model_registry.describe(clients, before, figures=False)
    if found.status != "Approved":
        raise UsageError(
            f"version {found.version}, which served before, is {found.status}",
            hint=f"`pipeline models approve {found.version}` approves and so releases it",
        )
    return found


def start(clients: Clients, settings: Settings, chosen: RegisteredModel) -> str:
    """Start the release of a version; the ARN of the execution. Raises ServiceError."""
    return control.start(clients, settings.release_name, {VERSION_PARAMETER: chosen.arn})


def number_of(arn: str) -> str:
    """The number of the version in its ARN."""
    return arn.rpartition("/")[2]
