"""Models and serving programs for tests: AWS's golden linear model, archives, and a foreign container's program."""

from __future__ import annotations

import http.client
import io
import os
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from botocore.exceptions import ClientError

from pipeline.local import images
from pipeline.local.containers.sandbox.listening import listening_ports
from pipeline.local.images.linear_learner import artifact
from pipeline.local.images.linear_learner.model import Model
from tests.support.service import ROLE, LocalService

IMAGE: Final = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
FOREIGN_IMAGE: Final = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/foreign:3"
BUCKET: Final = "serving-bucket"

# A real artefact's weights, two records, and what its real endpoint answered.
_WEIGHT: Final = (
    "9a53213dd61503be026f58b281170f3d79f1b43e161c85be3f2378bb31dae7bda759cc3d73cb643f239ea639dcc12d3ae75b0a3dcfdb653c"
)
_BIAS: Final = "ac5d11c1"
THRESHOLD: Final = 0.46301859617233276
X1: Final = "28,2,133937,9,13,2,0,0,4,1,15024,0,55,37"
X2: Final = "43,2,72338,12,14,2,12,0,1,1,0,0,40,37"
JSON_ANSWER: Final = (
    b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1},'
    b' {"score": 0.5041388273239136, "predicted_label": 1}]}'
)
JSONLINES_ANSWER: Final = (
    b'{"predicted_label":1,"score":0.989977359771728}\n{"predicted_label":1,"score":0.504138827323913}\n'
)

# A user's serving program in the style of AWS's examples: hard-coded /opt/ml, port 8080 unless told, standard library.
FOREIGN_PROGRAM: Final = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

assert sys.argv[1] == "serve", sys.argv
model = open("/opt/ml/model/model.json").read() if os.path.exists("/opt/ml/model/model.json") else "{}"
behaviour = json.loads(model)
if behaviour.get("crash"):
    print("crashing on purpose", flush=True)
    sys.exit(3)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", content_type="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ping":
            self.answer(behaviour.get("ping", 200))
        elif self.path == "/execution-parameters" and "parameters" in behaviour:
            self.answer(200, json.dumps(behaviour["parameters"]).encode())
        elif self.path == "/execution-parameters":
            self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if b"die" in body or behaviour.get("dies"):
            os._exit(9)
        if b"slow" in body:
            time.sleep(30)
        if body.startswith(b"pause "):  # it makes the file, and goes on once that is gone
            open(body.split()[1], "x").close()
            until = time.monotonic() + 300
            while os.path.exists(body.split()[1]) and time.monotonic() < until:
                time.sleep(0.01)
        time.sleep(behaviour.get("delay", 0))
        if behaviour.get("fails"):
            return self.answer(500, b"fails always")
        if b"bad" in body:
            return self.answer(400, b"bad record")
        if b"boom" in body:
            return self.answer(500, b"internal trouble")
        if behaviour.get("echo"):
            return self.answer(200, body, self.headers.get("Accept") or "text/plain")
        told = {"body": body.decode(), "headers": {k.lower(): v for k, v in self.headers.items()}, "model": behaviour,
                "env": dict(os.environ)}
        self.answer(200, json.dumps(told).encode(), X_Amzn_SageMaker_Custom_Attributes="from-container", X_Other="no")

    def log_message(self, *arguments):
        print("request", self.path, flush=True)


port = 8080 if behaviour.get("fixed_port") else int(os.environ["SAGEMAKER_BIND_TO_PORT"])
port = behaviour.get("fixed_port", port)
ThreadingHTTPServer.allow_reuse_address = True
server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
print("serving", flush=True)
server.serve_forever()
"""


ACCOUNT: Final = "123456789012"
BATCH: Final = f"{X1}\n{X2}\n"
"""The golden model's two records as a request."""


def golden_model() -> Model:
    """The real artefact's model."""
    weight = np.frombuffer(bytes.fromhex(_WEIGHT), "<f4").reshape(14, 1)
    bias = np.frombuffer(bytes.fromhex(_BIAS), "<f4").reshape(1, 1)
    return Model(weight, bias, "binary_classifier", "logistic", THRESHOLD)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def register_foreign(folder: Path) -> None:
    """Let the foreign image be the program above."""
    program = folder / "foreign_program.py"
    program.write_text(FOREIGN_PROGRAM)
    images.register(images.Image("team/foreign", (sys.executable, str(program))))


class Deployer:
    """Creates models, configurations and endpoints through boto3."""

    def __init__(self, local: LocalService) -> None:
        self.local = local
        self.client = local.sagemaker
        if BUCKET not in [bucket["Name"] for bucket in local.s3.list_buckets()["Buckets"]]:
            local.s3.create_bucket(Bucket=BUCKET)

    def model(self, name: str, image: str = IMAGE, files: Mapping[str, bytes] | None = None, **container: Any) -> str:
        """A model from an archive of `files`, by default the golden one."""
        if files is None:
            files = {artifact.FILE_NAME: artifact.encode(golden_model())}
        self.local.s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive(files))
        self.client.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz"} | container,
        )
        return name

    def configuration(self, name: str, *models: str, **more: Any) -> str:
        """A configuration with one variant a model, named as the model, weight 1."""
        variants = [variant(model) for model in models]
        self.client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **more)
        return name

    def endpoint(self, name: str, configuration: str, *, wait: bool = True) -> Any:
        """An endpoint; its description once it is no longer Creating."""
        self.client.create_endpoint(EndpointName=name, EndpointConfigName=configuration)
        return self.settled(name) if wait else None

    def settled(self, name: str) -> Any:
        """The endpoint's description once nothing is under way."""
        under_way = ("Creating", "Updating", "SystemUpdating")
        return self.local.when(
            lambda: self.client.describe_endpoint(EndpointName=name),
            lambda found: found["EndpointStatus"] not in under_way,
        )

    def invoke(self, name: str, body: bytes | str, content_type: str = "text/csv", **more: Any) -> Any:
        """The response of InvokeEndpoint, with `Body` read."""
        answer = self.local.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=content_type, **more)
        return answer | {"Body": answer["Body"].read()}


def told_to_strangers(local: LocalService) -> list[int]:
    """The statuses by which the serving containers there are answer somebody who has no key."""
    found = []
    for port in listening_ports(os.getpid()) - {int(local.url.rpartition(":")[2])}:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/ping", headers={"x-sagemaker-local-key": "guess"})
            found.append(connection.getresponse().status)
        except OSError:
            continue  # it ended meanwhile
        finally:
            connection.close()
    return found


def variant(model: str, **more: Any) -> dict[str, Any]:
    """A production variant named as its model."""
    return {"VariantName": model, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1} | more


def error_of(action: Any, **request: Any) -> tuple[str, str]:
    """Code and message of the error that an action ends with."""
    with pytest.raises(ClientError) as caught:
        action(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
