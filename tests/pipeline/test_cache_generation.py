"""Results that must not be reused any more: a new generation of the cache, kept by every later upsert."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.clients import Clients
from pipeline.config.settings import Settings
from pipeline.deploy import apply, history
from pipeline.deploy.forecast import forecast
from pipeline.deploy.plan import GENERATION, generation
from pipeline.executions.execution_snapshot import snapshot
from pipeline.executions.outcome import explain
from pipeline.operate import clean
from pipeline.operate.resource_inventory import inventory
from tests.support.clients import clients_of
from tests.support.commands import Commands
from tests.support.evaluated import BUCKET
from tests.support.executions import OUTPUT, create, run, work
from tests.support.service import LocalService, local_service

_CONFIG = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


def _address(step: str) -> dict[str, Any]:
    values = [f"s3://{BUCKET}/demo/executions", {"Get": "Execution.PipelineExecutionId"}, step, "out"]
    return {"Std:Join": {"On": "/", "Values": values}}


def cached(local: LocalService, name: str) -> str:
    """A pipeline of a step that is cached and one that reads what it made."""
    generation = {"Std:Join": {"On": "", "Values": [{"Get": f"Parameters.{GENERATION}"}]}}
    output = {"S3Uri": _address("Make"), "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    made = {"Get": "Steps.Make.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    source = {"S3Uri": made, "LocalPath": "/opt/ml/processing/input/x", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    make = work(
        "Make",
        f"echo hello > {OUTPUT}/hello",
        arguments={
            "Environment": {"CACHE_GENERATION": generation},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        },
        **_CONFIG,
    )
    read = work(
        "Read",
        "cat /opt/ml/processing/input/x/hello",
        arguments={"ProcessingInputs": [{"InputName": "x", "S3Input": source}]},
    )
    parameters = [{"Name": GENERATION, "Type": "Integer", "DefaultValue": 1}]
    return create(local, make, read, name=name, parameters=parameters)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("generation")
    with local_service(folder) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def clients(local: LocalService) -> Clients:
    return clients_of(local)


def reused(clients: Clients, arn: str) -> list[str]:
    return [step.name for step in snapshot(clients, arn).steps if step.cached_from]


def test_after_clean_nothing_is_reused_that_is_gone_and_later_results_are(
    local: LocalService, clients: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = cached(local, "demo")
    first = run(local, name)["PipelineExecutionArn"]
    assert reused(clients, run(local, name)["PipelineExecutionArn"]) == ["Make"]
    said = Commands(local, name, monkeypatch, capsys)("clean", first.rpartition("/")[2], "--yes")
    assert said.code == 0
    assert "note: later executions could reuse these files; InspectData and all steps after it run again" in said.out
    third = run(local, name)
    assert (third["PipelineExecutionStatus"], reused(clients, third["PipelineExecutionArn"])) == ("Succeeded", [])
    assert reused(clients, run(local, name)["PipelineExecutionArn"]) == ["Make"]


def foreseen(clients: Clients, name: str) -> tuple[str, ...]:
    """What a plan of the deployed definition warns of."""
    definition = json.loads(clients.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"])
    seen = forecast(definition, {}, history.past(clients, name), now=datetime.now(UTC))
    assert [one.step for one in seen if one.reused] == ["Make"]
    return history.lost(clients, name, seen)


@pytest.mark.long
def test_what_failed_for_files_that_others_removed_was_foreseen_and_says_what_to_type(
    local: LocalService, clients: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = cached(local, "gone")
    first = run(local, name)["PipelineExecutionArn"].rpartition("/")[2]
    assert foreseen(clients, name) == ()
    for item in inventory(clients, Settings(name="demo", bucket=BUCKET)):
        if item.name == first:  # by hand, not by the command
            clean.apply(clients, clean.CleanPlan((item,)), progress=lambda _: None)
    uri = f"s3://{BUCKET}/demo/executions/{first}/Make/out/"
    assert foreseen(clients, name) == (
        f"Make will be reused, but there are no files at {uri}: if a step reads them, start with --no-cache",
    )
    failed = run(local, name)["PipelineExecutionArn"]
    error = explain(clients, snapshot(clients, failed))
    assert error is not None
    assert error.message == "step Read failed: the files of Make, whose earlier result was reused, are gone"
    assert error.hint == "`pipeline start --no-cache` runs every step again"
    commands = Commands(local, name, monkeypatch, capsys)
    said = commands("start", "--no-cache", "--follow")
    assert (said.code, "reused" in said.out) == (0, False), said
    assert "reused" in commands("start", "--follow").out


def test_an_upsert_keeps_the_generation_that_is_deployed(local: LocalService, clients: Clients) -> None:
    from pipeline.deploy.plan import Desired, make

    name = cached(local, "kept")
    before = apply.read(clients, name)
    assert before is not None
    assert apply.forget_cache(clients, name)
    deployed = apply.read(clients, name)
    assert deployed is not None and generation(json.loads(deployed.definition)) == 2
    wanted = Desired(name, before.definition, before.role, BUCKET, "demo", ())
    plan = make(wanted, deployed, missing=())
    assert (plan.parameters, plan.steps, plan.warnings) == ((), (), ())
    assert generation(json.loads(plan.definition)) == 2


def test_a_pipeline_that_is_not_there_has_no_cache_to_forget(clients: Clients) -> None:
    assert not apply.forget_cache(clients, "nowhere")


def test_only_files_that_the_cache_may_still_offer_begin_a_new_generation(clients: Clients) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for days, expected in ((0, True), (31, True), (33, False)):
        item = clean.Item(clean.RemainsKind.EXECUTION_FILES, "x", "s3://b/x", now - timedelta(days=days))
        assert clean.reusable(item, now) is expected
