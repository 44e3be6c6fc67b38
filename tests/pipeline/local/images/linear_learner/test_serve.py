"""The serving program as a process of its own, over real sockets."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.local.http.messages import HttpRequest
from pipeline.local.images.linear_learner import artifact
from pipeline.local.images.linear_learner.model import Model
from pipeline.local.images.linear_learner.serve import Application
from scripts.formats import recordio
from tests.support.ports import reserved_port
from tests.support.serving import JSON_ANSWER, JSONLINES_ANSWER, X1, X2, golden_model
from tests.support.waiting import PATIENCE

BATCH = f"{X1}\n{X2}\n".encode()


@contextmanager
def serving(root: Path, model: Model | None, **environ: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    (root / "model").mkdir()
    if model is not None:
        artifact.write(root / "model" / artifact.FILE_NAME, model)
    with reserved_port() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.local.images.linear_learner", "serve", "--root", str(root)],
            env={**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), **environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield process, port
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(tmp_path_factory.mktemp("opt_ml"), golden_model()) as (_, found):
        yield found


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type"), answer.read()
    finally:
        connection.close()


def test_the_golden_vector_in_every_request_type(port: int) -> None:
    rows = [[float(x) for x in row.split(",")] for row in (X1, X2)]
    bodies = {
        "text/csv": BATCH,
        "application/json": ('{"instances": [' + ",".join(f'{{"features": {row}}}' for row in rows) + "]}").encode(),
        "application/jsonlines": "\n".join(f'{{"features": {row}}}' for row in rows).encode(),
        "application/x-recordio-protobuf": recordio.encode_dense(np.array(rows, np.float32), None),
    }
    for content_type, body in bodies.items():
        answer = ask(port, "POST", "/invocations", body, Content_Type=content_type)
        assert answer == (200, "application/json", JSON_ANSWER), content_type
    lines = ask(port, "POST", "/invocations", BATCH, Content_Type="text/csv", Accept="application/jsonlines")
    assert lines == (200, "application/jsonlines", JSONLINES_ANSWER)


def test_one_record_gives_what_it_gives_in_a_batch(port: int) -> None:
    answer = ask(port, "POST", "/invocations", X2.encode(), Content_Type="text/csv", Accept="application/jsonlines")
    assert answer[2] == JSONLINES_ANSWER.splitlines(keepends=True)[1]


def test_ping_and_execution_parameters(port: int) -> None:
    assert ask(port, "GET", "/ping") == (200, "text/html; charset=utf-8", b"")
    status, content_type, body = ask(port, "GET", "/execution-parameters")
    workers = os.cpu_count()
    expected = f'{{"MaxConcurrentTransforms": {workers}, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}}'
    assert (status, content_type, body.decode()) == (200, "application/json", expected)


def test_errors_are_those_of_the_container(port: int) -> None:
    def post(body: bytes, content_type: str) -> tuple[int, bytes]:
        status, _, text = ask(port, "POST", "/invocations", body, Content_Type=content_type)
        return status, text

    assert post(b"1,2", "text/csv") == (400, b"unable to evaluate payload provided")
    assert post(b"garbage", "application/json") == (400, b"unable to evaluate payload provided")
    assert post(b"x", "application/parquet") == (415, b"content-type application/parquet not supported")
    assert post(b"x", "Application/Parquet; version=2") == (415, b"content-type application/parquet not supported")
    assert post(b"", "text/csv") == (204, b"")
    assert post(b"0" * (6 * 1024**2 + 1), "text/csv")[0] == 413
    assert ask(port, "GET", "/invocations")[0] == 405
    assert ask(port, "POST", "/ping", b"x")[0] == 405
    assert ask(port, "GET", "/other")[0] == 404


def exchange(port: int, *parts: bytes) -> bytes:
    """Send parts with pauses between them; everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        for part in parts:
            sock.sendall(part)
            time.sleep(0.03)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


def test_requests_may_come_in_pieces_in_chunks_and_behind_one_another(port: int) -> None:
    head = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\n"
    sized = head + b"Content-Length: %d\r\n" % len(BATCH)
    half = len(BATCH) // 2
    chunks = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (half, BATCH[:half], len(BATCH) - half, BATCH[half:])
    answer = exchange(
        port,
        sized[:20],
        sized[20:] + b"\r\n" + BATCH[:5],
        BATCH[5:] + head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks[:30],
        chunks[30:] + sized + b"Connection: close\r\n\r\n" + BATCH,
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 3 and answer.count(JSON_ANSWER) == 3


def test_a_client_that_waits_for_leave_gets_it(port: int) -> None:
    head = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nExpect: 100-continue\r\nConnection: close\r\n"
    answer = exchange(port, head + b"Content-Length: %d\r\n\r\n" % len(BATCH), BATCH)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK") and answer.endswith(JSON_ANSWER)


@pytest.mark.parametrize(
    "message",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-6\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_request_is_refused_and_closed(port: int, message: bytes) -> None:
    assert exchange(port, message).split(b" ")[1] in (b"400", b"431")
    assert ask(port, "GET", "/ping")[0] == 200


@pytest.mark.parametrize(
    "pause", [0.0, pytest.param(0.0, marks=pytest.mark.long), pytest.param(0.0, marks=pytest.mark.long), 0.2]
)
def test_sigterm_ends_it_with_code_0(tmp_path: Path, pause: float) -> None:
    with serving(tmp_path, golden_model()) as (process, port):
        time.sleep(pause)
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) in ((0,) if pause else (0, -signal.SIGTERM))


def test_a_model_that_cannot_be_read_ends_it_with_code_1(tmp_path: Path) -> None:
    with serving(tmp_path, None) as (process, _):
        assert process.wait(PATIENCE) == 1
        assert process.stdout is not None and "model_algo-1" in process.stdout.read()


@pytest.mark.long
def test_the_default_answer_and_the_limit_follow_the_environment(tmp_path: Path) -> None:
    more = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/jsonlines", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7"}
    with serving(tmp_path, golden_model(), **more) as (_, port):
        assert ask(port, "POST", "/invocations", BATCH, Content_Type="text/csv")[2] == JSONLINES_ANSWER
        rows = BATCH * (int(6.5 * 1024**2) // len(BATCH))
        assert ask(port, "POST", "/invocations", rows, Content_Type="text/csv")[0] == 200


def test_many_classes_and_regression_through_the_application() -> None:
    quiet: list[str] = []
    weight = np.array([[1, 0, -1], [0, 1, 0]], np.float32)
    classes = Model(weight, np.zeros((1, 3), np.float32), "multiclass_classifier", "softmax_loss")
    line = Model(weight[:, :1], np.ones((1, 1), np.float32), "regressor", "squared_loss")

    class Body(io.BytesIO):
        comes = True

        def drained(self) -> bool:
            return True

    def answer(model: Model) -> list[dict[str, object]]:
        headers = {"content-type": "text/csv", "accept": "application/jsonlines"}
        asked = HttpRequest("POST", "/invocations", "", [], headers, 7, Body(b"9,0\n0,9"))
        response = Application(model, {}, 1, lambda level, text: quiet.append(text))(asked)
        assert response.status == 200 and isinstance(response.body, bytes)
        return [json.loads(text) for text in response.body.splitlines()]

    first, second = answer(classes)
    assert (first["predicted_label"], second["predicted_label"]) == (0, 1)
    assert isinstance(first["score"], list) and len(first["score"]) == 3
    assert answer(line) == [{"score": 10.0}, {"score": 1.0}]
    assert not quiet
