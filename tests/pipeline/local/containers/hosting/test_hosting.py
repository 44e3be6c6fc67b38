"""Endpoints through boto3 and the real front: their life, updates, limits, and what a restart brings back."""

from __future__ import annotations

import contextlib
import errno
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import disk
from pipeline.local.api_errors import ResourceLimitExceeded
from pipeline.local.containers.hosting.production_variants import Fleet, describe_variants
from pipeline.local.faults import InjectedFaults
from pipeline.local.store import Store
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


def test_changes_of_status_are_events(deployer: Deployer) -> None:
    queue = deployer.local.client("sqs").create_queue(QueueName="endpoint-events")["QueueUrl"]
    rules = deployer.local.client("events")
    rules.put_rule(Name="ready", EventPattern=json.dumps({"detail": {"EndpointStatus": ["IN_SERVICE"]}}))
    target = {"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:endpoint-events"}
    rules.put_targets(Rule="ready", Targets=[target])
    deployer.endpoint("heard", deployer.configuration("heard", deployer.model("heard")))
    receive = deployer.local.client("sqs").receive_message
    (message,) = until(lambda: receive(QueueUrl=queue).get("Messages", []), bool)
    event = json.loads(message["Body"])
    assert event["detail-type"] == "SageMaker Endpoint State Change"
    assert event["detail"]["EndpointName"] == "heard" and event["detail"]["Tags"] == {}
    assert event["resources"] == [event["detail"]["EndpointArn"]]
    rules.remove_targets(Rule="ready", Ids=["1"])


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


@pytest.mark.long
def test_the_status_of_an_endpoint_waits_for_room_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def merge(store: Store, kind: str, name: str, **members: Any) -> dict[str, Any]:
        if members.get("EndpointStatus") == "InService" and len(refused) < 2:
            refused.append(name)
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(store, kind, name, **members)

    really = Store.merge
    monkeypatch.setattr(Store, "merge", merge)
    monkeypatch.setattr(disk, "AGAIN_SECONDS", 0.01)
    with local_service(tmp_path) as local:
        deployer = Deployer(local)
        found = deployer.endpoint("full", deployer.configuration("full", deployer.model("full")))
    assert (refused, found["EndpointStatus"]) == (["full", "full"], "InService")


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
