"""EventBridge brought to the rules that are wanted: what is there is read, what differs planned as data, then applied.

The same calls work on AWS and on localhost; each may be repeated, and one that was cut off is made good by the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.event_rules import DESTINATION, PURPOSES, EventRule, RuleTarget, rule_name
from pipeline.service_errors import error_code, translated

_ABSENT: Final = "ResourceNotFoundException"


@dataclass(frozen=True)
class PutRule:
    """Create the rule, or make it as it is to be; `gone` are targets that it loses."""

    rule: EventRule
    new: bool
    changes: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RemoveRule:
    """Remove the rule of that name, with its targets."""

    name: str


RuleChange = PutRule | RemoveRule


def read(clients: Clients, pipeline: str) -> tuple[EventRule, ...]:
    """The pipeline's rules that are there. Raises ServiceError."""
    events = clients.other("events")
    with translated():
        found = (_read(events, rule_name(pipeline, purpose)) for purpose in PURPOSES)
        return tuple(rule for rule in found if rule is not None)


def plan(
    wanted: Iterable[EventRule], there: Sequence[EventRule], *, tags: Mapping[str, str] | None = None
) -> tuple[RuleChange, ...]:
    """What is to be done so that the rules there are those that are wanted."""
    wanted = tuple(wanted)
    found = {rule.name: rule for rule in there}
    changes: list[RuleChange] = []
    for rule in wanted:
        if (old := found.get(rule.name)) is None:
            changes.append(PutRule(rule, new=True, tags=tags or {}))
        elif differing := _differing(old, rule):
            gone = {target.id for target in old.targets} - {target.id for target in rule.targets}
            changes.append(PutRule(rule, False, differing, tuple(sorted(gone)), tags or {}))
    names = {rule.name for rule in wanted}
    return (*changes, *(RemoveRule(name) for name in found if name not in names))


def apply(clients: Clients, what: RuleChange) -> None:
    """Carry out one change; repeating it does no harm. Raises ServiceError."""
    events = clients.other("events")
    with translated():
        if isinstance(what, RemoveRule):
            remove(events, what.name)
            return
        rule = what.rule
        answer = events.put_rule(
            Name=rule.name,
            Description=rule.description,
            State="ENABLED" if rule.enabled else "DISABLED",
            **_when(rule),
        )
        if what.tags:
            tags = [{"Key": key, "Value": value} for key, value in what.tags.items()]
            events.tag_resource(ResourceARN=answer["RuleArn"], Tags=tags)
        if what.gone:
            _whole(events.remove_targets(Rule=rule.name, Ids=list(what.gone)), rule.name)
        _whole(
            events.put_targets(Rule=rule.name, Targets=[_target(events, target) for target in rule.targets]), rule.name
        )


def _when(rule: EventRule) -> dict[str, str]:
    if rule.schedule:
        return {"ScheduleExpression": rule.schedule}
    return {"EventPattern": json.dumps(rule.pattern, sort_keys=True)}


def _whole(answer: Mapping[str, Any], name: str) -> None:
    """EventBridge answers 200 where it took only some targets. Raises ServiceError for those that it did not take."""
    failed = answer.get("FailedEntries", [])
    if answer.get("FailedEntryCount", len(failed)):
        first = failed[0] if failed else {}
        raise ServiceError(
            f"rule {name}: {len(failed) or 'some'} targets were refused: {first.get('TargetId', '?')}: "
            f"{first.get('ErrorCode', '')} {first.get('ErrorMessage', '')}".rstrip(),
            hint="check the target's address and its role; running the command again finishes the work",
        )


def remove(events: Any, name: str) -> None:
    """Remove a rule with its targets, if it is there. Raises ClientError."""
    from botocore.exceptions import ClientError

    try:
        ids = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
        if ids:
            events.remove_targets(Rule=name, Ids=ids)
        events.delete_rule(Name=name)
    except ClientError as error:
        if error_code(error) != _ABSENT:
            raise


def describe(what: RuleChange) -> str:
    """What a change does, in lines."""
    match what:
        case RemoveRule(name):
            return f"- rule {name}"
        case PutRule(rule, new, changes):
            if new:
                return f"+ rule {rule.name}: {rule.description}"
            return "\n".join([f"~ rule {rule.name}", *(f"  ~ {change}" for change in changes)])


def _differing(old: EventRule, new: EventRule) -> tuple[str, ...]:
    members = ("description", "pattern", "targets", "enabled", "schedule")
    old, new = (replace(rule, targets=tuple(sorted(rule.targets, key=lambda item: item.id))) for rule in (old, new))
    return tuple(
        f"{member}: {_shown(getattr(old, member))} -> {_shown(getattr(new, member))}"
        for member in members
        if getattr(old, member) != getattr(new, member)
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{target.arn.rpartition(':')[2]}{_given(target)}" for target in value) or "nothing"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _given(target: RuleTarget) -> str:
    given = "".join(f" {name}={value}" for name, value in target.parameters.items())
    return f"{given} {target.message!r}" if target.message else given


def _target(events: Any, target: RuleTarget) -> dict[str, Any]:
    request: dict[str, Any] = {"Id": target.id, "Arn": target.arn}
    _, is_webhook, name = target.arn.partition(DESTINATION)
    if is_webhook:
        request["Arn"] = events.describe_api_destination(Name=name)["ApiDestinationArn"]
    if target.role:
        request["RoleArn"] = target.role
    if target.parameters:
        parameters = [{"Name": name, "Value": value} for name, value in target.parameters.items()]
        request["SageMakerPipelineParameters"] = {"PipelineParameterList": parameters}
    if target.message:
        # A template that is a JSON string makes a message that is text; Slack's form is an object with it.
        message = {"text": target.message} if is_webhook else target.message
        template = {"InputTemplate": json.dumps(message, ensure_ascii=False)}
        request["InputTransformer"] = template | ({"InputPathsMap": dict(target.paths)} if target.paths else {})
    return request


def _read(events: Any, name: str) -> EventRule | None:
    from botocore.exceptions import ClientError

    try:
        found = events.describe_rule(Name=name)
    except ClientError as error:
        if error_code(error) == _ABSENT:
            return None
        raise
    return EventRule(
        name,
        found.get("Description", ""),
        json.loads(found.get("EventPattern", "{}")),
        tuple(_read_target(target) for target in events.list_targets_by_rule(Rule=name)["Targets"]),
        found.get("State", "ENABLED") == "ENABLED",
        found.get("ScheduleExpression", ""),
    )


def _read_target(found: Mapping[str, Any]) -> RuleTarget:
    given = found.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    transformer = found.get("InputTransformer", {})
    return RuleTarget(
        found["Id"],
        found["Arn"].rpartition("/")[0] if DESTINATION in found["Arn"] else found["Arn"],
        found.get("RoleArn", ""),
        {item["Name"]: item["Value"] for item in given},
        transformer.get("InputPathsMap", {}),
        _text(transformer.get("InputTemplate", '""')),
    )


def _text(template: str) -> str:
    """The message of a template; one that other hands wrote, and that is no string, as it is."""
    try:
        message = json.loads(template)
    except ValueError:
        return template
    if isinstance(message, dict):
        message = message.get("text")
    return message if isinstance(message, str) else template
