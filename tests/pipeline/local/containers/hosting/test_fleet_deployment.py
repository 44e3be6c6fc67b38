"""The deployment of an endpoint through boto3 and the real front: what fails, and what an update keeps."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from pipeline.local.containers.hosting.production_variants import Fleet
from pipeline.local.faults import InjectedFaults
from tests.support.service import local_service
from tests.support.serving import (
    ACCOUNT,
    BATCH,
    BUCKET,
    FOREIGN_IMAGE,
    JSON_ANSWER,
    Deployer,
    error_of,
)
from tests.support.waiting import PATIENCE, until


@pytest.mark.long
def test_a_model_that_is_no_model_makes_the_endpoint_fail_at_once(deployer: Deployer) -> None:
    model = deployer.model("broken", files={"model_algo-1": b"not a model"})
    started = time.monotonic()
    assert deployer.endpoint("broken", deployer.configuration("broken", model))["EndpointStatus"] == "Failed"
    assert time.monotonic() - started < 240, "it may take 240 seconds to become healthy"


def test_a_model_whose_data_went_away_makes_the_endpoint_fail(deployer: Deployer) -> None:
    model = deployer.model("gone")
    deployer.local.s3.delete_object(Bucket=BUCKET, Key="gone/model.tar.gz")
    found = deployer.endpoint("gone", deployer.configuration("gone", model))
    assert found["EndpointStatus"] == "Failed"
    assert f"s3://{BUCKET}/gone/model.tar.gz" in found["FailureReason"]


def test_an_update_has_no_moment_without_an_answer(deployer: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    deployer.endpoint("steady", deployer.configuration("steady-1", deployer.model("steady")))
    deployer.configuration("steady-2", "steady")
    seen, start = threading.Event(), Fleet.start

    def start_once_seen(fleet: Fleet) -> None:
        assert seen.wait(PATIENCE)
        start(fleet)

    monkeypatch.setattr(Fleet, "start", start_once_seen)
    failures: list[Exception] = []
    answered: list[int] = []
    stopped = threading.Event()

    def load() -> None:
        while not stopped.wait(0.005):
            try:
                assert deployer.invoke("steady", BATCH)["Body"] == JSON_ANSWER
                answered.append(1)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        deployer.client.update_endpoint(EndpointName="steady", EndpointConfigName="steady-2")
        updating = deployer.client.describe_endpoint(EndpointName="steady")
        assert updating["EndpointStatus"] == "Updating" and updating["EndpointConfigName"] == "steady-1"
        assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "steady-2"
        code, message = error_of(deployer.client.update_endpoint, EndpointName="steady", EndpointConfigName="steady-1")
        assert (code, message.split('"')[0]) == ("ValidationException", "Cannot update in-progress endpoint ")
        seen.set()
        found = deployer.settled("steady")
        before = len(answered)
        until(lambda: failures or len(answered) > before + 20)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == "steady-2"
    assert "PendingDeploymentSummary" not in found
    assert not failures


def test_an_update_lets_requests_under_way_end(deployer: Deployer, tmp_path: Path) -> None:
    deployer.endpoint("patient", deployer.configuration("patient", deployer.model("patient", FOREIGN_IMAGE, {})))
    answers: list[bytes] = []
    paused = tmp_path / "paused"
    asked = f"pause {paused}"
    asking = threading.Thread(target=lambda: answers.append(deployer.invoke("patient", asked)["Body"]))
    asking.start()
    until(paused.exists, bool)
    deployer.client.update_endpoint(EndpointName="patient", EndpointConfigName="patient")
    assert deployer.settled("patient")["EndpointStatus"] == "InService"
    assert not answers
    paused.unlink()
    asking.join()
    assert json.loads(answers[0])["body"] == asked


@pytest.mark.long
def test_an_update_that_fails_keeps_what_served(deployer: Deployer) -> None:
    deployer.endpoint("keeper", deployer.configuration("keeper-1", deployer.model("keeper")))
    bad = deployer.model("keeper-bad", FOREIGN_IMAGE, {"model.json": b'{"crash": true}'})
    deployer.client.update_endpoint(EndpointName="keeper", EndpointConfigName=deployer.configuration("keeper-2", bad))
    found = deployer.settled("keeper")
    assert found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == "keeper-1"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert deployer.invoke("keeper", BATCH)["Body"] == JSON_ANSWER
    deployer.client.update_endpoint(EndpointName="keeper", EndpointConfigName="keeper-1")
    assert "FailureReason" not in deployer.settled("keeper")


@pytest.mark.long
def test_an_update_can_keep_weights_and_counts(deployer: Deployer) -> None:
    deployer.endpoint("retain", deployer.configuration("retain-1", deployer.model("retain")))
    change = {"VariantName": "retain", "DesiredWeight": 7, "DesiredInstanceCount": 3}
    deployer.client.update_endpoint_weights_and_capacities(EndpointName="retain", DesiredWeightsAndCapacities=[change])
    deployer.configuration("retain-2", "retain")
    deployer.client.update_endpoint(
        EndpointName="retain",
        EndpointConfigName="retain-2",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    (found,) = deployer.settled("retain")["ProductionVariants"]
    assert found["CurrentWeight"] == 1 and found["CurrentInstanceCount"] == 3


@pytest.mark.long
def test_a_slow_endpoint_is_creating_for_so_long_and_cannot_be_changed(tmp_path: Path) -> None:
    with local_service(tmp_path, faults=InjectedFaults(endpoint_delay=1.0)) as local:
        deployer = Deployer(local)
        started = time.monotonic()
        deployer.endpoint("late", deployer.configuration("late", deployer.model("late")), wait=False)
        (creating,) = deployer.client.describe_endpoint(EndpointName="late")["ProductionVariants"]
        assert creating["VariantStatus"][0]["Status"] == "Creating" and creating["CurrentInstanceCount"] == 0
        arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/late"
        expected = ("ValidationException", f'Cannot update in-progress endpoint "{arn}".')
        assert error_of(deployer.client.delete_endpoint, EndpointName="late") == expected
        assert deployer.settled("late")["EndpointStatus"] == "InService"
        assert time.monotonic() - started >= 1.0
