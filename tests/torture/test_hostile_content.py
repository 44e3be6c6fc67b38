"""What jobs, containers and definitions hand to the service without end: no crash, no long silence, little memory.

The service is a process of its own, whose peak of memory the kernel tells. While it is fed, another client asks it all
the time.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local import trees
from pipeline.local.process import lifecycle
from pipeline.local.process.discover import RunningService
from tests.support.executions import ENDED, check, definition, work, writes
from tests.support.service import ROLE, boto_client_of
from tests.support.torture import length
from tests.support.waiting import cpu_seconds

SLOW_SECONDS = 20.0
MOST_MEMORY = 200 << 20
MEGABYTES = length(20, 200)
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hostile:1"
CONTAINER = """
import os, socket, threading, time
def serve(sock):
    head = sock.recv(65536)
    if head.startswith(b"GET"):
        sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    else:
        sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3000000000\\r\\n\\r\\n")
        while True:
            sock.sendall(b"x" * 1048576)
listener = socket.create_server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
DEEP = """import os
f = os.open("/opt/ml/processing/output", 0)
for _ in range(1500):
    os.mkdir("d", dir_fd=f); f = os.open("d", 0, dir_fd=f)
os.close(os.open("x", os.O_CREAT, dir_fd=f))"""
NESTED = """printf '{"m":%.0s' $(seq 99); printf '[[1]]'; printf '}%.0s' $(seq 99)"""
PATHS = ["$" + "..m" * 40, "$" + "[0,0]" * 40, "m[*]", "$..*", "m" + "['a','a']" * 30, "[" * 1000, "$.m * 99999999"]


@contextmanager
def process(state: Path, program: Path) -> Iterator[RunningService]:
    """A service whose image `hostile` is the program."""
    image = f"hostile={sys.executable} {program}"
    command = [sys.executable, "-m", "pipeline.local", "--state", str(state), "--image", image]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        yield lifecycle.require(state)
        assert child.poll() is None
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
        trees.remove(state)  # what a job nested too deep for pytest to remove


def peak(found: RunningService) -> int:
    """The most memory that the process ever had."""
    lines = Path(f"/proc/{found.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10


def until(ask: Callable[[], Any]) -> Any:
    end = time.monotonic() + 120
    while not (answer := ask()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return answer


@contextmanager
def answering(found: RunningService) -> Iterator[None]:
    """Meanwhile another client is answered, and never late: CPU time of the service, as the machine may be busy."""
    client, stopped, late = boto_client_of(found, "sagemaker"), threading.Event(), list[float]()

    def ask() -> None:
        while not stopped.wait(0.1):
            began = cpu_seconds(found.pid)
            client.list_pipelines()
            late.append(cpu_seconds(found.pid) - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert late and max(late) < SLOW_SECONDS


def ran(sagemaker: Any, name: str, *steps: dict[str, Any]) -> str:
    """The status of an execution of these steps."""
    token = f"{time.monotonic_ns():032d}"
    text = definition(*steps)
    sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=text, ClientRequestToken=token)
    arn = sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=token)["PipelineExecutionArn"]

    def status() -> str:
        found = str(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])
        return found if found in ENDED else ""

    return str(until(status))


def gate(path: str) -> dict[str, Any]:
    left = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Write.PropertyFiles.Report"}, "Path": path}}
    return check("Gate", left, 1, [])


def written(command: str) -> dict[str, Any]:
    """A step whose property file the command prints."""
    step = writes("Write", "report.json", "")
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"][2] = (
        f"{command} > /opt/ml/processing/output/report.json"
    )
    return step


@pytest.mark.torture
def test_nothing_that_is_handed_in_stops_the_service(tmp_path: Path) -> None:
    (tmp_path / "container.py").write_text(CONTAINER)
    with process(tmp_path / "state", tmp_path / "container.py") as found, answering(found):
        sagemaker, s3 = boto_client_of(found, "sagemaker"), boto_client_of(found, "s3")
        s3.create_bucket(Bucket="bucket")
        for number, path in enumerate(PATHS[: length(1, len(PATHS))]):
            assert ran(sagemaker, f"path-{number}", written(NESTED), gate(path)) == "Failed"
        large = f"head -c {MEGABYTES << 20} /dev/zero | tr '\\0' '['"
        assert ran(sagemaker, "large", written(large), gate("m")) == "Failed"
        nested = writes("Write", "x", "")
        nested["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["python3", "-c", DEEP]
        assert ran(sagemaker, "deep", nested) == "Failed"
        printed = work("Print", f"head -c {MEGABYTES << 20} /dev/zero | tr '\\0' 'x' | fold -w 1000")
        assert ran(sagemaker, "printed", printed) == "Succeeded"
        (job,) = sagemaker.list_processing_jobs(NameContains="Print")["ProcessingJobSummaries"]
        logs = boto_client_of(found, "logs")
        group = "/aws/sagemaker/ProcessingJobs"
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job["ProcessingJobName"])
        for from_head in (True, False):
            page = logs.get_log_events(
                logGroupName=group,
                logStreamName=streams["logStreams"][0]["logStreamName"],
                startFromHead=from_head,
            )
            assert 500 < len(page["events"]) <= 10_000
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
        until(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
        runtime = boto_client_of(found, "sagemaker-runtime")
        for _ in range(length(1, 5)):
            with pytest.raises(ClientError) as caught:
                runtime.invoke_endpoint(EndpointName="e", Body=b"1", ContentType="text/csv")
            assert caught.value.response["Error"]["Code"] == "ModelError"
        assert peak(found) < MOST_MEMORY
