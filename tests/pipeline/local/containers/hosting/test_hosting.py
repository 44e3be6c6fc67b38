"""Endpoints through boto3 and the real front: their life, their answers, and what a restart brings back."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local import disk, images
from pipeline.local.containers.hosting.capture import Capture
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.hosting.fleet import Fleet, describe_variants
from pipeline.local.containers.hosting.serving import ServingContainer
from pipeline.local.containers.sandbox.sandbox import Isolation, best_isolation
from pipeline.local.errors import ResourceLimitExceeded
from pipeline.local.faults import InjectedFaults
from pipeline.local.s3.store import Objects
from pipeline.local.store import Store
from tests.support.ports import reserved_port
from tests.support.service import ROLE, LocalService, local_service
from tests.support.serving import (
    BUCKET,
    FOREIGN_IMAGE,
    JSON_ANSWER,
    JSONLINES_ANSWER,
    X1,
    X2,
    Deployer,
    register_foreign,
    told_to_strangers,
    variant,
)
from tests.support.waiting import PATIENCE, until

ACCOUNT = "123456789012"
BATCH = f"{X1}\n{X2}\n"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("hosting")
    register_foreign(folder)
    with local_service(folder) as running:
        yield running


@pytest.fixture(scope="module")
def deployer(local: LocalService) -> Deployer:
    return Deployer(local)


@pytest.fixture(scope="module")
def golden(deployer: Deployer) -> str:
    deployer.configuration("golden", deployer.model("golden"))
    assert deployer.endpoint("golden", "golden")["EndpointStatus"] == "InService"
    return "golden"


def error_of(action: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        action(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_golden_vector_is_answered_to_the_last_digit(deployer: Deployer, golden: str) -> None:
    answer = deployer.invoke(golden, BATCH)
    assert answer["Body"] == JSON_ANSWER
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "golden"
    lines = deployer.invoke(golden, BATCH, Accept="application/jsonlines")
    assert lines["Body"] == JSONLINES_ANSWER
    assert lines["ContentType"] == "application/jsonlines"


def test_a_container_of_ours_answers_the_service_alone(local: LocalService, golden: str, deployer: Deployer) -> None:
    assert 403 in told_to_strangers(local)
    assert deployer.invoke(golden, BATCH)["Body"] == JSON_ANSWER


def test_describe_shows_the_variant_and_its_image(deployer: Deployer, golden: str) -> None:
    found = deployer.client.describe_endpoint(EndpointName=golden)
    (served,) = found["ProductionVariants"]
    assert served["CurrentWeight"] == served["DesiredWeight"] == 1.0
    assert served["CurrentInstanceCount"] == served["DesiredInstanceCount"] == 1
    assert served["DeployedImages"][0]["SpecifiedImage"].endswith("/linear-learner:1")
    assert found["EndpointConfigName"] == golden and "FailureReason" not in found
    assert not [member for member in found if member.startswith("_")]


def test_a_refusal_of_the_model_is_a_model_error(deployer: Deployer, golden: str) -> None:
    with pytest.raises(ClientError) as caught:
        deployer.invoke(golden, "1,2,3")
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["Error"]["Message"] == (
        'Received client error (400) from primary with message "unable to evaluate payload provided". See '
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group="
        f"/aws/sagemaker/Endpoints/golden in account {ACCOUNT} for more information."
    )
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "unable to evaluate payload provided"
    assert ":log-group:/aws/sagemaker/Endpoints/golden:log-stream:golden/i-" in response["LogStreamArn"]


def test_the_reason_of_a_refusal_is_in_the_log(local: LocalService, deployer: Deployer, golden: str) -> None:
    with pytest.raises(ClientError):
        deployer.invoke(golden, "1,2,3,4")
    group = f"/aws/sagemaker/Endpoints/{golden}"
    wanted = "The feature dimension of the input: 4 does not match the feature dimension of the model: 14."

    def messages() -> str:
        events = local.logs.filter_log_events(logGroupName=group)["events"]
        return "\n".join(event["message"] for event in events)

    assert "Number of server workers:" in until(messages, lambda text: wanted in text)


def test_an_unknown_endpoint_is_a_validation_error(deployer: Deployer) -> None:
    code, message = error_of(deployer.local.runtime.invoke_endpoint, EndpointName="nowhere", Body=b"1")
    assert (code, message) == ("ValidationError", f"Endpoint nowhere of account {ACCOUNT} not found.")


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


def test_what_passes_to_a_foreign_container_and_back(deployer: Deployer) -> None:
    model = deployer.model("foreign", FOREIGN_IMAGE, {"model.json": b"{}"}, Environment={"COLOUR": "red"})
    deployer.endpoint("foreign", deployer.configuration("foreign", model))
    answer = deployer.invoke(
        "foreign", b"payload", "text/plain", Accept="application/json", CustomAttributes="c1", InferenceId="id-1"
    )
    told = json.loads(answer["Body"])
    assert told["body"] == "payload"
    sent = told["headers"]
    assert sent["content-type"] == "text/plain" and sent["accept"] == "application/json"
    assert sent["x-amzn-sagemaker-custom-attributes"] == "c1" and sent["x-amzn-sagemaker-inference-id"] == "id-1"
    assert "authorization" not in sent and "user-agent" not in sent
    assert told["env"]["COLOUR"] == "red" and told["env"]["AWS_ENDPOINT_URL"] == deployer.local.url
    assert answer["CustomAttributes"] == "from-container"
    assert "x-other" not in answer["ResponseMetadata"]["HTTPHeaders"]


def test_a_server_error_of_a_container(deployer: Deployer) -> None:
    deployer.endpoint("erring", deployer.configuration("erring", deployer.model("erring", FOREIGN_IMAGE, {})))
    with pytest.raises(
        ClientError, match=r'Received server error \(500\) from primary with message "internal trouble"'
    ):
        deployer.invoke("erring", "boom")


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
    failed = until(
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

    def start_once_seen(fleet: Fleet, timeout: float) -> None:
        assert seen.wait(PATIENCE)
        start(fleet, timeout)

    monkeypatch.setattr(Fleet, "start", start_once_seen)
    failures: list[Exception] = []
    answered: list[int] = []
    stopped = threading.Event()

    def load() -> None:
        while not stopped.is_set():
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


def test_variants_share_the_traffic_by_weight_and_can_be_named(deployer: Deployer) -> None:
    deployer.model("left", FOREIGN_IMAGE, {})
    deployer.model("right", FOREIGN_IMAGE, {})
    deployer.client.create_endpoint_config(
        EndpointConfigName="pair",
        ProductionVariants=[variant("left", InitialVariantWeight=3), variant("right", InitialVariantWeight=1)],
    )
    deployer.endpoint("pair", "pair")
    served = [deployer.invoke("pair", "x")["InvokedProductionVariant"] for _ in range(200)]
    assert 110 < served.count("left") < 190
    assert deployer.invoke("pair", "x", TargetVariant="right")["InvokedProductionVariant"] == "right"
    with pytest.raises(ClientError, match="middle not found"):
        deployer.invoke("pair", "x", TargetVariant="middle")
    with pytest.raises(ClientError, match="pair is not a multi-model endpoint"):
        deployer.invoke("pair", "x", TargetModel="model.tar.gz")
    deployer.client.update_endpoint_weights_and_capacities(
        EndpointName="pair",
        DesiredWeightsAndCapacities=[
            {"VariantName": "left", "DesiredWeight": 0},
            {"VariantName": "right", "DesiredInstanceCount": 3},
        ],
    )
    found = {item["VariantName"]: item for item in deployer.settled("pair")["ProductionVariants"]}
    assert found["left"]["CurrentWeight"] == 0 and found["right"]["CurrentInstanceCount"] == 3
    assert {deployer.invoke("pair", "x")["InvokedProductionVariant"] for _ in range(20)} == {"right"}
    code, message = error_of(
        deployer.client.update_endpoint_weights_and_capacities,
        EndpointName="pair",
        DesiredWeightsAndCapacities=[{"VariantName": "middle", "DesiredWeight": 1}],
    )
    assert code == "ValidationException" and "not present within endpoint configuration" in message


def test_containers_of_an_inference_pipeline_answer_one_another(deployer: Deployer) -> None:
    deployer.model("echo", FOREIGN_IMAGE, {"model.json": b'{"echo": true}'})
    golden = {"Image": "x/linear-learner:1", "ModelDataUrl": f"s3://{BUCKET}/echo-golden/model.tar.gz"}
    deployer.model("echo-golden")
    echo = {"Image": FOREIGN_IMAGE, "ModelDataUrl": f"s3://{BUCKET}/echo/model.tar.gz"}
    deployer.client.create_model(ModelName="chain", Containers=[golden, echo], ExecutionRoleArn=ROLE)
    deployer.endpoint("chain", deployer.configuration("chain", "chain"))
    assert deployer.invoke("chain", BATCH)["Body"] == JSON_ANSWER


def test_captured_data_reach_s3(deployer: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.containers.hosting.capture.INTERVAL", 0.1)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    deployer.model("watched")
    deployer.endpoint("watched", deployer.configuration("watched", "watched", DataCaptureConfig=capture))
    summary = deployer.client.describe_endpoint(EndpointName="watched")["DataCaptureConfig"]
    assert summary["CaptureStatus"] == "Started" and summary["CurrentSamplingPercentage"] == 100
    deployer.invoke("watched", BATCH, InferenceId="me")
    prefix = "captured/watched/watched/"
    listed = until(lambda: deployer.local.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []), bool)
    line = json.loads(deployer.local.s3.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"].read())
    given, answered = line["captureData"]["endpointInput"], line["captureData"]["endpointOutput"]
    assert given == {"observedContentType": "text/csv", "mode": "INPUT", "data": BATCH, "encoding": "CSV"}
    assert answered["encoding"] == "BASE64" and answered["mode"] == "OUTPUT"
    assert line["eventMetadata"]["inferenceId"] == "me" and line["eventVersion"] == "0"


def test_a_capture_goes_on_after_a_moment_without_room(local: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def put(objects: Objects, bucket: str, key: str, data: bytes, **more: Any) -> Any:
        if not refused:
            refused.append(key)
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(objects, bucket, key, data, **more)

    really = Objects.put
    monkeypatch.setattr(Objects, "put", put)
    monkeypatch.setattr("pipeline.local.containers.hosting.capture.INTERVAL", 0.01)
    settings = {"InitialSamplingPercentage": 100, "DestinationS3Uri": f"s3://{BUCKET}/room"}
    watching = Capture(local.service, "e", settings | {"CaptureOptions": [{"CaptureMode": "Input"}]})
    try:
        watching.record("v", {}, b"first", ContainerAnswer(200))
        until(lambda: refused, bool)
        watching.record("v", {}, b"second", ContainerAnswer(200))
        found = until(lambda: list(local.service.objects.list(BUCKET, "room/e/v/")), bool)
        assert b"c2Vjb25k" in local.service.objects.get(BUCKET, found[0].key)
    finally:
        watching.close()


def test_a_program_with_a_port_of_its_own_is_found(deployer: Deployer, tmp_path: Path) -> None:
    with reserved_port() as port:
        model = deployer.model("fixed", FOREIGN_IMAGE, {"model.json": json.dumps({"fixed_port": port}).encode()})
        assert deployer.endpoint("fixed", deployer.configuration("fixed", model))["EndpointStatus"] == "InService"
        assert deployer.invoke("fixed", "hello")["Body"]


@pytest.mark.skipif(best_isolation() is Isolation.NONE, reason="two networks need namespaces")
def test_programs_that_all_want_port_8080_serve_side_by_side_and_replace_one_another(deployer: Deployer) -> None:
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


def test_endpoints_are_listed_by_status_and_name(deployer: Deployer, golden: str) -> None:
    found = deployer.client.list_endpoints(StatusEquals="InService", NameContains="olde")["Endpoints"]
    assert [item["EndpointName"] for item in found] == [golden]


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


def test_there_is_a_limit_of_endpoints(deployer: Deployer, golden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.api.serving.endpoints.MOST", 1)
    code, message = error_of(deployer.client.create_endpoint, EndpointName="another", EndpointConfigName=golden)
    assert code == "ResourceLimitExceeded" and "current utilization of" in message


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


def test_asynchronous_invocation_is_refused_by_name(deployer: Deployer, golden: str) -> None:
    code, _ = error_of(
        deployer.local.runtime.invoke_endpoint_async, EndpointName=golden, InputLocation=f"s3://{BUCKET}/x"
    )
    assert code == "UnknownOperationException"


def test_endpoints_come_back_after_a_restart(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        deployer = Deployer(local)
        deployer.endpoint("lasting", deployer.configuration("lasting", deployer.model("lasting")))
        deployer.client.delete_model(ModelName="lasting")
        local.s3.delete_object(Bucket=BUCKET, Key="lasting/model.tar.gz")
    with local_service(tmp_path) as local:
        assert Deployer(local).invoke("lasting", BATCH)["Body"] == JSON_ANSWER
        assert Deployer(local).settled("lasting")["EndpointStatus"] == "InService"


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
