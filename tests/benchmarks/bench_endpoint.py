"""The endpoint and batch transform over HTTP, the service in a process of its own: requests a second, p99, rows.

The single-record goal is 1,000 requests a second with a p99 of 10 ms. Requests are signed and checked like any other;
boto3 is measured beside a bare kept-alive connection, and against a bare server, since the client costs more than
everything behind it. The container alone, with no service before it, has 0.64 ms of CPU a record as its goal.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

from pipeline.local.images.linear_learner import artifact
from pipeline.local.images.linear_learner.model import Model
from pipeline.local.process import lifecycle
from tests.benchmarks.bare_server import bare_server
from tests.support.ports import reserved_port
from tests.support.serving import IMAGE, archive

BUCKET = "bench-endpoint"
FEATURES = 784
ROLE = "arn:aws:iam::123456789012:role/pipeline"


def main() -> None:
    """Print one line a measurement."""
    import boto3

    with tempfile.TemporaryDirectory() as folder, lifecycle.starting(Path(folder) / "state") as service:
        running = service()
        os.environ.update({k: v for k, v in lifecycle.environment(running).items() if v is not None})
        session = boto3.session.Session()
        sagemaker = session.client("sagemaker")
        deploy(session.client("s3"), sagemaker)
        single = csv(1)
        invoke("single record, boto3", session.client("sagemaker-runtime"), single)
        with bare_server(Path(os.devnull)) as address:
            invoke("the same, a bare server", session.client("sagemaker-runtime", endpoint_url=address), single)
        for connections in (1, 4):
            concurrent(connections, 2000, single)
        for rows in (100, 1000):
            with Connection(csv(rows)) as connection:
                seconds = one_by_one(f"batch of {rows} x {FEATURES} csv", 20, connection.ask)
                print(f"{'':44} {rows / seconds:10,.0f} rows/s")
        transform(session.client("s3"), sagemaker, 10_000)
    container_alone(2000, single)


def container_alone(count: int, body: bytes) -> None:
    """One record again and again straight to the serving program: milliseconds of its CPU, its start left out."""
    start = seconds_of_container(5, body)
    per_record = (seconds_of_container(count, body) - start) / (count - 5)
    report("the same, CPU a record (goal 0.64)", per_record * 1e3, "ms")


def seconds_of_container(count: int, body: bytes) -> float:
    """Seconds of CPU that a serving program of one worker takes from start to end, for so many requests."""
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}"
    used = children_seconds()
    with tempfile.TemporaryDirectory() as folder, reserved_port() as port:
        (Path(folder) / "model").mkdir()
        artifact.write(Path(folder) / "model" / artifact.FILE_NAME, random_model())
        command = [sys.executable, "-m", "pipeline.local.images.linear_learner", "serve", "--root", folder]
        environment = {"SAGEMAKER_BIND_TO_PORT": str(port), "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
            with Exchange(opened(port), head.encode() + b"\r\n\r\n" + body) as connection:
                one_by_one(f"the container alone, {count} records", count, connection.ask)
            process.terminate()
    return children_seconds() - used


def opened(port: int) -> socket.socket:
    """A connection to the port as soon as a program listens there."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.01)


