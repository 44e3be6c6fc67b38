"""What a plan predicts is held to the execution that follows: which steps the service reuses and which it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from pipeline.clients import Clients
from pipeline.deploy.forecast import forecast
from pipeline.deploy.history import past
from tests.support.executions import OUTPUT, check, create, definition, start, wait, work
from tests.support.service import KEY, LocalService, local_service

NAME = "predicted"
CACHE = {"Enabled": True, "ExpireAfter": "P1D"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("history")) as service:
        service.s3.create_bucket(Bucket="bucket")
        yield service


@pytest.fixture(scope="module")
def clients(local: LocalService) -> Clients:
    return Clients(boto3.Session(KEY.access_key_id, KEY.secret_access_key, region_name="us-east-1"), local.url)


@dataclass(frozen=True)
class Version:
    """What is changed from one execution to the next."""

    fixed: str = "1"
    anew: str = "1"
    reader: str = "1"
    cache: Any = None
    given: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """Two makers, one at a fixed address and one at an address of each execution, and what reads from them."""
        execution = {"Get": "Execution.PipelineExecutionId"}
        own = {"Std:Join": {"On": "/", "Values": ["s3://bucket", execution, "anew"]}}
        makes_fixed = made("Fixed", "s3://bucket/fixed", self.fixed, X={"Get": "Parameters.X"})
        branch = [reads("InBranch", "Anew", "1")]
        return definition(
            {**makes_fixed, "CacheConfig": self.cache or CACHE},
            made("Anew", own, self.anew),
            reads("ReadsFixed", "Fixed", "1"),
            reads("ReadsAnew", "Anew", self.reader),
            reads("Twice", "ReadsAnew", "1"),
            work("Uncached"),
            check("Decides", {"Get": "Parameters.X"}, "a", branch),
            parameters=[{"Name": "X", "Type": "String", "DefaultValue": "a"}],
        )


def made(name: str, address: Any, version: str, **environment: Any) -> dict[str, Any]:
    output = {"OutputName": "out", "S3Output": {"S3Uri": address, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}}
    arguments = {
        "ProcessingOutputConfig": {"Outputs": [output]},
        "Environment": {"version": version, **environment},
    }
    return work(name, f"echo made > {OUTPUT}/file", arguments=arguments, CacheConfig=CACHE)


def reads(name: str, source: str, version: str) -> dict[str, Any]:
    address = {"Get": f"Steps.{source}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    s3 = {"S3Uri": address, "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    step = made(
        name,
        {"Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}, name]}},
        version,
    )
    step["Arguments"]["ProcessingInputs"] = [{"InputName": "in", "S3Input": s3}]
    return step


FIRST = Version()
OTHER_VALUE = replace(FIRST, given=(("X", "b"),))
STORY = [
    ("nothing has run yet", FIRST, []),
    ("nothing changed", FIRST, ["Fixed", "Anew", "ReadsFixed", "ReadsAnew", "Twice", "InBranch"]),
    ("a parameter changed what makes a fixed address", OTHER_VALUE, ["Anew", "ReadsFixed", "ReadsAnew", "Twice"]),
    ("the maker of an address of its own changed", replace(FIRST, anew="2"), ["Fixed", "ReadsFixed"]),
    (
        "it is as it was, two executions ago",
        FIRST,
        ["Fixed", "Anew", "ReadsFixed", "ReadsAnew", "Twice", "InBranch"],
    ),
    (
        "a reader changed",
        replace(FIRST, reader="2"),
        ["Fixed", "Anew", "ReadsFixed", "InBranch"],
    ),
    (
        "the changed reader reads what another execution made",
        replace(FIRST, anew="2", reader="2"),
        ["Fixed", "Anew", "ReadsFixed", "InBranch"],
    ),
    (
        "a result is too old",
        replace(FIRST, cache={"Enabled": True, "ExpireAfter": "T1S"}),
        ["Anew", "ReadsFixed", "ReadsAnew", "Twice", "InBranch"],
    ),
]


@pytest.fixture(scope="module", autouse=True)
def story(local: LocalService, clients: Clients) -> list[tuple[Any, ...]]:
    """The executions of the story: what each is, the steps predicted to be reused, those that were, those expected."""
    create(local, work("Placeholder"), name=NAME)
    chapters: list[tuple[Any, ...]] = []
    for what, version, expected in STORY:
        local.sagemaker.update_pipeline(PipelineName=NAME, PipelineDefinition=version.text)
        given = dict(version.given)
        if version.cache:
            time.sleep(1.1)
        predicted = forecast(json.loads(version.text), given, past(clients, NAME), now=datetime.now(UTC))
        arn = start(local, NAME, given=given)
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        steps = local.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        turns = {step["StepName"] for step in steps}
        reused = {step["StepName"] for step in steps if "CacheHitResult" in step}
        told = {item.step: item.why for item in predicted}
        chapters.append(((what, told), {item.step for item in predicted if item.reused} & turns, reused, expected))
    return chapters


def test_the_prediction_of_each_plan_is_what_the_next_execution_does(story: list[tuple[Any, ...]]) -> None:
    for what, predicted, reused, expected in story:
        assert predicted == reused == set(expected), what


def test_reasons_name_what_changed(clients: Clients) -> None:
    changed = replace(FIRST, anew="2", reader="3", given=(("X", "c"),))
    found = forecast(json.loads(changed.text), dict(changed.given), past(clients, NAME), now=datetime.now(UTC))
    assert {item.step: (item.why, item.condition) for item in found} == {
        "Fixed": ("Environment.X was a, is c", ""),
        "Anew": ("", ""),
        "ReadsFixed": ("", ""),
        "ReadsAnew": ("Environment.version was 1, is 3 (and 1 more)", ""),
        "Twice": ("it reads what ReadsAnew makes, which runs too", ""),
        "Uncached": ("its caching is off", ""),
        "InBranch": ("", "Decides"),
    }


def test_a_pipeline_that_is_not_there_has_no_past(clients: Clients) -> None:
    assert past(clients, "nowhere") == ()


def test_only_the_latest_executions_are_looked_at_but_results_keep_their_age(clients: Clients) -> None:
    (latest,) = past(clients, NAME, limit=1)
    everything = past(clients, NAME)
    origin = latest.reused["Anew"]
    assert latest.ended["Anew"] == next(run for run in everything if run.name == origin).ended["Anew"]
