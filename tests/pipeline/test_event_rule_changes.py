"""Rules of EventBridge planned and applied, against AWS as moto plays it; the releases' story has them on localhost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest

from pipeline import event_rule_changes, event_rules
from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.event_rule_changes import RemoveRule
from pipeline.event_rules import EventRule, RuleTarget
from tests.support.clients import aws_alone

RELEASE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo-release"
ROLE = "arn:aws:iam::123456789012:role/events"
RULE = event_rules.release_rule("demo", "demo-group", RELEASE, ROLE, "ModelPackageArn")


@pytest.fixture
def clients() -> Iterator[Clients]:
    with aws_alone() as found:
        yield found


def put(clients: Clients, *wanted: EventRule) -> list[str]:
    changes = event_rule_changes.plan(wanted, event_rule_changes.read(clients, "demo"), tags={"team": "vision"})
    for change in changes:
        event_rule_changes.apply(clients, change)
    return [event_rule_changes.describe(change) for change in changes]


def test_a_rule_is_made_once_read_back_whole_and_tagged(clients: Clients) -> None:
    assert put(clients, RULE) == ["+ rule demo-release: An approved version of demo-group is released."]
    assert event_rule_changes.read(clients, "demo") == (RULE,)
    assert put(clients, RULE) == []
    events = clients.other("events")
    arn = events.describe_rule(Name="demo-release")["Arn"]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "vision"}]


def test_what_other_hands_changed_is_told_and_put_right(clients: Clients) -> None:
    put(clients, RULE)
    other = RuleTarget("other", "arn:aws:sqs:us-east-1:123456789012:queue")
    events = clients.other("events")
    events.disable_rule(Name="demo-release")
    events.put_targets(Rule="demo-release", Targets=[{"Id": other.id, "Arn": other.arn}])
    (told,) = put(clients, RULE)
    assert told.splitlines() == [
        "~ rule demo-release",
        "  ~ targets: queue, pipeline/demo-release ModelPackageArn=$.detail.ModelPackageArn -> "
        "pipeline/demo-release ModelPackageArn=$.detail.ModelPackageArn",
        "  ~ enabled: false -> true",
    ]
    assert event_rule_changes.read(clients, "demo") == (RULE,)


def test_a_rule_that_is_wanted_no_more_goes_with_its_targets_and_others_stay(clients: Clients) -> None:
    events = clients.other("events")
    events.put_rule(Name="demo-2-release", EventPattern=json.dumps(RULE.pattern))
    put(clients, RULE)
    assert put(clients) == ["- rule demo-release"]
    event_rule_changes.apply(clients, RemoveRule("demo-release"))  # and again, which does no harm
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["demo-2-release"]


def test_the_order_in_which_targets_are_read_is_no_change() -> None:
    two = dataclasses.replace(RULE, targets=(*RULE.targets, RuleTarget("a", "arn:aws:sqs:us-east-1:1:q")))
    turned = dataclasses.replace(two, targets=two.targets[::-1])
    assert event_rule_changes.plan([two], [turned]) == ()


def test_a_target_that_eventbridge_did_not_take_is_an_error_though_it_answers_200(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [{"TargetId": "release", "ErrorCode": "AccessDenied", "ErrorMessage": "no role"}]
    answer = {"FailedEntryCount": 1, "FailedEntries": failed}
    events = clients.other("events")
    events.meta.events.register("after-call.events.PutTargets", lambda parsed, **_: parsed.update(answer))
    monkeypatch.setattr(Clients, "other", lambda *_: events)
    with pytest.raises(ServiceError, match="rule demo-release: 1 targets were refused: release: AccessDenied no role"):
        put(clients, RULE)
