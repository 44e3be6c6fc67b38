"""Mutated definitions and bodies over HTTP: never a 500, never a hang, never code run at create time."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.definition.api_model import load_model
from tests.support.definitions import GOLDEN
from tests.support.service import KEY, ROLE, LocalService, local_service
from tests.support.torture import length
from tests.support.waiting import PATIENCE

SLOW_SECONDS = 5.0
JSON_GET = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.B"}, "Path": "a[0"}}
ODD = st.sampled_from(
    [None, True, 0, -1, 2**63, 1e308, "", "a" * 5000, [], {}, [[]], {"Get": "Parameters.Absent"}, {"Get": "Steps.X.Y"},
     {"Get": "Execution.PipelineName"}, {"Get": 7}, {"Get": "Parameters.__class__"}, JSON_GET,
     {"Std:Join": {"On": "/", "Values": []}}, {"Std:Join": {"On": 1, "Values": "x"}}, "$(touch /tmp/x)",
     "{0.__class__}", "../../etc/passwd", "\x00", "\u202e", "Condition", "ForEach"]
)  # fmt: skip
NO_DEFINITIONS = ("", "{", "[]", "null", '"a"', "NaN", "{}" * 10, "[" * 100_000, '{"Steps":' * 5000,
                  '{"Version":[],"Steps":{}}', "\ud800")  # fmt: skip


def token() -> str:
    """One that was not used before."""
    return f"{time.monotonic_ns():032d}"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(tmp_path_factory.mktemp("fuzz")) as service:
        yield service


def post(local: LocalService, operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an action; slow is as wrong as a 500, on a busy machine too: CPU time counts."""
    import http.client

    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", local.url + "/", data=body, headers=headers)
    SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "sagemaker", "us-east-1").add_auth(request)
    began = time.process_time()
    connection = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("POST", "/", body, dict(request.headers.items()))
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert time.process_time() - began < SLOW_SECONDS
    return response.status, answer


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        found += places(item, (*path, key))
    return found


def replaced(base: Any, path: tuple[Any, ...], value: Any, how: str) -> Any:
    """A copy with the value at the path replaced, removed, or put in twice."""
    result = copy.deepcopy(base)
    parent = result
    try:
        for key in path[:-1]:
            parent = parent[key]
        if how == "remove":
            del parent[path[-1]]
        elif how == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        elif how == "rename" and isinstance(parent, dict):
            parent[f"{path[-1]}x"] = parent.pop(path[-1])
        else:
            parent[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        pass  # an earlier mutation took the place away
    return result


def definitions() -> list[dict[str, Any]]:
    """Real ones: those that this project composes."""
    found = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))]
    return [definition for definition in found if "Steps" in definition]


def mutations(base: Any, most: int) -> st.SearchStrategy[Any]:
    """The base with a few places changed."""
    one = st.tuples(st.sampled_from(places(base)), ODD, st.sampled_from(["replace", "remove", "double", "rename"]))

    def apply(changes: list[tuple[tuple[Any, ...], Any, str]]) -> Any:
        result = base
        for path, value, how in changes:
            result = replaced(result, path, value, how)
        return result

    return st.lists(one, min_size=1, max_size=most).map(apply)


