"""Lambda steps call real functions in processes of their own; Callback steps wait for an answer over moto's SQS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.engine import lambdas
from tests.support.executions import check, create, run, start, steps, wait, wait_step
from tests.support.service import KEY, LocalService, local_service
from tests.support.waiting import until

PREFIX = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder: Path = tmp_path_factory.mktemp("external")
    names = ("double", "raise_it", "sleep", "hold", "leave", "gone", "tell", "give_a_set", "give_much", "start_another")
    known = lambdas.parse(f"{name}=tests.pipeline.local.engine.lambda_functions:{name}" for name in names)
    with local_service(folder, lambdas=known) as running:
        yield running


def function(name: str, target: str, *outputs: tuple[str, str], **arguments: Any) -> dict[str, Any]:
    declared = [{"OutputName": output, "OutputType": kind} for output, kind in outputs]
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": PREFIX + target,
        "Arguments": arguments,
        "OutputParameters": declared,
    }


def test_a_function_gets_native_values_and_its_outputs_are_typed(local: LocalService) -> None:
    first = function(
        "First",
        "double",
        ("n", "Integer"),
        ("who", "String"),
        ("nested", "String"),
        ("yes", "Boolean"),
        n={"Get": "Parameters.N"},
    )
    second = function("Second", "double", ("n", "Float"), n={"Get": "Steps.First.OutputParameters['n']"})
    gate = check(
        "Gate",
        {"Get": "Steps.Second.OutputParameters['n']"},
        20,
        [check("Yes", {"Get": "Steps.First.OutputParameters['yes']"}, True, [])],
    )
    name = create(local, first, second, gate, parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 5}])
    done = run(local, name)
    found = steps(local, done["PipelineExecutionArn"])
    assert done["PipelineExecutionStatus"] == "Succeeded", found
    assert set(found) == {"First", "Second", "Gate", "Yes"}
    assert found["First"]["Metadata"]["Lambda"] == {
        "Arn": PREFIX + "double",
        "OutputParameters": [
            {"Name": "n", "Value": "10"},
            {"Name": "who", "Value": KEY.access_key_id},
            {"Name": "nested", "Value": '{"a":[1,true]}'},
            {"Name": "yes", "Value": "true"},
        ],
    }
    events = local.logs.filter_log_events(logGroupName="/aws/lambda/double")["events"]
    assert "called double" in [event["message"] for event in events]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (function("Bad", "raise_it", n=3), "ValueError: no 3"),
        (function("Bad", "leave"), "Runtime exited with error: exit status 7"),
        (function("Bad", "give_a_set"), "MarshalError: Unable to marshal response: Object of type set is not JSON"),
        (function("Bad", "give_much"), "Response payload size exceeded maximum allowed payload size (6291556 bytes)."),
        (function("Bad", "unknown"), "Function not found"),
        (function("Bad", "gone"), "AttributeError"),
        (function("Bad", "double", ("missing", "String"), n=1), "output parameter missing is missing"),
        (function("Bad", "double", ("who", "Integer"), n=1), "which is no Integer"),
    ],
)
def test_a_function_that_fails_fails_its_step(local: LocalService, step: dict[str, Any], words: str) -> None:
    done = run(local, create(local, step))
    assert done["PipelineExecutionStatus"] == "Failed"
    assert words in steps(local, done["PipelineExecutionArn"])["Bad"]["FailureReason"]


def test_a_function_is_found_wherever_the_service_finds_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.py").write_text("def greet(event, context):\n    return {'text': 'hello ' + event['who']}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with local_service(tmp_path, lambdas=lambdas.parse(["greet=elsewhere:greet"])) as running:
        done = run(running, create(running, function("Greet", "greet", ("text", "String"), who="you")))
        found = steps(running, done["PipelineExecutionArn"])["Greet"]
    assert found["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "text", "Value": "hello you"}]


def test_a_stop_waits_for_the_function(local: LocalService, tmp_path: Path) -> None:
    end = tmp_path / "end"
    arn = start(local, create(local, function("Slow", "hold", until=str(end))))
    wait_step(local, arn, "Slow", "Executing")
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert steps(local, arn)["Slow"]["StepStatus"] == "Stopping"
    end.touch()
    assert wait(local, arn)["PipelineExecutionStatus"] == "Stopped"
    step = steps(local, arn)["Slow"]
    assert step["StepStatus"] == "Stopped" and step["EndTime"].timestamp() + 0.001 >= end.stat().st_mtime


def test_a_function_that_takes_too_long_is_ended(local: LocalService) -> None:
    with pytest.raises(lambdas.LambdaError, match=r"Task timed out after 0\.20 seconds"):
        lambdas.invoke(local.service, "sleep", {}, timeout=0.2)


def test_a_function_knows_its_context(local: LocalService) -> None:
    told = lambdas.invoke(local.service, PREFIX + "tell:live", {}, timeout=60)
    assert (told["arn"], told["version"], told["memory"]) == (PREFIX + "tell:live", "$LATEST", "128")
    assert 0 < told["left"] <= 60_000
    group, stream, request = told["place"]
    assert (group, stream) == ("/aws/lambda/tell", f"[$LATEST]{request}")


def test_what_a_function_leaves_running_ends_with_the_call(local: LocalService) -> None:
    seconds = 876_543_219
    lambdas.invoke(local.service, "start_another", {"seconds": seconds}, timeout=60)
    until(lambda: subprocess.run(["pgrep", "-f", f"sleep {seconds}"]).returncode, lambda code: code == 1)


class Queue:
    """A queue of moto's and what came into it."""

    def __init__(self, local: LocalService, name: str) -> None:
        self.client = local.client("sqs")
        self.url = self.client.create_queue(QueueName=name)["QueueUrl"]

    def next(self) -> dict[str, Any]:
        def receive() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.client.receive_message(QueueUrl=self.url).get("Messages", [])
            return found

        message = until(receive, bool)[0]
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        body: dict[str, Any] = json.loads(message["Body"])
        return body


