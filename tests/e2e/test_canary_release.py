"""Approved versions that are wrong in one way each, released by canary under requests: each is put back, with a reason.

The reason must name the step that found it and the first thing that differs, as who approved it reads them.
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import raw_data
from pipeline.executions import control
from pipeline.local.images.linear_learner import artifact
from tests.e2e.test_policy_of_a_run import PARAMETERS, digits, ended
from tests.support.clients import clients_of
from tests.support.commands import Commands, Said
from tests.support.evaluated import BUCKET
from tests.support.service import LocalService, local_service
from tests.support.serving import FOREIGN_IMAGE, archive, register_foreign

pytestmark = pytest.mark.long

NAME = "canary"
FACTOR = 0.01
QUICK, PATIENT = "30", "3600"
"""What each step of the rollout is watched for: a patient one ends early or not at all within the test."""

ERRORS = "alarm canary-errors is in ALARM state: Average of Invocation5XXErrors"
BAD: tuple[tuple[Mapping[str, Any], tuple[str, ...]], ...] = (
    ({"dies": True}, (ERRORS, "ended again and again")),
    ({"fails": True}, (ERRORS,)),
    ({"delay": 4}, ("alarm canary-latency is in ALARM state: p99 of ModelLatency",)),
)
"""How the program behaves, and the reasons of which one is told."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service with one version in the registry, waiting for approval."""
    folder = tmp_path_factory.mktemp("canary")
    register_foreign(folder)
    with local_service(folder, wait_factor=FACTOR) as running, pytest.MonkeyPatch.context() as patch:
        running.s3.create_bucket(Bucket=BUCKET)
        patch.chdir(folder)
        yield running


