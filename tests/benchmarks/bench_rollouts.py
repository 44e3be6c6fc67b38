"""Twenty rollouts of all kinds, five of them of bad models, while eight clients ask: who answers, and who is failed.

The clients send so many requests a second and no more. A request counts as failed unless the answer is a prediction;
failures are told apart by who answered: the bad model within its share of the traffic, or anybody else, which should be
nobody.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.local.images.linear_learner import artifact
from pipeline.local.process import lifecycle
from scripts.endpoints.scaling import VARIANT
from scripts.rollout_endpoint import Wishes, alarms_of, deployment_config
from tests.benchmarks.bench_endpoint import ROLE, Connection
from tests.support.serving import BATCH, FOREIGN_IMAGE, FOREIGN_PROGRAM, IMAGE, archive, golden_model

NAME = "rollouts"
BUCKET = "bench-rollouts"
FACTOR = 0.01
CLIENTS, EACH = 8, 30
"""Clients, and requests a second of each."""

KINDS = ("all-at-once", "canary", "linear")
BAD: dict[int, dict[str, Any]] = {
    3: {"crash": True},
    7: {"fails": True},
    8: {"fails": True},
    13: {"dies": True},
    17: {"delay": 3},
}
"""The place of a bad model among the rollouts, and how its program behaves."""


@dataclass(frozen=True)
class Asked:
    """One request: when it was sent, its status, its seconds, and what was answered."""

    at: float
    status: int
    seconds: float
    body: bytes


@dataclass
class Clients:
    """The requests of all clients so far."""

    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, place: int) -> None:
        """One client: a request each so many milliseconds, over one kept connection."""
        due = time.monotonic() + place / (CLIENTS * EACH)
        with Connection(BATCH.encode(), NAME) as connection:
            while not self.over.wait(max(0.0, due - time.monotonic())):
                began = time.monotonic()
                status, body = connection.exchange()
                self.asked.append(Asked(began, status, time.monotonic() - began, body))
                due = max(due + 1 / EACH, began)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """All clients ask within the block."""
        threads = [threading.Thread(target=self.ask, args=(place,)) for place in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()


@dataclass(frozen=True)
class Rolled:
    """One rollout: its place, its kind, whether its model was bad, and between which times."""

    place: int
    kind: str
    behaviour: dict[str, Any] | None
    began: float
    ended: float
    reason: str


def main() -> None:
    """Print a line a bad rollout, then the sums."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "foreign.py"
        program.write_text(FOREIGN_PROGRAM)
        image = f"team/foreign={sys.executable} {program}"
        # Without the waiting for the disk: what is measured is who answers.
        lifecycle.start(folder / "state", detach=True, images=[image], wait_factor=FACTOR, sync=False)
        try:
            measure(lifecycle.require(folder / "state"))
        finally:
            lifecycle.stop(folder / "state")


def measure(running: lifecycle.RunningService) -> None:
    import boto3

    os.environ.update({key: value for key, value in lifecycle.environment(running).items() if value is not None})
    session = boto3.session.Session()
    sagemaker = session.client("sagemaker")
    models(session.client("s3"), sagemaker)
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="good-0")
    settled(sagemaker)
    wishes = Wishes("canary", 20, 120, 3600, 1.0, 2000.0, ())
    made = alarms_of(wishes, NAME)
    for alarm in made:
        session.client("cloudwatch").put_metric_alarm(**alarm)
    clients = Clients()
    with clients.asking():
        rolled = [
            roll_out(sagemaker, place, replace(wishes, kind=KINDS[place % 3]), [alarm["AlarmName"] for alarm in made])
            for place in range(20)
        ]
    tell(clients.asked, rolled)


def models(s3: Any, sagemaker: Any) -> None:
    """Two good models, which answer otherwise, and a bad one for each place, each with its configuration."""
    s3.create_bucket(Bucket=BUCKET)
    good = golden_model()
    wanted = {
        f"good-{index}": (
            IMAGE,
            {artifact.FILE_NAME: artifact.encode(replace(good, bias=good.bias + np.float32(index)))},
        )
        for index in (0, 1)
    } | {f"bad-{place}": (FOREIGN_IMAGE, {"model.json": json.dumps(how).encode()}) for place, how in BAD.items()}
    for name, (image, files) in wanted.items():
        s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive(files))
        container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": VARIANT, "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 5}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def settled(sagemaker: Any) -> Any:
    """The endpoint once nothing is under way."""
    while (found := sagemaker.describe_endpoint(EndpointName=NAME))["EndpointStatus"] not in ("InService", "Failed"):
        time.sleep(0.05)
    return found


def roll_out(sagemaker: Any, place: int, wishes: Wishes, alarms: list[str]) -> Rolled:
    """One rollout to its end, from whatever good model serves."""
    serves = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]
    other = "good-1" if serves == "good-0" else "good-0"
    config, began = f"bad-{place}" if place in BAD else other, time.monotonic()
    sagemaker.update_endpoint(
        EndpointName=NAME, EndpointConfigName=config, DeploymentConfig=deployment_config(wishes, alarms)
    )
    found = settled(sagemaker)
    if found["EndpointConfigName"] != (serves if place in BAD else config):
        print(f"rollout {place} ({wishes.kind}) ended with {found['EndpointConfigName']}: {found.get('FailureReason')}")
    return Rolled(place, wishes.kind, BAD.get(place), began, time.monotonic(), found.get("FailureReason", ""))


def tell(asked: list[Asked], rolled: list[Rolled]) -> None:
    """Whose failures they were, and how quick the answers."""
    failed = [request for request in asked if request.status != 200]
    theirs = 0
    for one in (one for one in rolled if one.behaviour):
        during = [request for request in asked if one.began <= request.at <= one.ended]
        answered = [request for request in during if request.status != 200 or b'"model"' in request.body]
        # Each deployment has a log stream of its own, which the error names: a second one would be a good model's.
        streams = {json.loads(request.body)["LogStreamArn"] for request in answered if request.status == 424}
        theirs += sum(request.status == 424 for request in answered) if len(streams) == 1 else 0
        print(
            f"{one.kind} of one that {next(iter(one.behaviour or {}))}: the bad one answered {len(answered)} of"
            f" {len(during)} in {one.ended - one.began:.1f} s; {one.reason[:110]}"
        )
    times = [request.seconds for request in asked if b'"model"' not in request.body and request.status == 200]
    seconds = max(request.at for request in asked) - min(request.at for request in asked)
    print(f"{len(rolled)} rollouts in {seconds:.0f} s, {len(BAD)} of bad models; {CLIENTS} clients")
    print(f"{'requests':44} {len(asked):10,} at {len(asked) / seconds:,.0f} /s")
    print(f"{'failed, by a bad model in its share':44} {theirs:10,}")
    print(f"{'failed otherwise':44} {len(failed) - theirs:10,}")
    print(f"{'answers of the good models':44} {'':10} p99 {np.quantile(times, 0.99) * 1e3:6.2f} ms")
    for request in (
        request for request in failed if not any(o.behaviour and o.began <= request.at <= o.ended for o in rolled)
    ):
        print(f"  {request.status} {request.body[:200]!r}")


if __name__ == "__main__":
    main()
