"""The pipeline that watches the endpoint: what it is made of, that the service would take it, what its rules start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.compose.definition_text import compose
from pipeline.config.pipeline_kind import PipelineKind
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.definition.check import check
from pipeline.definition.step_types import steps
from pipeline.deploy.delivery import wanted_rules
from pipeline.errors import SettingsError
from steps.step_names import REPORT_DRIFT
from tests.support.definitions import CODE
from tests.support.golden import assert_golden

WATCHED = {
    "name": "demo",
    "rollout": {"kind": "all-at-once", "capture_percent": 100},
    "watch": {"schedule": "cron(0 6 * * ? *)", "hours": 12, "labels": "s3://elsewhere/labels", "retrain": True},
}


def settings() -> Settings:
    return load(flags=WATCHED, variables={})


def test_one_job_looks_and_a_fail_step_names_what_drifted() -> None:
    definition: dict[str, Any] = json.loads(compose(settings(), code=CODE, part=PipelineKind.WATCH))
    assert check(json.dumps(definition)) == []
    assert {name: step.type for name, step in steps(definition).items()} == {
        "WatchEndpoint": "Processing",
        "CheckDrift": "Condition",
        REPORT_DRIFT: "Fail",
    }
    assert_golden("definition/watch.json", json.dumps(definition, indent=1, sort_keys=True) + "\n")


def test_a_rule_starts_it_when_it_is_due_and_another_starts_the_training_by_its_drift() -> None:
    found = {rule.name: rule for rule in wanted_rules(settings())}
    due, retrain = found["demo-watch"], found["demo-retrain"]
    assert (due.schedule, due.pattern, due.targets[0].arn.partition(":us-east-1:123456789012")[2]) == (
        "cron(0 6 * * ? *)",
        {},
        ":pipeline/demo-watch",
    )
    assert retrain.pattern["detail"]["stepName"] == [REPORT_DRIFT] and retrain.targets[0].arn.endswith(":pipeline/demo")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"rollout": None}, "capture_percent", id="nothing-captured"),
        pytest.param({"watch": {"schedule": "daily"}}, "schedule", id="no-schedule"),
        pytest.param({"watch": {"labels": "/labels"}}, "labels", id="no-prefix"),
    ],
)
def test_a_watch_that_cannot_look_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(flags=WATCHED | wrong, variables={})
