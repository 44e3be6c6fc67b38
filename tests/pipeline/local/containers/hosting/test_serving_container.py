"""Serving programs as processes: they die and come back, want ports of their own, or cannot start."""

from __future__ import annotations

import errno
import json
import os
import signal
from importlib import import_module
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from pipeline.local import images
from pipeline.local.containers.hosting.serving_container import ServingContainer
from tests.support.ports import reserved_port
from tests.support.service import local_service
from tests.support.serving import (
    BATCH,
    FOREIGN_IMAGE,
    JSON_ANSWER,
    Deployer,
    error_of,
    register_foreign,
)
from tests.support.waiting import until


def test_a_container_that_dies_is_started_again(deployer: Deployer) -> None:
    deployer.endpoint("dying", deployer.configuration("dying", deployer.model("dying", FOREIGN_IMAGE, {})))
    with pytest.raises(ClientError, match="could not load the entire response body"):
        deployer.invoke("dying", "die")

    def answers() -> bool:
        try:
            return bool(deployer.invoke("dying", "hello")["Body"])
        except ClientError:
            return False

    assert until(answers, bool)
    assert deployer.client.describe_endpoint(EndpointName="dying")["EndpointStatus"] == "InService"


def test_a_container_that_cannot_be_started_again_makes_the_endpoint_fail(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = deployer.model("once", FOREIGN_IMAGE, {"model.json": b"{}"})
    deployer.endpoint("once", deployer.configuration("once", model))

    def refuse(container: ServingContainer, *, apart: bool) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(ServingContainer, "_launch", refuse)
    with pytest.raises(ClientError):
        deployer.invoke("once", "die")
    failed = deployer.local.when(
        lambda: deployer.client.describe_endpoint(EndpointName="once"), lambda found: "FailureReason" in found
    )
    assert failed["EndpointStatus"] == "Failed"


def test_a_worker_of_linear_learner_that_is_killed_is_replaced(deployer: Deployer, golden: str) -> None:
    fleet = deployer.local.service.hosting._switchboard.serving(golden).fleet
    assert fleet is not None
    container = fleet.variants["golden"].containers[0]._container
    assert container is not None
    from pipeline.local.containers.sandbox.listening import family

    before = set(family(container.pid))
    worker = max(before)
    os.kill(worker, signal.SIGKILL)
    until(lambda: set(family(container.pid)), lambda now: worker not in now and len(now) == len(before))
    for _ in range(20):
        assert deployer.invoke(golden, BATCH)["Body"] == JSON_ANSWER


def test_a_container_that_crashes_makes_the_endpoint_fail(deployer: Deployer) -> None:
    model = deployer.model("crashing", FOREIGN_IMAGE, {"model.json": b'{"crash": true}'})
    found = deployer.endpoint("crashing", deployer.configuration("crashing", model))
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"] == (
        "The primary container for production variant crashing did not pass the ping health check. Please check "
        "CloudWatch logs for this endpoint."
    )
    events = deployer.local.logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/crashing")["events"]
    assert [event["message"] for event in events].count("crashing on purpose") == 3
    code, message = error_of(deployer.client.update_endpoint, EndpointName="crashing", EndpointConfigName="crashing")
    assert code == "ValidationException" and "Failed" in message
    deployer.client.delete_endpoint(EndpointName="crashing")


def test_a_program_with_a_port_of_its_own_is_found(deployer: Deployer, tmp_path: Path) -> None:
    with reserved_port() as port:
        model = deployer.model("fixed", FOREIGN_IMAGE, {"model.json": json.dumps({"fixed_port": port}).encode()})
        assert deployer.endpoint("fixed", deployer.configuration("fixed", model))["EndpointStatus"] == "InService"
        assert deployer.invoke("fixed", "hello")["Body"]


@pytest.mark.long
def test_programs_that_all_want_port_8080_serve_side_by_side_and_replace_one_another(deployer: Deployer) -> None:
    """Each in a network of its own. Without namespaces they see no /opt/ml/model, which says 8080 to them."""
    files = {"model.json": json.dumps({"fixed_port": 8080}).encode()}
    for name in ("one", "two", "three"):
        deployer.model(name, FOREIGN_IMAGE, files)
    found = deployer.endpoint("crowded", deployer.configuration("crowded-1", "one", "two"))
    assert found["EndpointStatus"] == "InService", found
    for name in ("one", "two"):
        assert deployer.invoke("crowded", "hello", TargetVariant=name)["InvokedProductionVariant"] == name
    deployer.configuration("crowded-2", "three")
    deployer.client.update_endpoint(EndpointName="crowded", EndpointConfigName="crowded-2")
    assert deployer.settled("crowded").get("FailureReason") is None
    assert deployer.invoke("crowded", "hello")["InvokedProductionVariant"] == "three"
    deployer.client.delete_endpoint(EndpointName="crowded")


def test_an_image_without_a_serving_program_is_refused(deployer: Deployer) -> None:
    deployer.model("unknown", "123456789012.dkr.ecr.us-east-1.amazonaws.com/mystery:1", {})
    deployer.configuration("unknown", "unknown")
    code, message = error_of(deployer.client.create_endpoint, EndpointName="unknown", EndpointConfigName="unknown")
    assert code == "ValidationException" and "mystery" in message and "linear-learner" in message


def test_an_image_for_entry_points_only_has_no_serving_program(deployer: Deployer) -> None:
    images.register(images.Image("only-jobs"))
    deployer.model("only-jobs", "only-jobs:1", {})
    deployer.configuration("only-jobs", "only-jobs")
    code, message = error_of(deployer.client.create_endpoint, EndpointName="only-jobs", EndpointConfigName="only-jobs")
    assert code == "ValidationException" and "no serving program" in message and "only-jobs=COMMAND" in message


@pytest.mark.long
def test_an_endpoint_whose_image_has_no_program_any_more_fails_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may be started again without --image."""
    register_foreign(tmp_path)
    with local_service(tmp_path) as local:
        deployer = Deployer(local)
        model = deployer.model("foreign", image=FOREIGN_IMAGE, files={"model.json": b"{}"})
        deployer.endpoint("foreign", deployer.configuration("foreign", model))
    monkeypatch.delitem(import_module("pipeline.local.images.catalog")._registered, "team/foreign")
    with local_service(tmp_path) as local:
        found = Deployer(local).settled("foreign")
        assert found["EndpointStatus"] == "Failed" and "team/foreign" in found["FailureReason"]
