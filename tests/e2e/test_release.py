"""From an approval to an endpoint in service, and back: the release pipeline, started by the event of the approval.

The commands are those that an engineer types; the policies that are printed must cover what the releases do.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import raw_data
from pipeline.config.settings import Settings
from pipeline.config.settings_sources import load
from pipeline.deploy.desired import desired
from pipeline.executions import control
from pipeline.operate import policy
from tests.e2e.test_policy_of_a_run import PARAMETERS, digits, ended
from tests.support.authorization import PIPELINE, Access, record, refused
from tests.support.clients import clients_of
from tests.support.commands import Commands, Said
from tests.support.evaluated import BUCKET
from tests.support.service import LocalService, local_service
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long

NAME = "digits"
ROLES = {"arn:aws:iam::123456789012:role/pipeline-events": "events"}


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalService]:
    with local_service(tmp_path) as running:
        running.s3.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def run(
    local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(local, NAME, monkeypatch, capsys)


def settings() -> Settings:
    return load(flags={"name": NAME, "bucket": BUCKET}, variables={})


def trained(local: LocalService, folder: Path) -> None:
    """Two versions in the registry, waiting for approval."""
    clients = clients_of(local)
    dataset = raw_data.DataSet.of(digits(folder))
    raw_data.upload(dataset, clients, BUCKET, NAME, progress=lambda _: None)
    for rate in ("0.01", "0.001"):
        given = {"InputDataUrl": dataset.uri(BUCKET, NAME), "LearningRate": rate, "NumModels": "1", **PARAMETERS}
        assert ended(local.service, control.start(clients, NAME, given)) == "Succeeded"


def wrong_version(local: LocalService) -> None:
    """A third version, which says that it is the second and has the first one's weights."""
    group = [local.sagemaker.describe_model_package(ModelPackageName=f"{NAME}/{number}") for number in (1, 2)]
    containers = group[1]["InferenceSpecification"]["Containers"]
    containers[0]["ModelDataUrl"] = group[0]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    containers[0] = {key: containers[0][key] for key in ("Image", "ModelDataUrl")}
    members = ("InferenceSpecification", "ModelMetrics", "CustomerMetadataProperties")
    local.sagemaker.create_model_package(ModelPackageGroupName=NAME, **{name: group[1][name] for name in members})


def served(local: LocalService) -> tuple[str, str]:
    """The versions that the endpoint says it serves and served, by number."""
    arn = local.sagemaker.describe_endpoint(EndpointName=NAME)["EndpointArn"]
    tags = {tag["Key"]: tag["Value"] for tag in local.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    return tags["released"].rpartition("/")[2], tags.get("released-before", "").rpartition("/")[2]


def package_of_endpoint(local: LocalService) -> str:
    """The version of which the model behind the endpoint is made."""
    found = local.sagemaker.describe_endpoint(EndpointName=NAME)
    assert found["EndpointStatus"] == "InService"
    config = local.sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    model = local.sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    return str(model["Containers"][0]["ModelPackageName"]).rpartition("/")[2]


def test_an_approval_releases_a_wrong_version_is_put_back_and_a_rollback_brings_the_one_before(
    local: LocalService, run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = told_by(local, monkeypatch)
    new = run("upsert")
    assert "+ pipeline digits-release: 5 parameters, 4 steps" in new.out
    assert "+ rule digits-release: An approved version of digits is released." in new.out
    assert run("plan", "--detailed-exitcode").code == 0
    trained(local, tmp_path)
    wrong_version(local)
    recorded = record(local, monkeypatch, roles=ROLES)

    first = run("models", "approve", "1", "--follow")
    assert first.code == 0, first
    assert "next: digits-release moves endpoint digits to version 1, holds it to its test set" in first.out
    assert served(local) == ("1", "")
    second = run("models", "approve", "2", "--follow")
    assert second.code == 0, second
    assert "moves endpoint digits to version 2 (now version 1)" in second.out
    assert (served(local), package_of_endpoint(local)) == (("2", "1"), "2")

    wrong = run("models", "approve", "3", "--follow")
    assert wrong.code == 4, wrong
    assert "ValidateEndpoint" in wrong.err and "does not answer as the batch prediction did" in wrong.err
    assert "first in row" in wrong.err and "the endpoint was put back to" in wrong.err
    assert (served(local), package_of_endpoint(local)) == (("2", "1"), "2")
    shown = run("steps", re.findall(r"execution/(\w+)", wrong.out)[0])
    assert "ValidateEndpoint" in shown.out, shown

    back = run("models", "rollback", "--follow")
    assert back.code == 0, back
    assert (served(local), package_of_endpoint(local)) == (("1", "2"), "1")
    policies_cover(recorded)
    assert heard(local, queue, 7) == {
        f"digits: version {number} of digits waits for approval: pipeline models approve {number} --env dev"
        for number in (1, 2, 3)
    } | {
        "digits: endpoint digits serves the approved version, validated. Back: pipeline models rollback --env dev",
        "digits: endpoint digits did not pass its validation and is put back to what passed before",
    }
    nothing_is_left(local, run)


def told_by(local: LocalService, monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue that gets what the topic of the settings is told."""
    topic = local.client("sns").create_topic(Name="people")["TopicArn"]
    queue: str = local.client("sqs").create_queue(QueueName="people")["QueueUrl"]
    local.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=topic.replace(":sns:", ":sqs:"))
    monkeypatch.setenv("PIPELINE_NOTIFY", topic)
    return queue


def heard(local: LocalService, queue: str, count: int) -> set[str]:
    """So many messages, up to what is another each time."""
    end = time.monotonic() + PATIENCE
    found: list[str] = []
    while len(found) < count and time.monotonic() < end:
        for message in local.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(message["Body"])["Message"])
        time.sleep(0.05)
    return {text.partition(": AlgorithmError")[0] for text in found}


def policies_cover(recorded: set[Access]) -> None:
    definition = json.loads(desired(settings(), cache=None).definition)
    document = policy.policy("pipeline", settings(), definition)
    done = {one for one in recorded if one.role == PIPELINE}
    assert {"sagemaker:CreateModel", "sagemaker:UpdateEndpoint", "sagemaker:AddTags"} <= {one.action for one in done}
    assert refused(document, done) == []


def nothing_is_left(local: LocalService, run: Commands) -> None:
    events = local.client("events")
    names = [rule["Name"] for rule in events.list_rules()["Rules"]]
    assert len(names) == 6
    assert "in force, goes by name only" in run("clean").out
    assert run("clean", *(f"rule:{name}" for name in names), "--yes").code == 0
    assert events.list_rules()["Rules"] == []
    said = run("models", "approve", "1")
    assert "nothing will be released: there is no rule digits-release; `pipeline upsert" in said.out
    off: Said = run("upsert", "--set", "release=false")
    assert "- pipeline digits-release" in off.out
    left: list[Any] = local.sagemaker.list_pipelines()["PipelineSummaries"]
    assert [item["PipelineName"] for item in left] == [NAME]