def children_seconds() -> float:
    """Seconds of CPU of the processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def invoke(what: str, runtime: Any, body: bytes) -> None:
    """One record again and again by boto3."""
    one_by_one(
        what,
        500,
        lambda: runtime.invoke_endpoint(EndpointName="bench", Body=body, ContentType="text/csv")["Body"].read(),
    )


def deploy(s3: Any, sagemaker: Any) -> None:
    """An endpoint `bench` of a model with 784 features."""
    model = random_model()
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({artifact.FILE_NAME: artifact.encode(model)}))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    sagemaker.create_model(ModelName="bench", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "all", "ModelName": "bench", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="bench", ProductionVariants=[variant])
    started = time.perf_counter()
    sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    while sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"] == "Creating":
        time.sleep(0.01)
    report("endpoint in service after", time.perf_counter() - started, "s")


def random_model() -> Model:
    """A model of 784 features."""
    weight = np.random.default_rng(1).normal(0, 0.1, (FEATURES, 1)).astype(np.float32)
    return Model(weight, np.zeros((1, 1), np.float32), "binary_classifier", "logistic")


def csv(rows: int) -> bytes:
    """Rows as images have them: four in five pixels are 0, the others k/256."""
    rng = np.random.default_rng(2)
    pixels = np.where(rng.random((rows, FEATURES)) < 0.8, 0, rng.integers(1, 256, (rows, FEATURES))) / 256
    return "".join(",".join(f"{value:g}" for value in row) + "\n" for row in pixels).encode()


class Exchange:
    """One kept-alive connection that sends one request again and again."""

    def __init__(self, connection: socket.socket, message: bytes) -> None:
        self._message = message
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def ask(self) -> bytes:
        """The body of the answer, which must be a success."""
        status, body = self.exchange()
        if status != 200:
            raise SystemExit(body.decode())
        return body

    def exchange(self) -> tuple[int, bytes]:
        """Send the request, read the whole answer: its status and its body."""
        self._socket.sendall(self._message)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._socket.recv(1 << 18)
        length = int(answer[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(answer) < end + 4 + length:
            answer += self._socket.recv(1 << 18)
        return int(answer.split(b" ", 2)[1]), answer[end + 4 :]


class Connection(Exchange):
    """A signed request to `endpoint`."""

    def __init__(self, body: bytes, endpoint: str = "bench") -> None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import get_session

        url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
        session = get_session()
        target = f"{url.geturl()}/endpoints/{endpoint}/invocations"
        request = AWSRequest("POST", target, data=body, headers={"Content-Type": "text/csv", "Host": url.netloc})
        credentials = session.get_credentials()
        assert credentials, "`pipeline local env` gives them"
        SigV4Auth(credentials, "sagemaker", session.get_config_variable("region")).add_auth(request)
        head = f"POST {url.path}/endpoints/{endpoint}/invocations HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        super().__init__(socket.create_connection((url.hostname or "", url.port or 0)), message)


def one_by_one(what: str, count: int, ask: Callable[[], bytes]) -> float:
    """Requests one after the other; the mean seconds of one."""
    for _ in range(5):
        ask()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    print_rate(what, count / sum(times), times)
    return sum(times) / count


def concurrent(connections: int, count: int, body: bytes) -> None:
    """Requests over several connections at once, from one process of their own each."""
    program = f"from tests.benchmarks import bench_endpoint; bench_endpoint.client({count}, {body!r})"
    started = time.perf_counter()
    clients = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(connections)
    ]
    lines = [client.communicate()[0].split() for client in clients]
    assert time.perf_counter() - started < 120
    times = [float(number) for line in lines for number in line[1:]]
    rate = sum(count / float(line[0]) for line in lines)
    print_rate(f"single record, {connections} connection(s)", rate, times)


def client(count: int, body: bytes) -> None:
    """One client process: prints the seconds of its whole run, then of each request."""
    with Connection(body) as connection:
        for _ in range(50):
            connection.ask()
        times, begun = [], time.perf_counter()
        for _ in range(count):
            started = time.perf_counter()
            connection.ask()
            times.append(time.perf_counter() - started)
        print(time.perf_counter() - begun, *times)


def transform(s3: Any, sagemaker: Any, rows: int) -> None:
    """A whole transform job, container start and S3 included."""
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(rows))
    started = time.perf_counter()
    sagemaker.create_transform_job(
        TransformJobName="bench",
        ModelName="bench",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/out",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    while (job := sagemaker.describe_transform_job(TransformJobName="bench"))["TransformJobStatus"] == "InProgress":
        time.sleep(0.02)
    assert job["TransformJobStatus"] == "Completed", job
    report(f"transform of {rows:,} x {FEATURES} csv", time.perf_counter() - started, "s")


def print_rate(what: str, rate: float, times: list[float]) -> None:
    """One line: requests a second and the slowest hundredth."""
    print(f"{what:44} {rate:10,.0f} /s   p99 {np.quantile(times, 0.99) * 1e3:6.2f} ms")


def report(what: str, value: float, unit: str) -> None:
    """One line."""
    print(f"{what:44} {value:10.2f} {unit}")


if __name__ == "__main__":
    main()
