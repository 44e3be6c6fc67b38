"""Endpoints over their life, and what passes between client and container: section 4 of the facts, over HTTP."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import own_container
from tests.support.own_container import behaving
from tests.support.remote_jobs import error_of
from tests.support.service import ROLE, LocalService
from tests.support.serving import BUCKET, JSON_ANSWER, X1, X2, Deployer, archive, variant
from tests.support.waiting import until

ACCOUNT = "123456789012"
ROWS = f"{X1}\n{X2}\n"


@pytest.fixture(scope="module")
def deployer(local: LocalService, tmp_path_factory: pytest.TempPathFactory) -> Deployer:
    own_container.register(tmp_path_factory.mktemp("own"))
    return Deployer(local)


def own(deployer: Deployer, name: str, *, container: dict[str, Any] | None = None, **behaviour: Any) -> str:
    """A model, a configuration and an endpoint of this name, whose container behaves so."""
    deployer.model(name, own_container.IMAGE, behaving(**behaviour), **(container or {}))
    deployer.endpoint(name, deployer.configuration(name, name))
    return name


@pytest.fixture(scope="module")
def telling(deployer: Deployer) -> str:
    return own(deployer, "telling", container={"Environment": {"SHADE": "x" * 1024}, "ContainerHostname": "host-1"})


@pytest.fixture(scope="module")
def golden(deployer: Deployer) -> str:
    deployer.endpoint("golden", deployer.configuration("golden", deployer.model("golden")))
    return "golden"


def messages(deployer: Deployer, endpoint: str) -> dict[str, list[str]]:
    """The log streams of an endpoint."""
    group, logs = f"/aws/sagemaker/Endpoints/{endpoint}", deployer.local.logs
    found = logs.describe_log_streams(logGroupName=group)["logStreams"]
    names = [stream["logStreamName"] for stream in found]
    read = logs.get_log_events
    return {
        name: [e["message"] for e in read(logGroupName=group, logStreamName=name, startFromHead=True)["events"]]
        for name in names
    }


def model_error(deployer: Deployer, endpoint: str, body: bytes | str = b"x", **more: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        deployer.invoke(endpoint, body, **more)
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "ModelError", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return response


# what passes


def test_only_the_headers_of_the_api_reach_the_container(deployer: Deployer, telling: str) -> None:
    answer = deployer.invoke(
        telling,
        b"\0\xff body",
        "application/x-own; a=b",
        Accept="application/json",
        CustomAttributes="trace=1, x",
        InferenceId="i-1",
        TargetVariant="telling",
    )
    told = json.loads(answer["Body"])
    assert told["body"] == "\0\xff body"
    headers = {name: value for name, value in told["headers"].items() if name not in ("host", "content-length")}
    assert headers == {
        "content-type": "application/x-own; a=b",
        "accept": "application/json",
        "x-amzn-sagemaker-custom-attributes": "trace=1, x",
        "x-amzn-sagemaker-inference-id": "i-1",
    }
    assert answer["InvokedProductionVariant"] == telling and answer["ContentType"] == "application/json"
    assert told["env"]["SHADE"] == "x" * 1024
    assert not [name for name in told["env"] if name.startswith(("TRAINING_", "TRANSFORM_", "SAGEMAKER_BATCH"))]


def test_only_the_headers_of_the_api_reach_the_client(deployer: Deployer) -> None:
    headers = {
        "X-Amzn-SageMaker-Custom-Attributes": "from the container",
        "X-Secret": "no",
        "Set-Cookie": "a=b",
        "Server": "own",
    }
    own(deployer, "speaking", headers=headers, answer="done", content_type="text/x-own")
    answer = deployer.invoke("speaking", b"x")
    assert (answer["Body"], answer["ContentType"]) == (b"done", "text/x-own")
    assert answer["CustomAttributes"] == "from the container"
    assert not {"x-secret", "set-cookie", "server"} & {
        name for name, value in answer["ResponseMetadata"]["HTTPHeaders"].items() if value in ("no", "a=b", "own")
    }


@pytest.mark.parametrize(
    "more",
    [
        {"CustomAttributes": "x" * 1025},
        {"InferenceId": "x" * 65},
        {"TargetVariant": "-bad-"},
        {"EndpointName": "under_score"},
    ],
)
def test_what_is_beyond_the_limits_of_an_invocation_is_refused(
    deployer: Deployer, telling: str, more: dict[str, str]
) -> None:
    request = {"EndpointName": telling, "Body": b"x"} | more
    code, _ = error_of(deployer.local.runtime.invoke_endpoint, **request)
    assert code == "ValidationError"


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_refusal_of_the_container_is_told_in_the_words_of_aws(deployer: Deployer, golden: str, status: int) -> None:
    name = f"refusing-{status}"
    own(deployer, name, status=status, answer='{"why": "a \\"reason\\""}')
    response = model_error(deployer, name)
    kind = "client" if status < 500 else "server"
    assert response["Error"]["Message"] == (
        f'Received {kind} error ({status}) from primary with message "{{"why": "a \\"reason\\""}}". See '
        f"https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group="
        f"/aws/sagemaker/Endpoints/{name} in account {ACCOUNT} for more information."
    )
    assert response["OriginalStatusCode"] == status and response["OriginalMessage"] == '{"why": "a \\"reason\\""}'
    stream = response["LogStreamArn"].partition(f":log-group:/aws/sagemaker/Endpoints/{name}:log-stream:")[2]
    assert stream in messages(deployer, name)
    deployer.client.delete_endpoint(EndpointName=name)


def test_the_answers_of_linear_learner_that_are_no_predictions(deployer: Deployer, golden: str) -> None:
    empty = deployer.invoke(golden, b"")
    assert empty["Body"] == b""
    unknown = model_error(deployer, golden, b"x", content_type="application/x-image")
    assert unknown["OriginalStatusCode"] == 415
    assert unknown["OriginalMessage"] == "content-type application/x-image not supported"
    large = model_error(deployer, golden, b"1," * (3 * 1024**2 + 1))
    assert large["OriginalStatusCode"] == 413
    assert error_of(deployer.local.runtime.invoke_endpoint, EndpointName=golden, Body=b"x" * (25 * 1024**2 + 1))[0] in (
        "ValidationError",
        "413",
    )
    assert deployer.invoke(golden, ROWS)["Body"] == JSON_ANSWER


@pytest.mark.long
def test_a_name_that_never_was_and_one_that_is_gone_are_not_found(deployer: Deployer) -> None:
    own(deployer, "passing")
    deployer.client.delete_endpoint(EndpointName="passing")
    deployer.local.when(
        lambda: deployer.client.list_endpoints(NameContains="passing")["Endpoints"], lambda found: not found
    )
    for name in ("passing", "never"):
        assert error_of(deployer.local.runtime.invoke_endpoint, EndpointName=name, Body=b"x") == (
            "ValidationError",
            f"Endpoint {name} of account {ACCOUNT} not found.",
        )
        assert error_of(deployer.client.describe_endpoint, EndpointName=name) == (
            "ValidationException",
            f'Could not find endpoint "arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/{name}".',
        )
    own(deployer, "passing-again")
    deployer.endpoint("passing", "passing")
    assert deployer.invoke("passing", b"x")["Body"], "the name can be used again"


# how the model gets there


def laid_out(deployer: Deployer, name: str, **container: Any) -> list[str]:
    """The files that a container finds below /opt/ml/model."""
    definition = {"Image": own_container.IMAGE} | container
    deployer.client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=definition)
    found = deployer.endpoint(name, deployer.configuration(name, name))
    assert found["EndpointStatus"] == "InService", found
    files: list[str] = json.loads(deployer.invoke(name, b"x")["Body"])["files"]
    deployer.client.delete_endpoint(EndpointName=name)
    return files


@pytest.mark.long
def test_models_come_as_archives_of_all_kinds_and_as_objects(deployer: Deployer) -> None:
    put = deployer.local.s3.put_object
    files = behaving() | {"code/inference.py": b"pass", "sub/deep/weights": b"w"}
    expected = sorted(files)
    dotted = archive({f"./{name}": content for name, content in files.items()})
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(content), 0o600, 4711
            tar.addfile(member, io.BytesIO(content))
    put(Bucket=BUCKET, Key="layouts/dotted/model.tar.gz", Body=dotted)
    put(Bucket=BUCKET, Key="layouts/uncompressed.tar.gz", Body=plain.getvalue())
    for name, content in files.items():
        put(Bucket=BUCKET, Key=f"layouts/loose/{name}", Body=content)
    base = f"s3://{BUCKET}/layouts"
    source = {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": f"{base}/loose/"}
    packed = {"S3DataType": "S3Object", "CompressionType": "Gzip", "S3Uri": f"{base}/dotted/model.tar.gz"}
    assert laid_out(deployer, "dotted", ModelDataUrl=f"{base}/dotted/model.tar.gz") == expected
    assert laid_out(deployer, "untarred", ModelDataUrl=f"{base}/uncompressed.tar.gz") == expected
    assert laid_out(deployer, "loose", ModelDataSource={"S3DataSource": source}) == expected
    https = "https://s3.us-east-1.amazonaws.com"
    assert laid_out(deployer, "path-style", ModelDataUrl=f"{https}/{BUCKET}/layouts/dotted/model.tar.gz") == expected
    hosted = f"https://{BUCKET}.s3.amazonaws.com/layouts/uncompressed.tar.gz"
    assert laid_out(deployer, "host-style", ModelDataUrl=hosted) == expected
    assert laid_out(deployer, "packed", ModelDataSource={"S3DataSource": packed}) == expected


def test_limits_of_models_and_configurations(deployer: Deployer) -> None:
    container = {"Image": own_container.IMAGE}
    for environment in ({f"K{number}": "" for number in range(101)}, {"A": "x" * 1025}, {"1A": "x"}):
        code, message = error_of(
            deployer.client.create_model,
            ModelName="limits",
            ExecutionRoleArn=ROLE,
            PrimaryContainer=container | {"Environment": environment},
        )
        assert code == "ValidationException" and "nvironment" in message
    deployer.model("limited", own_container.IMAGE, behaving())
    serverless = {"VariantName": "v", "ModelName": "limited"}
    for variants in (
        [variant("limited", VariantName=f"v{number}") for number in range(11)],
        [variant("limited"), variant("limited")],
        [variant("limited", InitialVariantWeight=-1)],
        [variant("limited", ContainerStartupHealthCheckTimeoutInSeconds=59)],
        [variant("limited", ModelDataDownloadTimeoutInSeconds=3601)],
        [serverless | {"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}],
        [serverless | {"ServerlessConfig": {"MemorySizeInMB": 7168, "MaxConcurrency": 1}}],
        [serverless | {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 201}}],
    ):
        try:
            code, _ = error_of(
                deployer.client.create_endpoint_config, EndpointConfigName="limits", ProductionVariants=variants
            )
        except Exception as error:
            # botocore refuses some before it sends.
            assert type(error).__name__ == "ParamValidationError", variants
            continue
        assert code == "ValidationException", variants


@pytest.mark.long
def test_a_serverless_variant_serves(deployer: Deployer) -> None:
    deployer.model("serverless", own_container.IMAGE, behaving())
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    given = {"VariantName": "v", "ModelName": "serverless", "ServerlessConfig": serverless}
    deployer.client.create_endpoint_config(EndpointConfigName="serverless", ProductionVariants=[given])
    found = deployer.endpoint("serverless", "serverless")
    (served,) = found["ProductionVariants"]
    assert found["EndpointStatus"] == "InService" and served["CurrentServerlessConfig"] == serverless
    assert deployer.invoke("serverless", b"x")["InvokedProductionVariant"] == "v"
    large = b"x" * (4 * 1024**2 + 1)
    code, message = error_of(deployer.local.runtime.invoke_endpoint, EndpointName="serverless", Body=large)
    assert code == "ValidationError" and re.search(r"Request [0-9a-f-]{36} has oversize body\.", message)


def test_a_body_that_is_too_large_is_told_in_the_words_of_aws(deployer: Deployer, telling: str) -> None:
    large = b"x" * (25 * 1024**2 + 1)
    code, message = error_of(deployer.local.runtime.invoke_endpoint, EndpointName=telling, Body=large)
    assert code == "413" and "HTTP content length exceeded 26214400 bytes." in message


# its life


@pytest.mark.long
def test_an_endpoint_is_creating_until_its_container_is_healthy(deployer: Deployer) -> None:
    deployer.model("slow", own_container.IMAGE, behaving(ready_after=1.5))
    deployer.configuration("slow", "slow")
    started = time.monotonic()
    arn = deployer.client.create_endpoint(EndpointName="slow", EndpointConfigName="slow")["EndpointArn"]
    creating = deployer.client.describe_endpoint(EndpointName="slow")
    assert creating["EndpointStatus"] == "Creating" and creating["EndpointArn"] == arn
    assert error_of(deployer.local.runtime.invoke_endpoint, EndpointName="slow", Body=b"x")[0] == "ValidationError"
    for action in (deployer.client.delete_endpoint, deployer.client.update_endpoint):
        more = {"EndpointConfigName": "slow"} if action == deployer.client.update_endpoint else {}
        assert error_of(action, EndpointName="slow", **more) == (
            "ValidationException",
            f'Cannot update in-progress endpoint "{arn}".',
        )
    found = deployer.settled("slow")
    assert found["EndpointStatus"] == "InService" and time.monotonic() - started > 1.4
    assert found["LastModifiedTime"] > found["CreationTime"] == creating["CreationTime"]
    assert deployer.invoke("slow", b"x")["Body"]


@pytest.mark.long
def test_an_update_shows_both_and_serves_the_old_until_the_new_is_healthy(deployer: Deployer) -> None:
    own(deployer, "moving", answer="old")
    deployer.model("moving-2", own_container.IMAGE, behaving(answer="new", ready_after=1.0))
    deployer.configuration("moving-2", "moving-2")
    before = deployer.client.describe_endpoint(EndpointName="moving")
    deployer.client.update_endpoint(EndpointName="moving", EndpointConfigName="moving-2")
    updating = deployer.client.describe_endpoint(EndpointName="moving")
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", "moving")
    assert deployer.invoke("moving", b"x")["Body"] == b"old"
    seen = set()
    while deployer.client.describe_endpoint(EndpointName="moving")["EndpointStatus"] == "Updating":
        seen.add(deployer.invoke("moving", b"x")["Body"])
    found = deployer.client.describe_endpoint(EndpointName="moving")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "moving-2")
    assert deployer.invoke("moving", b"x")["Body"] == b"new" and seen <= {b"old", b"new"}
    assert found["LastModifiedTime"] > before["LastModifiedTime"] and found["CreationTime"] == before["CreationTime"]
    assert [served["VariantName"] for served in found["ProductionVariants"]] == ["moving-2"]
    until(
        lambda: [text for lines in messages(deployer, "moving").values() for text in lines],
        lambda lines: "container was told to end" in lines,
    )


@pytest.mark.long
def test_a_failed_endpoint_can_only_be_deleted(deployer: Deployer) -> None:
    deployer.model("hopeless", own_container.IMAGE, {"nothing": b""})
    found = deployer.endpoint("hopeless", deployer.configuration("hopeless", "hopeless"))
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"] == (
        "The primary container for production variant hopeless did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    lines = [text for lines in messages(deployer, "hopeless").values() for text in lines]
    assert any("behaviour.json" in text for text in lines), "the log says why"
    change = {"VariantName": "hopeless", "DesiredWeight": 1}
    for action, more in (
        (deployer.client.update_endpoint, {"EndpointConfigName": "hopeless"}),
        (deployer.client.update_endpoint_weights_and_capacities, {"DesiredWeightsAndCapacities": [change]}),
    ):
        assert error_of(action, EndpointName="hopeless", **more)[0] == "ValidationException"
    assert error_of(deployer.local.runtime.invoke_endpoint, EndpointName="hopeless", Body=b"x")[0] == "ValidationError"
    deployer.client.delete_endpoint(EndpointName="hopeless")
    deployer.local.when(
        lambda: deployer.client.list_endpoints(NameContains="hopeless")["Endpoints"], lambda found: not found
    )


def test_the_stream_of_an_endpoint_is_named_by_variant_and_instance(deployer: Deployer, telling: str) -> None:
    streams = messages(deployer, telling)
    assert all(re.fullmatch(rf"{telling}/[\w-]+", stream) for stream in streams)
    assert [lines[0] for lines in streams.values()] == ["container starts with ['serve']"]


@pytest.mark.long
def test_a_variant_of_weight_zero_gets_nothing_unless_it_is_named(deployer: Deployer) -> None:
    for name in ("one", "two", "three"):
        deployer.model(f"w-{name}", own_container.IMAGE, behaving(answer=name))
    weights = {"one": 0.0, "two": 2.0, "three": 1.0}
    deployer.client.create_endpoint_config(
        EndpointConfigName="weighed",
        ProductionVariants=[
            variant(f"w-{name}", VariantName=name, InitialVariantWeight=weight) for name, weight in weights.items()
        ],
    )
    found = deployer.endpoint("weighed", "weighed")
    shown = {v["VariantName"]: (v["CurrentWeight"], v["DesiredWeight"]) for v in found["ProductionVariants"]}
    assert shown == {name: (weight, weight) for name, weight in weights.items()}
    answers = [deployer.invoke("weighed", b"x") for _ in range(60)]
    assert all(answer["Body"].decode() == answer["InvokedProductionVariant"] for answer in answers)
    assert {answer["Body"] for answer in answers} == {b"two", b"three"}
    assert deployer.invoke("weighed", b"x", TargetVariant="one")["Body"] == b"one"


# what is captured


def captured(deployer: Deployer, prefix: str) -> tuple[list[str], list[dict[str, Any]]]:
    listed = deployer.local.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    keys = [item["Key"].removeprefix(prefix) for item in listed]
    texts = [deployer.local.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode() for item in listed]
    return keys, [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.mark.long
def test_what_is_captured_and_how(deployer: Deployer) -> None:
    deployer.model("filmed", own_container.IMAGE, behaving(echo=True, refuse=["bad"]))
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/film/",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    deployer.endpoint("filmed", deployer.configuration("filmed", "filmed", DataCaptureConfig=capture))
    deployer.invoke("filmed", "1,2\n", "text/csv", Accept="text/csv; charset=utf-8", InferenceId="mine")
    deployer.invoke("filmed", '{"a": 1}', "application/json", Accept="application/json")
    deployer.invoke("filmed", b"\0\xff", "application/octet-stream", Accept="application/x-own")
    model_error(deployer, "filmed", "bad")
    only = capture | {"CaptureOptions": [{"CaptureMode": "Output"}], "InitialSamplingPercentage": 0}
    deployer.endpoint("unfilmed", deployer.configuration("unfilmed", "filmed", DataCaptureConfig=only))
    deployer.invoke("unfilmed", "1")
    for name in ("filmed", "unfilmed"):
        deployer.client.delete_endpoint(EndpointName=name)
    deployer.local.when(
        lambda: deployer.client.list_endpoints(NameContains="filmed")["Endpoints"], lambda found: not found
    )
    keys, lines = captured(deployer, "film/")
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    place = rf"filmed/filmed/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-{uuid}\.jsonl"
    assert keys and all(re.fullmatch(place, key) for key in keys), keys
    first, second, third = lines
    assert first["captureData"] == {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2\n", "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": "1,2\n",
            "encoding": "CSV",
        },
    }
    assert first["eventMetadata"]["inferenceId"] == "mine" and first["eventVersion"] == "0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["eventMetadata"]["inferenceTime"])
    assert second["captureData"]["endpointInput"]["encoding"] == "JSON" and "inferenceId" not in second["eventMetadata"]
    assert third["captureData"]["endpointInput"]["encoding"] == "BASE64"
    assert base64.b64decode(third["captureData"]["endpointInput"]["data"]) == b"\0\xff"
    ids = [line["eventMetadata"]["eventId"] for line in lines]
    assert len(set(ids)) == 3 and all(re.fullmatch(uuid, one) for one in ids)


@pytest.mark.long
def test_without_lists_of_types_all_is_captured_in_base64(deployer: Deployer) -> None:
    deployer.model("raw", own_container.IMAGE, behaving(echo=True))
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/raw",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    deployer.endpoint("raw", deployer.configuration("raw", "raw", DataCaptureConfig=capture))
    deployer.invoke("raw", "1,2", "text/csv")
    deployer.configuration("raw-2", "raw")
    deployer.client.update_endpoint(EndpointName="raw", EndpointConfigName="raw-2")
    assert "DataCaptureConfig" not in deployer.settled("raw")
    deployer.invoke("raw", "3,4", "text/csv")
    _, (line,) = until(lambda: captured(deployer, "raw/raw/"), lambda found: bool(found[1]))
    assert set(line["captureData"]) == {"endpointInput", "endpointOutput"}
    assert line["captureData"]["endpointInput"]["encoding"] == "BASE64"
    assert base64.b64decode(line["captureData"]["endpointInput"]["data"]) == b"1,2"


@pytest.mark.long
def test_many_clients_at_once_get_their_own_answers(deployer: Deployer) -> None:
    own(deployer, "busy", echo=True, sleep=0.05)
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(5):
            body = f"{number}:{turn}".encode()
            answer = deployer.invoke("busy", body)["Body"]
            if answer != body:
                wrong.append((body, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.long
def test_the_second_container_of_a_pipeline_may_refuse(deployer: Deployer) -> None:
    deployer.model("first", own_container.IMAGE, behaving(answer="from the first", content_type="text/x-first"))
    deployer.model("second", own_container.IMAGE, behaving())
    deployer.model("angry", own_container.IMAGE, behaving(status=400, answer="not this"))
    url = f"s3://{BUCKET}/{{}}/model.tar.gz".format
    for name, last in (("chained", "second"), ("broken-chain", "angry")):
        containers = [
            {"Image": own_container.IMAGE, "ModelDataUrl": url(part), "ContainerHostname": f"c-{part}"}
            for part in ("first", last)
        ]
        deployer.client.create_model(ModelName=name, Containers=containers, ExecutionRoleArn=ROLE)
        deployer.endpoint(name, deployer.configuration(name, name))
    told = json.loads(deployer.invoke("chained", b"x", CustomAttributes="kept")["Body"])
    assert told["body"] == "from the first" and told["headers"]["content-type"] == "text/x-first"
    assert told["headers"]["x-amzn-sagemaker-custom-attributes"] == "kept"
    assert "SAGEMAKER_BIND_TO_PORT" in told["env"]
    assert model_error(deployer, "broken-chain")["OriginalMessage"] == "not this"


@pytest.mark.long
def test_containers_in_direct_mode_are_asked_by_their_names(deployer: Deployer) -> None:
    for name in ("left", "right"):
        deployer.model(f"direct-{name}", own_container.IMAGE, behaving(answer=name))
    containers = [
        {
            "Image": own_container.IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/direct-{name}/model.tar.gz",
            "ContainerHostname": name,
        }
        for name in ("left", "right")
    ]
    deployer.client.create_model(
        ModelName="direct",
        Containers=containers,
        ExecutionRoleArn=ROLE,
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    deployer.endpoint("direct", deployer.configuration("direct", "direct"))
    for name in ("right", "left"):
        assert deployer.invoke("direct", b"x", TargetContainerHostname=name)["Body"] == name.encode()
    for more in ({}, {"TargetContainerHostname": "middle"}):
        code, message = error_of(deployer.local.runtime.invoke_endpoint, EndpointName="direct", Body=b"x", **more)
        assert code == "ValidationError" and "TargetContainerHostname" in message


def test_addresses_that_are_not_s3s_are_refused_when_they_are_given(deployer: Deployer) -> None:
    for url in ("https://example.com/model.tar.gz", "https://storage.example.com/bucket/m.tar.gz"):
        source = {"S3DataSource": {"S3Uri": url, "S3DataType": "S3Prefix", "CompressionType": "None"}}
        for data in ({"ModelDataUrl": url}, {"ModelDataSource": source}):
            code, message = error_of(
                deployer.client.create_model,
                ModelName="elsewhere",
                ExecutionRoleArn=ROLE,
                PrimaryContainer={"Image": own_container.IMAGE} | data,
            )
            assert code == "ValidationException" and url in message
    deployer.model("at-home", own_container.IMAGE, behaving())
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "https://x/y",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    code, _ = error_of(
        deployer.client.create_endpoint_config,
        EndpointConfigName="elsewhere",
        ProductionVariants=[variant("at-home")],
        DataCaptureConfig=capture,
    )
    assert code == "ValidationException"


def test_a_multi_model_container_is_a_prefix_of_archives_that_no_endpoint_here_serves(deployer: Deployer) -> None:
    deployer.local.s3.put_object(Bucket=BUCKET, Key="many/one.tar.gz", Body=archive(behaving()))
    container = {"Image": own_container.IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/many/"}
    deployer.client.create_model(ModelName="many", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    deployer.configuration("many", "many")
    code, message = error_of(deployer.client.create_endpoint, EndpointName="many", EndpointConfigName="many")
    assert code == "ValidationException" and "multi-model" in message
