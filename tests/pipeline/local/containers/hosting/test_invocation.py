"""What an endpoint answers: the golden vector, refusals, what passes to a container and back, which variant."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.service import ROLE, LocalService
from tests.support.serving import (
    ACCOUNT,
    BATCH,
    BUCKET,
    FOREIGN_IMAGE,
    JSON_ANSWER,
    JSONLINES_ANSWER,
    Deployer,
    error_of,
    told_to_strangers,
    variant,
)
from tests.support.waiting import until


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


def test_asynchronous_invocation_is_refused_by_name(deployer: Deployer, golden: str) -> None:
    code, _ = error_of(
        deployer.local.runtime.invoke_endpoint_async, EndpointName=golden, InputLocation=f"s3://{BUCKET}/x"
    )
    assert code == "UnknownOperationException"
