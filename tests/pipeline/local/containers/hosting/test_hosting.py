"""Endpoints through boto3 and the real front: made, listed, limited, deleted, and back after a restart."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.api_errors import ResourceLimitExceeded
from pipeline.local.containers.hosting.production_variants import describe_variants
from tests.support.service import local_service
from tests.support.serving import (
    ACCOUNT,
    BATCH,
    BUCKET,
    JSON_ANSWER,
    Deployer,
    error_of,
)
from tests.support.waiting import until


def test_describe_shows_the_variant_and_its_image(deployer: Deployer, golden: str) -> None:
    found = deployer.client.describe_endpoint(EndpointName=golden)
    (served,) = found["ProductionVariants"]
    assert served["CurrentWeight"] == served["DesiredWeight"] == 1.0
    assert served["CurrentInstanceCount"] == served["DesiredInstanceCount"] == 1
    assert served["DeployedImages"][0]["SpecifiedImage"].endswith("/linear-learner:1")
    assert found["EndpointConfigName"] == golden and "FailureReason" not in found
    assert not [member for member in found if member.startswith("_")]


def test_actions_on_what_is_not_there_say_so(deployer: Deployer) -> None:
    client = deployer.client
    missing = f'Could not find endpoint "arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/none".'
    no_configuration = (
        f'Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint-config/none".'
    )
    assert error_of(client.describe_endpoint, EndpointName="none") == ("ValidationException", missing)
    assert error_of(client.delete_endpoint, EndpointName="none") == ("ValidationException", missing)
    request = {"EndpointName": "none", "EndpointConfigName": "none"}
    assert error_of(client.create_endpoint, **request) == ("ValidationException", no_configuration)
    assert error_of(client.update_endpoint, **request) == ("ValidationException", no_configuration)


def test_a_name_can_be_used_once(deployer: Deployer, golden: str) -> None:
    code, message = error_of(deployer.client.create_endpoint, EndpointName=golden, EndpointConfigName=golden)
    assert code == "ValidationException"
    assert (
        message == f'Cannot create already existing endpoint "arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/golden".'
    )


@pytest.mark.long
def test_deleting_model_and_configuration_changes_nothing(deployer: Deployer) -> None:
    deployer.endpoint("orphan", deployer.configuration("orphan", deployer.model("orphan")))
    deployer.client.delete_endpoint_config(EndpointConfigName="orphan")
    deployer.client.delete_model(ModelName="orphan")
    assert deployer.invoke("orphan", BATCH)["Body"] == JSON_ANSWER
    deployer.client.delete_endpoint(EndpointName="orphan")
    until(
        lambda: [e["EndpointName"] for e in deployer.client.list_endpoints(NameContains="orphan")["Endpoints"]],
        lambda n: not n,
    )
    assert not list(deployer.local.service.state.endpoints.glob("orphan*"))
    assert error_of(deployer.client.describe_endpoint, EndpointName="orphan")[0] == "ValidationException"


def test_endpoints_are_listed_by_status_and_name(deployer: Deployer, golden: str) -> None:
    found = deployer.client.list_endpoints(StatusEquals="InService", NameContains="olde")["Endpoints"]
    assert [item["EndpointName"] for item in found] == [golden]


def test_there_is_a_limit_of_endpoints(deployer: Deployer, golden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.api.serving.endpoints.MOST", 1)
    code, message = error_of(deployer.client.create_endpoint, EndpointName="another", EndpointConfigName=golden)
    assert code == "ResourceLimitExceeded" and "current utilization of" in message


@pytest.mark.long
def test_endpoints_made_at_the_same_moment_do_not_pass_the_limit(
    deployer: Deployer, golden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe_late(*arguments: Any, **more: Any) -> Any:
        time.sleep(0.05)
        return describe_variants(*arguments, **more)

    there = len(deployer.local.service.store.list("endpoint"))
    monkeypatch.setattr("pipeline.local.api.serving.endpoints.MOST", there + 1)
    monkeypatch.setattr("pipeline.local.api.serving.endpoints.describe_variants", describe_late)
    made: list[str] = []

    def make(name: str) -> None:
        with contextlib.suppress(ResourceLimitExceeded):
            deployer.local.service.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": golden})
            made.append(name)

    threads = [threading.Thread(target=make, args=(f"at-once-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in made:
        deployer.settled(name)
        deployer.client.delete_endpoint(EndpointName=name)
    assert len(made) == 1


@pytest.mark.long
def test_endpoints_come_back_after_a_restart(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        deployer = Deployer(local)
        deployer.endpoint("lasting", deployer.configuration("lasting", deployer.model("lasting")))
        deployer.client.delete_model(ModelName="lasting")
        local.s3.delete_object(Bucket=BUCKET, Key="lasting/model.tar.gz")
    with local_service(tmp_path) as local:
        assert Deployer(local).invoke("lasting", BATCH)["Body"] == JSON_ANSWER
        assert Deployer(local).settled("lasting")["EndpointStatus"] == "InService"
