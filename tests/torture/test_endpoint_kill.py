"""kill -9 while endpoints are made, changed and deleted: what was acknowledged comes back, and serves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.containers.sandbox.listening import family
from pipeline.local.images.linear_learner import artifact
from pipeline.local.process import lifecycle
from tests.support.service import ROLE, boto_client_of
from tests.support.serving import IMAGE, JSON_ANSWER, X1, X2, archive, golden_model, variant
from tests.support.torture import length
from tests.support.waiting import until

BUCKET = "endpoints"
UNDER_WAY = ("Creating", "Updating", "SystemUpdating", "Deleting")


@contextmanager
def service(state: Path) -> Iterator[tuple[Any, Any, subprocess.Popen[str]]]:
    """A service as a process of its own, killed at the end with all that it started; clients of it."""
    command = [sys.executable, "-m", "pipeline.local", "--state", str(state), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        found = lifecycle.require(state)
        clients = [boto_client_of(found, name) for name in ("sagemaker", "sagemaker-runtime", "s3")]
        yield clients[0], clients[1], process
    finally:
        started = family(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for client in clients:
            client.close()
        until(lambda: [pid for pid in started if os.path.exists(f"/proc/{pid}")], lambda left: not left)


def prepare(state: Path) -> None:
    """A model, two configurations, one endpoint that serves."""
    with service(state) as (sagemaker, _, _):
        s3 = boto_client_of(lifecycle.require(state), "s3")
        s3.create_bucket(Bucket=BUCKET)
        packed = archive({artifact.FILE_NAME: artifact.encode(golden_model())})
        s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed)
        s3.close()
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        for name in ("odd", "even"):
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("m")])
        sagemaker.create_endpoint(EndpointName="steady", EndpointConfigName="odd")
        settled(sagemaker, "steady")


def settled(sagemaker: Any, name: str) -> Any:
    return until(
        lambda: sagemaker.describe_endpoint(EndpointName=name),
        lambda found: found["EndpointStatus"] not in UNDER_WAY,
    )


def change(sagemaker: Any, round_number: int, there: set[str]) -> None:
    """Create, update and delete until the service is gone; `there` holds what it has said yes to."""
    try:
        name = f"new-{round_number}"
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="even")
        there.add(name)
        sagemaker.update_endpoint(EndpointName="steady", EndpointConfigName="odd" if round_number % 2 else "even")
        for old in sorted(there - {"steady", name}):
            sagemaker.delete_endpoint(EndpointName=old)
            there.discard(old)
    except (ClientError, BotoCoreError):
        pass


def wait_for_folders(state: Path, names: set[str]) -> None:
    """One folder an endpoint; what an update replaced ends a moment after the update."""
    found = until(
        lambda: sorted(path.name.rpartition("-")[0] for path in (state / "endpoints").iterdir()),
        lambda folders: folders == sorted(names),
    )
    assert found == sorted(names)


@pytest.mark.torture
@pytest.mark.long
def test_endpoints_survive_a_kill_at_any_moment(tmp_path: Path) -> None:
    state = tmp_path / "state"
    prepare(state)
    there = {"steady"}
    moments = random.Random(7)
    for round_number in range(length(1, 40)):
        with service(state) as (sagemaker, _, process):
            settled(sagemaker, "steady")
            changing = threading.Thread(target=change, args=(sagemaker, round_number, there))
            changing.start()
            time.sleep(moments.uniform(0, 0.5))
            os.kill(process.pid, signal.SIGKILL)
            changing.join()
        with service(state) as (sagemaker, runtime, _):
            listed = until(
                lambda: sagemaker.list_endpoints(MaxResults=100)["Endpoints"],
                lambda found: all(item["EndpointStatus"] not in UNDER_WAY for item in found),
            )
            # A request that was cut off may have been carried out: more than was acknowledged can be there, not less.
            names = {item["EndpointName"] for item in listed}
            assert "steady" in names
            assert names - there <= {f"new-{round_number}"} and there - names <= {
                f"new-{n}" for n in range(round_number)
            }
            there = names
            for item in listed:
                assert item["EndpointStatus"] == "InService", item
                answer = runtime.invoke_endpoint(
                    EndpointName=item["EndpointName"], Body=f"{X1}\n{X2}\n", ContentType="text/csv"
                )
                assert answer["Body"].read() == JSON_ANSWER
            wait_for_folders(state, names)
