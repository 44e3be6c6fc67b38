"""The front with the real service behind it: routes, refusals, errors in each protocol, and attacks."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pipeline.local.service_context import AccessKey
from tests.support.service import KEY, LocalService, local_service
from tests.support.waiting import PATIENCE

JSON = "application/x-amz-json-1.1"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("server")) as service:
        yield service


class Reply:
    """Status, headers by lower-case name, and the body of a raw exchange."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def raw(local: LocalService, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    """An unsigned request with exactly these headers (`_` in a name stands for `-`)."""
    connection = http.client.HTTPConnection(urlsplit(local.url).netloc, timeout=PATIENCE)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
    if body is not None:
        named.setdefault("Content-Length", str(len(body)))
    for name, value in named.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    try:
        return Reply(connection.getresponse())
    finally:
        connection.close()


def signed(
    local: LocalService,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    key: AccessKey = KEY,
    name: str = "sagemaker",
    **headers: str,
) -> Reply:
    """A request signed by botocore, then sent as it is."""
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    request = AWSRequest(method=method, url=local.url + path, data=body, headers=named)
    request.context["payload_signing_enabled"] = True
    auth = S3SigV4Auth if name == "s3" else SigV4Auth
    auth(Credentials(key.access_key_id, key.secret_access_key), name, "us-east-1").add_auth(request)
    return raw(
        local, method, path, body, **{header.replace("-", "_"): value for header, value in request.headers.items()}
    )


def action(local: LocalService, operation: str, body: bytes, **more: str) -> Reply:
    return signed(local, "POST", "/", body, Content_Type=JSON, X_Amz_Target=f"SageMaker.{operation}", **more)


# answers


def test_a_success_is_json_with_a_request_id(local: LocalService) -> None:
    reply = action(local, "ListPipelines", b"{}")
    assert (reply.status, reply.json) == (200, {"PipelineSummaries": []})
    assert reply.headers["content-type"] == JSON
    assert len(reply.headers["x-amzn-requestid"]) == 36


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b"1" * 5000,
     b'{"MaxResults": ' + b"9" * 5000 + b"}", b"{}{}"],
)  # fmt: skip
def test_what_is_no_json_object_is_a_serialization_exception(local: LocalService, body: bytes) -> None:
    reply = action(local, "ListPipelines", body)
    assert (reply.status, reply.json["__type"]) == (400, "SerializationException")
    assert len(reply.body) < 1000


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("ListPipelines", b'{"MaxResults": %s}'),
        ("ListPipelines", b'{"CreatedAfter": %s}'),
        (
            "UpdateEndpointWeightsAndCapacities",
            b'{"EndpointName": "a", "DesiredWeightsAndCapacities": [{"VariantName": "a", "DesiredWeight": %s}]}',
        ),
    ],
)
def test_a_number_that_no_type_can_hold_is_a_serialization_exception(
    local: LocalService, operation: str, body: bytes
) -> None:
    for number in (b"9" * 400, b"1e400"):
        reply = action(local, operation, body % number)
        assert (reply.status, reply.json["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("operation", ["CreateHub", "ListClusters", "Nonsense", "", "../etc/passwd", "__class__"])
def test_an_action_that_is_not_here_is_named_in_a_400(local: LocalService, operation: str) -> None:
    reply = action(local, operation, b"{}")
    assert (reply.status, reply.json["__type"]) == (400, "UnknownOperationException")
    assert operation in reply.json["message"]


def test_what_moto_lacks_is_a_400_that_names_it_in_the_protocol_of_the_service(local: LocalService) -> None:
    cases = [("ecr", "describe_pull_through_cache_rules", {}), ("iam", "list_organizations_features", {}),
             ("kms", "describe_custom_key_stores", {}), ("lambda", "list_functions", {})]  # fmt: skip
    for name, operation, arguments in cases:
        with pytest.raises(ClientError) as caught:
            getattr(local.client(name), operation)(**arguments)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, name
        assert caught.value.response["Error"]["Code"] != "500", name


def test_whoever_has_the_key_is_the_role_that_pipelines_run_as(local: LocalService) -> None:
    identity = local.client("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    role = identity["Arn"].split("/")[1]
    assert local.client("iam").get_role(RoleName=role)["Role"]["Arn"] == "arn:aws:iam::123456789012:role/pipeline"


def test_the_rest_of_aws_is_there(local: LocalService) -> None:
    assert local.client("iam").get_role(RoleName="pipeline")["Role"]["Arn"].endswith(":role/pipeline")
    queue = local.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert queue.startswith(local.url)
    local.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    assert local.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"


def test_a_token_for_docker_is_one_that_has_not_expired(local: LocalService) -> None:
    (token,) = local.client("ecr").get_authorization_token()["authorizationData"]
    assert base64.b64decode(token["authorizationToken"]).startswith(b"AWS:")
    assert token["expiresAt"] > datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=11)


def test_a_policy_of_aws_can_be_attached_to_a_role(tmp_path: Path) -> None:
    with local_service(tmp_path, account="210987654321") as other:  # one of which no other test has asked yet
        iam = other.client("iam")
        policy = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
        iam.attach_role_policy(RoleName="pipeline", PolicyArn=policy)
        attached = iam.list_attached_role_policies(RoleName="pipeline")["AttachedPolicies"]
        assert [found["PolicyArn"] for found in attached] == [policy]


def test_credentials_of_an_assumed_role_are_believed(local: LocalService) -> None:
    minted = local.client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/pipeline", RoleSessionName="session"
    )["Credentials"]
    key = AccessKey(minted["AccessKeyId"], minted["SecretAccessKey"])
    assert local.client("sagemaker", key=key).list_pipelines()["PipelineSummaries"] == []
    with pytest.raises(ClientError, match="does not match"):
        local.client("sagemaker", key=AccessKey(key.access_key_id, "wrong")).list_pipelines()


def test_an_absent_endpoint_is_a_validation_error_of_the_runtime(local: LocalService) -> None:
    with pytest.raises(ClientError) as caught:
        local.runtime.invoke_endpoint(EndpointName="absent", Body=b"1")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["Error"]["Message"] == "Endpoint absent of account 123456789012 not found."


def test_another_region_or_service_in_the_scope_is_refused(local: LocalService) -> None:
    reply = signed(local, "POST", "/", b"{}", name="sts", Content_Type=JSON, X_Amz_Target="SageMaker.ListPipelines")
    assert (reply.status, reply.json["__type"]) == (403, "InvalidSignatureException")
    assert "correct service: 'sagemaker'" in reply.json["message"]


# who may ask


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254",
             "0.0.0.0", "127.0.0.1@evil.example", "127.0.0.1:80:80", ""],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/_health", "/_console", "/bucket/key"])
def test_a_name_rebound_to_this_machine_is_refused(local: LocalService, host: str, path: str) -> None:
    reply = raw(local, "GET", path, Host=host)
    assert reply.status == 403
    assert b"Host" in reply.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_from_elsewhere_is_refused_even_if_it_could_sign(
    local: LocalService, headers: dict[str, str]
) -> None:
    for reply in (
        action(local, "ListPipelines", b"{}", **headers),
        signed(local, "GET", "/", name="s3", **headers),
        raw(local, "GET", "/_console", **headers),
    ):
        assert reply.status == 403
        assert not any(name.startswith("access-control-") for name in reply.headers)


def test_a_preflight_gets_no_leave(local: LocalService) -> None:
    reply = raw(
        local, "OPTIONS", "/", Origin="https://evil.example", Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,x-amz-target",
    )  # fmt: skip
    assert reply.status == 403
    assert not any(name.startswith("access-control-") for name in reply.headers)


def test_a_form_posted_by_a_page_does_nothing(local: LocalService) -> None:
    local.s3.create_bucket(Bucket="forms")
    fields = {"key": "k", "file": "evil"}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    form = "\r\n".join([*parts, "--x--", ""]).encode()
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        reply = raw(local, "POST", "/forms", form, Content_Type="multipart/form-data; boundary=x", **headers)
        assert reply.status == 403
    reply = raw(
        local, "POST", "/", b"Action=AssumeRole&Version=2011-06-15", Content_Type="application/x-www-form-urlencoded"
    )
    assert reply.status == 403
    assert local.s3.list_objects_v2(Bucket="forms")["KeyCount"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/moto-api/",
        "/moto-api/reset",
        "/%6doto-api/reset",
        "/moto-api/data.json",
        "/latest/meta-data/iam",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_motos_control_paths_and_the_metadata_service_are_closed(local: LocalService, method: str, path: str) -> None:
    assert raw(local, method, path).status == 403
    assert signed(local, method, path, name="s3").status == 403


# who signed


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        (None, ("MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied")),
        (AccessKey("AKIAWRONG", "x"), ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")),
        (
            AccessKey(KEY.access_key_id, "x"),
            ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
        ),
    ],
)
def test_who_does_not_sign_with_the_key_gets_403_in_each_protocol(
    local: LocalService, key: AccessKey | None, codes: tuple[str, str, str]
) -> None:
    def send(method: str, path: str, body: bytes, name: str, **headers: str) -> Reply:
        if key is None:
            return raw(local, method, path, body, **headers)
        return signed(local, method, path, body, key=key, name=name, **headers)

    form = "application/x-www-form-urlencoded; charset=utf-8"
    in_json = send("POST", "/", b"{}", "sagemaker", Content_Type=JSON, X_Amz_Target="SageMaker.ListPipelines")
    in_query = send("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", "sts", Content_Type=form)
    in_s3 = send("GET", "/bucket/key", b"", "s3")
    assert (in_json.status, in_json.json["__type"]) == (403, codes[0])
    assert (in_query.status, in_s3.status) == (403, 403)
    assert f"<Code>{codes[1]}</Code>".encode() in in_query.body
    assert f"<Code>{codes[2]}</Code>".encode() in in_s3.body
    runtime = send("POST", "/endpoints/a/invocations", b"1", "sagemaker")
    assert (runtime.status, runtime.headers["x-amzn-errortype"]) == (403, codes[0])


def test_a_body_that_was_not_signed_is_refused(local: LocalService) -> None:
    request = AWSRequest("POST", local.url + "/", data=b"{}", headers={"X-Amz-Target": "SageMaker.ListPipelines"})
    SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "sagemaker", "us-east-1").add_auth(request)
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    reply = raw(local, "POST", "/", b'{"MaxResults":1}', **headers)
    assert (reply.status, reply.json["__type"]) == (403, "InvalidSignatureException")


def test_an_object_whose_bytes_were_not_signed_is_not_stored(local: LocalService) -> None:
    local.s3.create_bucket(Bucket="tampered")
    request = AWSRequest("PUT", local.url + "/tampered/key", data=b"good", headers={})
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "s3", "us-east-1").add_auth(request)
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    reply = raw(local, "PUT", "/tampered/key", b"evil", **headers)
    assert reply.status == 400
    assert b"XAmzContentSHA256Mismatch" in reply.body
    assert local.s3.list_objects_v2(Bucket="tampered")["KeyCount"] == 0


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_serves_one_object_to_whoever_has_it(local: LocalService, version: str) -> None:
    from botocore.config import Config

    local.s3.create_bucket(Bucket="presigned")
    local.s3.put_object(Bucket="presigned", Key="a b/ü", Body=b"content")
    client = local.client("s3", config=Config(signature_version=version))
    wanted = {"Bucket": "presigned", "Key": "a b/ü", "ResponseContentType": "text/x-a"}
    address = client.generate_presigned_url("get_object", Params=wanted)
    assert ("X-Amz-Signature" in address) == (version == "s3v4")
    path = address.removeprefix(local.url)
    assert raw(local, "GET", path).body == b"content"
    assert raw(local, "GET", path.replace("%C3%BC", "x")).status == 403
    assert raw(local, "PUT", path, b"evil").status == 403
    assert raw(local, "GET", path, Origin="https://evil.example").status == 403
    assert raw(local, "GET", path.replace("text", "html")).status == 403


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_bucket_is_listed_by_whoever_has_the_presigned_address(local: LocalService, version: str) -> None:
    from botocore.config import Config

    local.s3.create_bucket(Bucket="presigned-list")
    local.s3.put_object(Bucket="presigned-list", Key="in/a", Body=b"content")
    client = local.client("s3", config=Config(signature_version=version))
    wanted = {"Bucket": "presigned-list", "Prefix": "in/"}
    path = client.generate_presigned_url("list_objects_v2", Params=wanted).removeprefix(local.url)
    assert b"<Key>in/a</Key>" in raw(local, "GET", path).body
    assert raw(local, "GET", path.replace("presigned-list", "presigned")).status == 403


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_to_write_an_object_makes_it_no_copy_of_another(local: LocalService, version: str) -> None:
    from botocore.config import Config

    local.s3.create_bucket(Bucket="presigned-put")
    local.s3.put_object(Bucket="presigned-put", Key="secret", Body=b"secret")
    client = local.client("s3", config=Config(signature_version=version))
    wanted = {"Bucket": "presigned-put", "Key": f"mine-{version}"}
    path = client.generate_presigned_url("put_object", Params=wanted).removeprefix(local.url)
    reply = raw(local, "PUT", path, b"", x_amz_copy_source="/presigned-put/secret")
    assert reply.status == 403
    assert "Contents" in local.s3.list_objects_v2(Bucket="presigned-put", Prefix="secret")
    assert "Contents" not in local.s3.list_objects_v2(Bucket="presigned-put", Prefix=wanted["Key"])
    assert raw(local, "PUT", path, b"mine").status == 200


def test_who_has_the_presigned_address_may_learn_who_signed_it(local: LocalService) -> None:
    address = local.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    path = address.removeprefix(local.url)
    assert b":assumed-role/pipeline/" in raw(local, "GET", path).body
    assert raw(local, "GET", path.replace("GetCallerIdentity", "GetSessionToken")).status == 403


def test_the_s3_of_moto_is_not_reached(local: LocalService) -> None:
    reply = signed(local, "POST", "/", b"{}", name="s3", Content_Type=JSON, X_Amz_Target="Other.ListBuckets")
    assert (reply.status, reply.json["__type"]) == (403, "InvalidSignatureException")


def test_a_presigned_address_says_what_is_wrong_with_its_parameters(local: LocalService) -> None:
    from botocore.config import Config

    client = local.client("s3", config=Config(signature_version="s3v4"))
    wanted = {"Bucket": "presigned", "Key": "k"}
    address = client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=604_801)
    assert b"<Code>AuthorizationQueryParametersError</Code>" in raw(local, "GET", address.removeprefix(local.url)).body


def test_who_has_no_key_is_refused_before_the_body_is_sent(local: LocalService) -> None:
    named = {"Content_Length": "1000000", "Content_Type": JSON, "X_Amz_Target": "SageMaker.ListPipelines"}
    with socket.create_connection(("127.0.0.1", urlsplit(local.url).port or 0), timeout=PATIENCE) as sock:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
        sock.sendall("\r\n".join(["POST / HTTP/1.1", "Host: 127.0.0.1", *lines, "", "{"]).encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 403")


# traversal and size


@pytest.mark.parametrize(
    "key",
    ["../../../../etc/passwd", "a/../../b", "/etc/passwd", "..", "a\\..\\b", "~/x", "C:\\x", "%2e%2e/x", "a//b", "."],
)
def test_a_key_is_a_name_and_never_a_path(local: LocalService, tmp_path: Path, key: str) -> None:
    local.s3.create_bucket(Bucket="traversal")
    before = {path for path in local.service.state.root.rglob("*") if path.is_file()}
    local.s3.put_object(Bucket="traversal", Key=key, Body=b"content")
    assert local.s3.get_object(Bucket="traversal", Key=key)["Body"].read() == b"content"
    assert [found["Key"] for found in local.s3.list_objects_v2(Bucket="traversal")["Contents"]] == [key]
    added = {path for path in local.service.state.root.rglob("*") if path.is_file()} - before
    local.s3.delete_object(Bucket="traversal", Key=key)
    assert [path for path in added if not path.is_relative_to(local.service.state.objects)] == []


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/..%2f..%2fetc/passwd", "/bucket/%00", "/%ff", "//", "/%2e%2e/%2e%2e/x"]
)
def test_a_strange_path_is_never_a_500(local: LocalService, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert signed(local, method, path, name="s3").status < 500


def test_a_body_above_the_limit_is_refused_before_it_is_read(local: LocalService) -> None:
    for path, length in (("/", 17 << 20), ("/endpoints/a/invocations", 26_214_401)):
        reply = signed(local, "POST", path, b"", Content_Length=str(length), X_Amz_Target="SageMaker.ListPipelines")
        assert reply.status == 413
        assert reply.headers["connection"] == "close"


def test_health_tells_nothing_to_sign_with(local: LocalService) -> None:
    reply = raw(local, "GET", "/_health")
    assert reply.status == 200
    assert KEY.access_key_id.encode() not in reply.body
    assert KEY.secret_access_key.encode() not in reply.body


def test_faults_reach_the_clients(tmp_path: Path) -> None:
    from pipeline.local.faults import InjectedFaults

    with local_service(tmp_path, faults=InjectedFaults.parse(["throttle=1"])) as throttled:
        with pytest.raises(ClientError) as caught:
            throttled.sagemaker.list_pipelines()
        assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    with local_service(tmp_path, faults=InjectedFaults.parse(["throttle=0.5"])) as throttled:
        patient = throttled.client("sagemaker", attempts=10)
        assert patient.list_pipelines()["PipelineSummaries"] == []
