"""Who is told what: the rules that the settings' topics get, held to the events that SageMaker sends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from pipeline import event_rule_changes
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.deploy.delivery import wanted_rules
from pipeline.errors import SettingsError
from tests.support.clients import aws_alone

TOPIC = "arn:aws:sns:us-east-1:123456789012:people"
PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo"
SETTINGS = load(
    flags={
        "name": "demo",
        "notify": {"topics": [TOPIC]},
        "rollout": {"kind": "all-at-once", "capture_percent": 10},
        "watch": {"retrain": True},
    },
    variables={},
)
STEP = "SageMaker Model Building Pipeline Execution Step Status Change"


def step(name: str, *, pipeline: str = PIPELINE, status: str = "Failed") -> tuple[str, dict[str, Any]]:
    return STEP, {"pipelineArn": pipeline, "stepName": name, "currentStepStatus": status, "failureReason": "because"}


def package(status: str, group: str = "demo") -> tuple[str, dict[str, Any]]:
    return "SageMaker Model Package State Change", {"ModelPackageGroupName": group, "ModelApprovalStatus": status}


def ended(status: str, pipeline: str) -> tuple[str, dict[str, Any]]:
    detail = {"pipelineArn": pipeline, "currentPipelineExecutionStatus": status}
    return "SageMaker Model Building Pipeline Execution Status Change", detail


@pytest.mark.parametrize(
    ("event", "told"),
    [
        pytest.param(step("RejectModel"), {"tell-rejected"}, id="rejected"),
        pytest.param(step("TrainModel"), {"tell-failed"}, id="failed"),
        pytest.param(step("TrainModel", status="Succeeded"), set(), id="succeeded"),
        pytest.param(step("CreateModel", pipeline=f"{PIPELINE}-release"), {"tell-failed"}, id="release-failed"),
        pytest.param(step("ValidateEndpoint", pipeline=f"{PIPELINE}-release"), {"tell-rolled-back"}, id="put-back"),
        pytest.param(step("ReportDrift", pipeline=f"{PIPELINE}-watch"), {"tell-drifted", "retrain"}, id="drifted"),
        pytest.param(step("WatchEndpoint", pipeline=f"{PIPELINE}-watch"), {"tell-failed"}, id="watch-failed"),
        pytest.param(step("TrainModel", pipeline=f"{PIPELINE}-2"), set(), id="another-pipeline"),
        pytest.param(package("PendingManualApproval"), {"tell-waiting"}, id="waiting"),
        pytest.param(package("Approved"), {"release"}, id="approved"),
        pytest.param(package("Approved", "other"), set(), id="another-group"),
        pytest.param(ended("Succeeded", f"{PIPELINE}-release"), {"tell-released"}, id="released"),
        pytest.param(ended("Succeeded", PIPELINE), set(), id="trained"),
    ],
)
def test_each_event_is_told_once_and_to_the_right_rule(event: tuple[str, dict[str, Any]], told: set[str]) -> None:
    document = {"source": "aws.sagemaker", "detail-type": event[0], "detail": event[1]}
    matching = {
        rule.name.removeprefix("demo-")
        for rule in wanted_rules(SETTINGS)
        if rule.pattern and EventPattern.load(json.dumps(rule.pattern)).matches_event(document)  # type: ignore[arg-type]
    }
    assert matching == told


def test_messages_are_short_name_no_path_that_they_lack_and_say_what_to_type() -> None:
    for target in (target for rule in wanted_rules(SETTINGS) for target in rule.targets):
        if target.message:
            assert set(re.findall(r"<(\w+)>", target.message)) == set(target.paths)
            assert target.message.startswith("demo: ") and "pipeline " in target.message
            assert len(target.message) < 200


def test_eventbridge_takes_the_rules_and_gives_them_back_whole() -> None:
    with aws_alone() as clients:
        wanted = wanted_rules(SETTINGS)
        for change in event_rule_changes.plan(wanted, ()):
            event_rule_changes.apply(clients, change)
        assert event_rule_changes.plan(wanted, event_rule_changes.read(clients, "demo")) == ()
        gone = event_rule_changes.plan(
            wanted_rules(Settings(name="demo", release=False)), event_rule_changes.read(clients, "demo")
        )
        for change in gone:
            event_rule_changes.apply(clients, change)
        assert clients.other("events").list_rules()["Rules"] == []


def test_topics_come_from_a_table_or_as_text_and_what_is_none_is_refused() -> None:
    assert load(flags={"notify": f"{TOPIC},{TOPIC}2"}, variables={}).notify.topics == (TOPIC, f"{TOPIC}2")
    assert load(flags={}, variables={"PIPELINE_NOTIFY": TOPIC}).notify.topics == (TOPIC,)
    with pytest.raises(SettingsError, match="notify"):
        load(flags={"notify": "people"}, variables={})
    with pytest.raises(SettingsError, match="notify"):
        load(flags={"notify": ",".join(f"{TOPIC}{at}" for at in range(6))}, variables={})