def callback(url: Any, *outputs: tuple[str, str]) -> dict[str, Any]:
    declared = [{"OutputName": output, "OutputType": kind} for output, kind in outputs]
    arguments = {"number": 5, "text": {"Get": "Parameters.P"}}
    return {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": url,
        "Arguments": arguments,
        "OutputParameters": declared,
    }


PARAMETERS = [{"Name": "P", "DefaultValue": "p"}]


def test_a_callback_waits_for_its_answer_and_gives_its_outputs(local: LocalService) -> None:
    queue = Queue(local, "answers")
    gate = check("Gate", {"Get": "Steps.Ask.OutputParameters['rows']"}, 7, [check("Yes", 1, 1, [])])
    arn = start(local, create(local, callback(queue.url, ("rows", "Integer")), gate, parameters=PARAMETERS))
    message = queue.next()
    assert message == {
        "token": message["token"],
        "pipelineExecutionArn": arn,
        "arguments": {"number": 5, "text": "p"},
        "status": "Executing",
    }
    assert len(message["token"]) == 10 and message["token"].isalnum()
    step = wait_step(local, arn, "Ask", "Executing")
    assert step["Metadata"]["Callback"] == {"CallbackToken": message["token"], "SqsQueueUrl": queue.url}
    outputs = [{"Name": "rows", "Value": "7"}]
    answer = local.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=message["token"], OutputParameters=outputs
    )
    assert answer["PipelineExecutionArn"] == arn
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = steps(local, arn)
    assert set(found) == {"Ask", "Gate", "Yes"}
    assert found["Ask"]["Metadata"]["Callback"]["OutputParameters"] == outputs
    with pytest.raises(ClientError, match="ConflictException"):
        local.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])
    with pytest.raises(ClientError, match="ResourceNotFound"):
        local.sagemaker.send_pipeline_execution_step_failure(CallbackToken="abcdefghij")


def test_the_queue_of_a_callback_may_come_from_a_parameter(local: LocalService) -> None:
    queue = Queue(local, "by-parameter")
    base, _, name = queue.url.rpartition("/")
    url = {"Std:Join": {"On": "/", "Values": [base, {"Get": "Parameters.Queue"}]}}
    parameters = [*PARAMETERS, {"Name": "Queue", "Type": "String"}]
    arn = start(local, create(local, callback(url), parameters=parameters), given={"Queue": name})
    message = queue.next()
    step = wait_step(local, arn, "Ask", "Executing")
    assert step["Metadata"]["Callback"] == {"CallbackToken": message["token"], "SqsQueueUrl": queue.url}
    local.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"


def test_a_callback_can_fail_and_be_retried(local: LocalService) -> None:
    queue = Queue(local, "failures")
    arn = start(local, create(local, callback(queue.url), parameters=PARAMETERS))
    first = queue.next()["token"]
    local.sagemaker.send_pipeline_execution_step_failure(CallbackToken=first, FailureReason="not today")
    assert wait(local, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps(local, arn)["Ask"]["FailureReason"] == "not today"
    local.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    second = queue.next()["token"]
    assert second != first
    local.sagemaker.send_pipeline_execution_step_success(CallbackToken=second)
    assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"


def test_a_stop_tells_the_queue_and_waits_for_the_answer(local: LocalService) -> None:
    queue = Queue(local, "stops")
    arn = start(local, create(local, callback(queue.url), parameters=PARAMETERS))
    token = queue.next()["token"]
    local.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert (queue.next()["status"], steps(local, arn)["Ask"]["StepStatus"]) == ("Stopping", "Stopping")
    assert (
        local.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
    )
    local.sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
    assert wait(local, arn)["PipelineExecutionStatus"] == "Stopped"
    assert steps(local, arn)["Ask"]["StepStatus"] == "Stopped"


def test_a_queue_that_does_not_exist_fails_the_step(local: LocalService) -> None:
    name = create(local, callback("https://sqs.us-east-1.amazonaws.com/123456789012/none"), parameters=PARAMETERS)
    done = run(local, name)
    assert "Failed to invoke sqs:SendMessage" in steps(local, done["PipelineExecutionArn"])["Ask"]["FailureReason"]


def test_a_token_still_counts_after_a_restart(tmp_path: Path) -> None:
    with local_service(tmp_path) as local:
        queue = Queue(local, "kept")
        arn = start(local, create(local, callback(queue.url), parameters=PARAMETERS))
        token = queue.next()["token"]
        wait_step(local, arn, "Ask", "Executing")
    with local_service(tmp_path) as local:
        local.sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
        assert wait(local, arn)["PipelineExecutionStatus"] == "Succeeded"
        assert steps(local, arn)["Ask"]["AttemptCount"] == 1
