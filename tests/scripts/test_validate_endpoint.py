"""The endpoint's validation over real HTTP, against a small service that answers as SageMaker does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import validate_endpoint

ROWS = 250


class FakeSageMaker:
    """One endpoint whose score for a row is a function of the configuration it serves."""

    def __init__(self) -> None:
        self.config = "config-2"
        self.tags: dict[str, str] = {}
        self.updating = 0  # describes that still answer Updating
        self.bodies: list[bytes] = []
        self.calls: list[str] = []
        self.wrong: dict[str, float] = {}  # configuration: what it adds to the score of row 100
        self.throttles = 0
        self.model_error = ""

    def act(self, action: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(action)
        if self.throttles:
            self.throttles -= 1
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        if request.get("EndpointName", "digits") != "digits":
            return 400, {"__type": "ValidationException", "message": 'Could not find endpoint "arn:x".'}
        return 200, getattr(self, f"_{action}")(request)

    def _DescribeEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        self.updating, updating = max(0, self.updating - 1), self.updating
        return {
            "EndpointName": "digits",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/digits",
            "EndpointConfigName": self.config,
            "EndpointStatus": "Updating" if updating else "InService",
            "CreationTime": 1.0,
            "LastModifiedTime": 1.0,
        }

    def _AddTags(self, request: dict[str, Any]) -> dict[str, Any]:
        self.tags |= {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {"Tags": request["Tags"]}

    def _ListTags(self, request: dict[str, Any]) -> dict[str, Any]:
        if "NextToken" not in request:  # the tags come on the second page
            return {"Tags": [{"Key": "team", "Value": "a"}], "NextToken": "2"}
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def _UpdateEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        self.config = request["EndpointConfigName"]
        self.updating = 2
        return {"EndpointArn": "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/digits"}

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        self.bodies.append(body)
        if self.model_error:
            return 424, json.dumps({"Message": self.model_error, "OriginalStatusCode": 400}).encode()
        lines = []
        for line in body.splitlines():
            row = int(float(line.split(b",")[0]))
            score = row / ROWS + (self.wrong.get(self.config, 0) if row == 100 else 0)
            lines.append(json.dumps({"predicted_label": int(score > 0.5), "score": score}, separators=(",", ":")))
        return 200, ("\n".join(lines) + "\n").encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    service: FakeSageMaker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/endpoints/digits/invocations":
            assert (self.headers["Content-Type"], self.headers["Accept"]) == ("text/csv", "application/jsonlines")
            status, answer = self.service.invoke(body)
        else:
            action = self.headers["X-Amz-Target"].removeprefix("SageMaker.")
            status, found = self.service.act(action, json.loads(body))
            answer = json.dumps(found).encode()
        self.send_response(status)
        if status == 424:
            self.send_header("x-amzn-ErrorType", "ModelError")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSageMaker]:
    fake = FakeSageMaker()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": fake}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def case(tmp_path: Path) -> Path:
    for name in ("features", "predictions", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "features" / "features.csv").write_text("".join(f"{row},0.5\n" for row in range(ROWS)))
    answers = [f'{{"predicted_label":{int(row / ROWS > 0.5)},"score":{row / ROWS}}}\n' for row in range(ROWS)]
    (tmp_path / "predictions" / "features.csv.out").write_text("".join(answers))
    (tmp_path / "labels" / "labels.csv").write_text("".join(f"{int(row > 120)}\n" for row in range(ROWS)))
    return tmp_path


def run(case: Path, *more: str) -> tuple[int, str]:
    arguments = ["--endpoint-name", "digits", "--task", "binary_classifier", "--message", str(case / "message")]
    for name in ("features", "predictions", "labels", "output"):
        arguments += [f"--{name}", str(case / name)]
    return validate_endpoint.main([*arguments, *more]), (case / "message").read_text()


def result(case: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case / "output" / "validation.json").read_text())
    return found


def test_equal_answers_pass_and_mark_the_configuration(case: Path, service: FakeSageMaker) -> None:
    code, message = run(case)
    assert code == 0
    assert message == (
        "endpoint digits with config-2 answered 250 rows in 100 batches as the batch prediction did (largest "
        "difference 0)"
    )
    assert service.tags == {"validated-config": "config-2"}
    single, *batches = service.bodies
    assert single == b"0,0.5\n"
    assert len(batches) == 100
    assert b"".join(batches) == (case / "features" / "features.csv").read_bytes()
    found = result(case)
    assert (found["passed"], found["rows"], found["batches"]) == (True, 250, 100)
    assert found["confusion_matrix"] == [[121, 0], [5, 124]]
    assert not (case / "output" / "confusion.png").exists(), "the evaluation has that picture"


def test_waits_until_the_endpoint_serves_and_outlasts_throttling(case: Path, service: FakeSageMaker) -> None:
    service.updating, service.throttles = 2, 2
    assert run(case, "--batches", "1")[0] == 0
    assert len(service.bodies) == 2


def test_difference_puts_the_endpoint_back_and_fails(case: Path, service: FakeSageMaker) -> None:
    service.wrong, service.tags = {"config-2": 2e-6}, {"validated-config": "config-1"}
    code, message = run(case)
    assert code == 1
    assert message == (
        "endpoint digits with config-2 does not answer as the batch prediction did: 1 scores differ by more than 1e-06 "
        "(at most 2e-06, first in row 101); the endpoint was put back to config-1"
    )
    assert service.config == "config-1"
    assert service.tags == {"validated-config": "config-1"}
    assert not service.updating
    assert result(case)["different_scores"] == {"count": 1, "rows": [101]}
    assert result(case)["passed"] is False
    assert (case / "output" / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_endpoint_is_put_back_though_the_result_cannot_be_written(case: Path, service: FakeSageMaker) -> None:
    service.wrong, service.tags = {"config-2": 0.3}, {"validated-config": "config-1"}
    (case / "output").write_text("no folder")
    assert run(case)[0] == 1
    assert service.config == "config-1"


def test_difference_within_the_tolerance_passes(case: Path, service: FakeSageMaker) -> None:
    service.wrong = {"config-2": 5e-7}
    assert run(case)[0] == 0


def test_other_label_is_told_apart_from_other_score(case: Path, service: FakeSageMaker) -> None:
    service.wrong = {"config-2": 0.3}
    _, message = run(case)
    assert "1 labels differ (first in row 101) and 1 scores differ" in message
    assert message.endswith("no configuration was validated before, so it stays as it is")
    assert service.config == "config-2"


def test_same_configuration_validated_before_stays(case: Path, service: FakeSageMaker) -> None:
    service.wrong, service.tags = {"config-2": 0.3}, {"validated-config": "config-2"}
    assert run(case)[1].endswith("the same configuration was validated before, so it stays as it is")
    assert "UpdateEndpoint" not in service.calls


def test_refused_request_puts_the_endpoint_back_too(case: Path, service: FakeSageMaker) -> None:
    service.model_error, service.tags = "unable to evaluate payload provided", {"validated-config": "config-1"}
    code, message = run(case)
    assert code == 1
    assert message == (
        "endpoint digits: the single record was not answered: InvokeEndpoint: ModelError: unable to evaluate payload "
        "provided; the endpoint was put back to config-1"
    )
    assert not (case / "output").exists()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("labels/labels.csv", "1\n", "250 predictions for 1 labels"),
        ("predictions/features.csv.out", "{", "line 1: '{' is no JSON"),
        ("features/features.csv", "1,2\n", "1 rows of features for 250 labels"),
        ("features/features.csv", "".join(f"{row},0.5\n" for row in range(251)), "more than 250 rows of features"),
    ],
)
def test_what_cannot_be_validated_puts_the_endpoint_back_too(
    case: Path, service: FakeSageMaker, file: str, content: str, reason: str
) -> None:
    service.tags = {"validated-config": "config-1"}
    (case / file).write_text(content)
    code, message = run(case)
    assert code == 1
    assert reason in message
    assert message.endswith("; the endpoint was put back to config-1")
    assert service.config == "config-1"


def test_unknown_endpoint_is_one_line(case: Path, service: FakeSageMaker) -> None:
    code, message = run(case, "--endpoint-name", "other")
    assert code == 1
    assert message == ('endpoint other: DescribeEndpoint: ValidationException: Could not find endpoint "arn:x".')


def test_no_service_is_one_line(case: Path, service: FakeSageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    code, message = run(case)
    assert code == 1
    assert "You must specify a region" in message
    assert message.endswith("check the region, the credentials and the network")


def test_of_a_large_test_set_so_many_rows_from_all_over_it_are_sent(case: Path, service: FakeSageMaker) -> None:
    code, message = run(case, "--most-rows", "100", "--batches", "10")
    assert code == 0 and "answered 100 of 250 rows, from all over them, in 10 batches" in message
    sent = [int(line.split(b",")[0]) for body in service.bodies[1:] for line in body.split()]
    assert sent == [row * 5 // 2 for row in range(100)]
    assert (result(case)["rows"], np.sum(result(case)["confusion_matrix"])) == (100, 100)


def test_a_difference_is_told_by_its_row_in_the_whole_test_set(case: Path, service: FakeSageMaker) -> None:
    lines = (case / "predictions" / "features.csv.out").read_text().splitlines()
    lines[200] = '{"predicted_label":1,"score":0.123}'
    (case / "predictions" / "features.csv.out").write_text("\n".join(lines) + "\n")
    code, message = run(case, "--most-rows", "25")
    assert code == 1 and "1 scores differ by more than 1e-06 (at most 0.677, first in row 201)" in message


@pytest.mark.parametrize("count", [249, 251])
def test_features_that_are_not_as_many_as_the_labels_are_told_though_few_are_sent(
    case: Path, service: FakeSageMaker, count: int
) -> None:
    (case / "features" / "features.csv").write_text("".join(f"{row},0.5\n" for row in range(count)))
    code, message = run(case, "--most-rows", "25")
    assert code == 1 and "rows of features for 250 labels; both must come from the same conversion" in message
