"""A plan as text, Markdown and JSON, whole, for the cases that readers meet."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.deploy import view
from pipeline.deploy.code_bundle import Bundle, BundledFile
from pipeline.deploy.forecast import Forecast
from pipeline.deploy.plan import CHECKSUM_TAG, Deployed, DeployPlan, Desired, make
from tests.support.golden import assert_golden

WHERE = "AWS account 123456789012, region us-east-1"
ROLE = "arn:aws:iam::123456789012:role/pipeline"
FORECAST = (
    Forecast("Convert"),
    Forecast("Train", "HyperParameters.epochs was 15, is 20"),
    Forecast("Register", "steps of type RegisterModel are never cached", "Check|Gate"),
)


def definition(epochs: int, code: str, **environment: str) -> str:
    steps: list[dict[str, Any]] = [
        {
            "Name": "Convert",
            "Type": "Processing",
            "Arguments": {
                "Environment": environment,
                "ProcessingInputs": [{"InputName": "code", "S3Input": {"S3Uri": f"s3://bucket/demo/code/{code * 64}"}}],
            },
        },
        {"Name": "Train", "Type": "Training", "Arguments": {"HyperParameters": {"epochs": {"Get": "Parameters.E"}}}},
    ]
    parameters = [{"Name": "E", "Type": "Integer", "DefaultValue": epochs}]
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})


def _new() -> DeployPlan:
    wanted = replace(WANTED, description="Digits.", parallelism=4)
    return make(
        wanted, None, missing=wanted.bundles, warnings=("there is no bucket bucket: create it before the upsert",)
    )


def _changed() -> DeployPlan:
    before = definition(15, "b", old="1", long="x" * 300)
    old = json.loads(before)
    old["Steps"].append({"Name": "Gone", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}})
    deployed = replace(
        DEPLOYED,
        definition=json.dumps(old),
        role=f"{ROLE}-old",
        code_files={"convert.py": "0", "gone.py": "1"},
        tags={"team": "other", "stale": "1", CHECKSUM_TAG: "0" * 64},
    )
    return make(replace(WANTED, parallelism=4), deployed, missing=WANTED.bundles)


WANTED = Desired(
    "demo",
    definition(20, "a", new="2", long="x" * 299 + "y"),
    ROLE,
    "bucket",
    "demo",
    (Bundle("convert", (BundledFile("convert.py", b"pass"), BundledFile("read.py", b"pass")), "a" * 64),),
    {"team": "ml"},
)
DEPLOYED = Deployed("arn", WANTED.definition, ROLE, {"team": "ml", CHECKSUM_TAG: WANTED.checksum}, WANTED.code_files)
PLANS = {
    "new": _new(),
    "changed": _changed(),
    "nothing": make(WANTED, DEPLOYED, missing=()),
    "record": make(WANTED, replace(DEPLOYED, tags={"team": "ml"}), missing=()),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_text_is_whole(name: str) -> None:
    assert_golden(f"plan/{name}.txt", view.text(PLANS[name], FORECAST))


@pytest.mark.parametrize("name", PLANS)
def test_the_markdown_is_whole(name: str) -> None:
    assert_golden(f"plan/{name}.md", view.markdown(PLANS[name], FORECAST, WHERE))


@pytest.mark.parametrize("name", PLANS)
def test_the_json_is_whole(name: str) -> None:
    shown = view.as_json(PLANS[name], FORECAST, WHERE)
    assert_golden(f"plan/{name}.json", shown)
    assert json.loads(shown)["action"] == {"new": "create", "nothing": "none"}.get(name, "update")


def test_a_plan_without_executions_shows_no_forecast() -> None:
    headline = "Nothing to do: what is deployed is what is built."
    assert view.text(PLANS["nothing"], ()) == headline
    assert view.markdown(PLANS["nothing"], (), WHERE) == f"### Plan for `demo` on {WHERE}\n\n{headline}"