@pytest.fixture
def run(local: LocalService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(local, NAME, monkeypatch, capsys)


def with_rollout(run: Commands, *command: str, wait: str) -> Said:
    rollout = f"kind=canary,percent=50,wait_seconds={wait},max_error_percent=1,max_latency_ms=3000"
    return run(*command, "--set", "parameters=EndpointInstanceCount=2", "--set", f"rollout={rollout}")


def trained(local: LocalService, folder: Path) -> None:
    clients = clients_of(local)
    dataset = raw_data.DataSet.of(digits(folder))
    raw_data.upload(dataset, clients, BUCKET, NAME, progress=lambda _: None)
    given = {
        "InputDataUrl": dataset.uri(BUCKET, NAME),
        "NumModels": "1",
        "Epochs": "2",
        "Deploy": "false",
        **PARAMETERS,
    }
    assert ended(local.service, control.start(clients, NAME, given)) == "Succeeded"


def version_like_the_first(local: LocalService, name: str, model: bytes, image: str = "") -> None:
    """Another version, which says that it is the first and has another artefact, or another image too."""
    first = local.sagemaker.describe_model_package(ModelPackageName=f"{NAME}/1")
    key = f"{NAME}/{name}/model.tar.gz"
    local.s3.put_object(Bucket=BUCKET, Key=key, Body=model)
    specification = first["InferenceSpecification"]
    was = specification["Containers"][0]
    specification["Containers"] = [{"Image": image or was["Image"], "ModelDataUrl": f"s3://{BUCKET}/{key}"}]
    kept = {member: first[member] for member in ("ModelMetrics", "CustomerMetadataProperties")}
    local.sagemaker.create_model_package(ModelPackageGroupName=NAME, InferenceSpecification=specification, **kept)


def archive_of_first(local: LocalService) -> bytes:
    first = local.sagemaker.describe_model_package(ModelPackageName=f"{NAME}/1")
    uri = first["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(local.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def altered(local: LocalService) -> bytes:
    """The first version's artefact with one weight of another value."""
    with tarfile.open(fileobj=io.BytesIO(archive_of_first(local))) as tar:
        content = tar.extractfile(artifact.FILE_NAME)
        assert content is not None
        model = artifact.decode(content.read())
    weight = model.weight.copy()
    weight[400] += 10
    return archive({artifact.FILE_NAME: artifact.encode(replace(model, weight=weight))})


@contextmanager
def asked(local: LocalService) -> Iterator[None]:
    """Requests to the endpoint within the block, three at a time."""
    over = threading.Event()
    body = ",".join(["0"] * 784)

    def ask() -> None:
        while not over.wait(0.05):
            try:
                local.runtime.invoke_endpoint(EndpointName=NAME, Body=body, ContentType="text/csv")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ModelError", error

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def serves(local: LocalService) -> tuple[str, str]:
    """The endpoint's configuration, and the version that it says it serves."""
    found = local.sagemaker.describe_endpoint(EndpointName=NAME)
    assert found["EndpointStatus"] == "InService"
    tags = local.sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
    released = next(tag["Value"] for tag in tags if tag["Key"] == "released")
    return found["EndpointConfigName"], released.rpartition("/")[2]


def test_what_is_wrong_with_a_version_ends_its_release_and_is_told(
    local: LocalService, run: Commands, tmp_path: Path
) -> None:
    assert with_rollout(run, "upsert", wait=QUICK).code == 0
    trained(local, tmp_path)
    assert run("models", "approve", "1", "--follow").code == 0
    first, released = serves(local)
    assert released == "1"

    version_like_the_first(local, "same", archive_of_first(local))
    assert run("models", "approve", "2", "--follow").code == 0
    good = serves(local)
    assert good[0] != first and good[1] == "2"

    version_like_the_first(local, "altered", altered(local))
    wrong = run("models", "approve", "3", "--follow")
    assert wrong.code == 4, wrong
    assert "step ValidateEndpoint" in wrong.err and "does not answer as the batch prediction did" in wrong.err
    assert "first in row" in wrong.err and f"put back to {good[0]}" in wrong.err
    assert serves(local) == good

    assert with_rollout(run, "upsert", wait=PATIENT).code == 0
    for version, (behaviour, reasons) in enumerate(BAD, 4):
        version_like_the_first(
            local, f"bad{version}", archive({"model.json": json.dumps(behaviour).encode()}), FOREIGN_IMAGE
        )
        with asked(local):
            bad = run("models", "approve", str(version), "--follow")
        assert bad.code == 4, bad
        assert "step RolloutEndpoint" in bad.err and f"put back to {good[0]}" in bad.err, bad.err
        assert any(reason in bad.err for reason in reasons), bad.err
        assert serves(local) == good

    assert [row.split()[0] for row in run("models", "list").out.splitlines() if f"serves {NAME}" in row] == ["2"]
    back = run("models", "rollback", "--follow")
    assert "moves endpoint canary to version 1 (now version 2)" in back.out, back
    assert serves(local)[1] == "1"
    nothing_is_left(local, run)


def nothing_is_left(local: LocalService, run: Commands) -> None:
    """Of what the releases made, once the endpoint is deleted and the rest cleaned."""
    events = local.client("events")
    assert alarms(local) == {f"{NAME}-errors", f"{NAME}-latency"}
    assert run("endpoint", "delete", "--yes").code == 0
    assert alarms(local) == set()
    rules = [f"rule:{rule['Name']}" for rule in events.list_rules()["Rules"]]
    assert run("clean", *rules, "--yes").code == 0
    cleaned = run("clean", "--older-than", "0m", "--yes")
    assert cleaned.code == 0, cleaned
    left = (
        events.list_rules()["Rules"],
        local.sagemaker.list_endpoints()["Endpoints"],
        local.sagemaker.list_endpoint_configs()["EndpointConfigs"],
        local.sagemaker.list_models()["Models"],
    )
    assert left == ([], [], [], [])


def alarms(local: LocalService) -> set[str]:
    """Those of the endpoint: moto's are one set for a process."""
    found = local.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
    return {alarm["AlarmName"] for alarm in found}