@pytest.mark.torture
def test_a_mutated_definition_is_accepted_or_refused_with_a_reason(local: LocalService, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bases = definitions()
    assert bases
    for base in bases:
        for step in base["Steps"]:
            if step["Type"] == "Processing":
                step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["touch", str(canary)]

    @settings(max_examples=length(30, 3000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of([mutations(base, 3) for base in bases]), st.integers(0, 10**9))
    def fuzz(definition: Any, number: int) -> None:
        request = {
            "PipelineName": f"fuzz-{number}",
            "PipelineDefinition": json.dumps(definition),
            "RoleArn": ROLE,
            "ClientRequestToken": token(),
        }
        status, answer = post(local, "CreatePipeline", json.dumps(request).encode())
        if status == 200:
            gone = {"PipelineName": f"fuzz-{number}", "ClientRequestToken": token()}
            post(local, "DeletePipeline", json.dumps(gone).encode())
        else:
            assert status == 400, (status, answer)
            assert answer["message"], answer

    fuzz()
    assert not canary.exists()


@pytest.mark.torture
@pytest.mark.parametrize("text", NO_DEFINITIONS)
def test_a_text_that_is_no_definition_is_refused(local: LocalService, text: str) -> None:
    request = {"PipelineName": "text", "PipelineDefinition": text, "RoleArn": ROLE, "ClientRequestToken": token()}
    status, answer = post(local, "CreatePipeline", json.dumps(request).encode())
    assert status == 400
    assert answer["__type"] in ("ValidationException", "SerializationException")
    assert answer["message"]


def examples(shape_name: str, depth: int = 0) -> Any:
    """A body with every member of a shape of botocore's model, in its kind."""
    shape = load_model()["shapes"][shape_name]
    kind = shape["type"]
    if kind == "structure":
        members = shape["members"] if depth < 4 else {}
        return {name: examples(member["shape"], depth + 1) for name, member in members.items()}
    if kind == "list":
        return [examples(shape["member"]["shape"], depth + 1)]
    if kind == "map":
        return {"key": examples(shape["value"]["shape"], depth + 1)}
    scalars = {"string": shape.get("enum", ["abc"])[0], "boolean": True, "timestamp": 1700000000.0}
    return scalars.get(kind, shape.get("min", 1))


@pytest.mark.torture
def test_a_mutated_body_of_any_action_is_never_a_500(local: LocalService) -> None:
    model = load_model()
    actions = sorted(local.service._actions)
    bases = {name: examples(model["operations"][name]["input"]["shape"]) for name in actions}
    arns = ["arn:aws:sagemaker:us-east-1:123456789012:pipeline/a", "a/b", "..", "arn:", "arn:aws:sagemaker"]

    @settings(max_examples=length(75, 5000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(actions), st.data())
    def fuzz(operation: str, data: st.DataObject) -> None:
        base = bases[operation]
        odd = ODD | st.sampled_from(arns)
        body = dict(base)
        for name in data.draw(st.sets(st.sampled_from(sorted(base)), max_size=6) if base else st.just(set())):
            body[name] = data.draw(odd)
        for name in data.draw(st.sets(st.sampled_from(sorted(base)), max_size=12) if base else st.just(set())):
            body.pop(name, None)
        status, answer = post(local, operation, json.dumps(body).encode())
        assert status < 500, (operation, body, answer)
        assert status == 200 or answer["message"]

    fuzz()


@pytest.mark.torture
def test_a_request_with_wrong_bytes_is_refused_or_dropped_and_harms_nobody(local: LocalService) -> None:
    request = AWSRequest("POST", local.url + "/", data=b"{}", headers={"X-Amz-Target": "SageMaker.ListPipelines"})
    SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "sagemaker", "us-east-1").add_auth(request)
    host = local.url.removeprefix("http://")
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    good = "\r\n".join(["POST / HTTP/1.1", f"Host: {host}", "Content-Length: 2", "Connection: close", *lines, "", "{}"])
    change = st.tuples(st.integers(0, len(good) - 1), st.integers(0, 3), st.binary(max_size=4))
    port = int(host.rpartition(":")[2])

    @settings(max_examples=length(75, 5000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(change, min_size=1, max_size=4))
    def fuzz(changes: list[tuple[int, int, bytes]]) -> None:
        sent = good.encode()
        for at, removed, inserted in changes:
            sent = sent[:at] + inserted + sent[at + removed :]
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                received = sock.recv(65536)
                assert not received or re.match(rb"HTTP/1\.1 [24]\d\d ", received), (sent, received)

    fuzz()
    assert post(local, "ListPipelines", b"{}")[0] == 200
