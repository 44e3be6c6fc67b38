"""Model packages with their figures: listed, compared, approved, rejected; on localhost and against moto alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clients import Clients
from pipeline.errors import UsageError
from pipeline.operate import model_registry
from tests.support.clients import aws_alone, clients_of
from tests.support.service import local_service

GROUP = "demo"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


@pytest.fixture(params=["localhost", "moto"])
def clients(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clients]:
    with local_service(tmp_path) if request.param == "localhost" else aws_alone() as found:
        chosen = found if isinstance(found, Clients) else clients_of(found)
        chosen.s3.create_bucket(Bucket="bucket")
        yield chosen


def registered(clients: Clients, *accuracies: float, status: str = "PendingManualApproval") -> list[str]:
    """The ARNs of new versions, one an accuracy."""
    if not clients.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        clients.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    arns = []
    for accuracy in accuracies:
        constant = "accuracy_best_constant_classifier"
        figures = {"accuracy": {"value": accuracy}, "roc": {"fpr": [0]}, constant: {"value": 0.1}}
        key = f"{accuracy}/evaluation.json"
        document = json.dumps({"binary_classification_metrics": figures})
        clients.s3.put_object(Bucket="bucket", Key=key, Body=document.encode())
        answer = clients.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=status,  # type: ignore[arg-type]
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            ModelMetrics={
                "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://bucket/{key}"}}
            },
        )
        arns.append(answer["ModelPackageArn"])
    return arns


def test_versions_are_listed_with_their_figures_and_no_others(clients: Clients) -> None:
    registered(clients, 0.9, 0.95)
    found = model_registry.models(clients, GROUP)
    assert {model.version: dict(model.figures) for model in found} == {1: {"accuracy": 0.9}, 2: {"accuracy": 0.95}}
    assert {model.status for model in found} == {"PendingManualApproval"}


def test_a_version_is_found_by_its_number(clients: Clients) -> None:
    registered(clients, 0.9, 0.95)
    assert model_registry.model(clients, GROUP, 2).figures["accuracy"] == 0.95
    with pytest.raises(UsageError, match="no version 3: its versions go to 2"):
        model_registry.model(clients, GROUP, 3)


def test_a_decision_is_kept_with_what_was_said(clients: Clients) -> None:
    registered(clients, 0.9, 0.95)
    model_registry.approve(clients, model_registry.model(clients, GROUP, 1), "good enough")
    model_registry.reject(clients, model_registry.model(clients, GROUP, 2), "biased")
    first, second = (model_registry.model(clients, GROUP, version) for version in (1, 2))
    assert (first.status, first.remark) == ("Approved", "good enough")
    assert (second.status, second.remark) == ("Rejected", "biased")


def test_the_latest_approved_leaves_out_the_one_that_is_asked_about(clients: Clients) -> None:
    arns = registered(clients, 0.9, 0.95, 0.97)
    assert model_registry.latest_approved(clients, GROUP) is None
    for version in (1, 2):
        model_registry.approve(clients, model_registry.model(clients, GROUP, version), "")
    found = model_registry.latest_approved(clients, GROUP, besides=arns[1])
    assert found is not None and found.version == 1
    latest = model_registry.latest_approved(clients, GROUP, besides=arns[2])
    assert latest is not None and latest.version == 2


def test_a_group_that_is_not_there_has_no_approved_model(clients: Clients) -> None:
    assert model_registry.latest_approved(clients, "nowhere") is None


def test_a_model_whose_evaluation_is_gone_has_no_figures(clients: Clients) -> None:
    registered(clients, 0.9)
    clients.s3.delete_object(Bucket="bucket", Key="0.9/evaluation.json")
    assert dict(model_registry.model(clients, GROUP, 1).figures) == {}


@pytest.mark.parametrize(
    ("document", "figures"),
    [
        (b'{"version": 0.0, "binary_classification_metrics": {"accuracy": {"value": 0.5}}}', {"accuracy": 0.5}),
        (b"[1]", {}),
        (b"\xff", {}),
        (b'{"g": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", {}),
        (b'{"g": {"a": {"value": 1' + b"0" * 400 + b'}, "b": {"value": true}, "c": {"value": "1"}, "d": []}}', {}),
        (b'{"g": {"confusion_matrix": [[1]], "f1": {"value": 0.5}}, "h": null}', {"f1": 0.5}),
    ],
    ids=["Model Monitor's", "a list", "no text", "nested deeply", "no numbers", "another matrix"],
)
def test_the_evaluation_of_a_model_that_others_registered_may_be_anything(
    clients: Clients, document: bytes, figures: dict[str, float]
) -> None:
    registered(clients, 0.9)
    clients.s3.put_object(Bucket="bucket", Key="0.9/evaluation.json", Body=document)
    assert dict(model_registry.model(clients, GROUP, 1).figures) == figures
