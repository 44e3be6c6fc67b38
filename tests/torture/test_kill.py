"""kill -9 at random moments under load, and a restart: what was acknowledged is there, and nothing hangs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.process import lifecycle
from pipeline.local.process.discover import RunningService
from tests.support.service import ROLE, boto_client_of
from tests.support.torture import length
from tests.support.waiting import PATIENCE

BUCKET = "torture"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
WORKERS = length(2, 4)
LONGEST = length(5, 12) / 10
"""Seconds until the kill."""
FOREVER = 1_000_000
DYING = "tests.support.dying_service"
OVER = {"Succeeded", "Failed", "Stopped"}


def definition(number: int) -> str:
    """A job that takes a moment, then a Fail step."""
    job = {
        "Name": "Work",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["sh", "-c", "sleep 0.05"],
            },
            "RoleArn": ROLE,
        },
    }
    end = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": f"end {number}"}, "DependsOn": ["Work"]}
    return json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": [job, end]})


@dataclass
class Acknowledged:
    """What the service has said yes to."""

    objects: dict[str, bytes] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    pipelines: dict[str, str] = field(default_factory=dict)
    executions: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    attempted: dict[str, int] = field(default_factory=dict)
    interrupted: set[str] = field(default_factory=set)
    """The kinds of work during which the service died."""


@contextmanager
def process(state: Path, *program: str) -> Iterator[tuple[RunningService, subprocess.Popen[str]]]:
    """A service of which we may kill exactly the process that we started."""
    command = [sys.executable, "-m", *(program or ["pipeline.local"]), "--state", str(state)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        yield lifecycle.require(state), child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def load(s3: Any, sagemaker: Any, done: Acknowledged, worker: str, stopped: threading.Event, works: int) -> None:
    """One kind of work after another, until the service is gone or so many are done.

    What a fast machine starts beyond the limit of executions at a time is refused as AWS refuses it, and is not
    acknowledged.
    """
    for number in range(works):
        if stopped.is_set():
            break
        work = WORKS[number % len(WORKS)]
        try:
            work(s3, sagemaker, done, f"{worker}-{number}")
        except (BotoCoreError, ClientError) as error:
            if not isinstance(error, ClientError):
                done.interrupted.add(work.__name__)
                break
            if error.response["Error"]["Code"] != "ResourceLimitExceeded":
                raise


def _put(s3: Any, sagemaker: Any, done: Acknowledged, name: str) -> None:
    body = os.urandom(random.choice((0, 10, 20_000)))
    s3.put_object(Bucket=BUCKET, Key=name, Body=body, Metadata={"my_name": name})
    done.objects[name] = body


def _overwrite(s3: Any, sagemaker: Any, done: Acknowledged, name: str) -> None:
    key = "counter-" + name.split("-")[0]
    done.attempted[key] = done.attempted.get(key, 0) + 1
    s3.put_object(Bucket=BUCKET, Key=key, Body=str(done.attempted[key]).encode())
    done.counters[key] = done.attempted[key]


def _pipeline(s3: Any, sagemaker: Any, done: Acknowledged, name: str) -> None:
    pipeline = name.split("-")[0]
    if pipeline not in done.pipelines:
        text = definition(len(done.pipelines))
        sagemaker.create_pipeline(
            PipelineName=pipeline, PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken="t" * 32 + name
        )
        done.pipelines[pipeline] = text
    started = sagemaker.start_pipeline_execution(PipelineName=pipeline, ClientRequestToken="s" * 32 + name)
    done.executions.append(started["PipelineExecutionArn"])


def _package(s3: Any, sagemaker: Any, done: Acknowledged, name: str) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    created = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://torture/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    done.packages.append(created["ModelPackageArn"])


def _tag(s3: Any, sagemaker: Any, done: Acknowledged, name: str) -> None:
    if done.packages:
        arn = done.packages[-1].rsplit("/", 1)[0].replace("model-package/", "model-package-group/")
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "by", "Value": name}])
        done.tags[arn] = name


WORKS = [_put, _overwrite, _pipeline, _package, _tag]


def verify(found: RunningService, done: Acknowledged) -> None:
    """All of it is there as it was acknowledged, and every execution comes to its end."""
    s3, sagemaker = boto_client_of(found, "s3"), boto_client_of(found, "sagemaker")
    for name, body in done.objects.items():
        stored = s3.get_object(Bucket=BUCKET, Key=name)
        assert stored["Body"].read() == body
        assert stored["Metadata"] == {"my_name": name}
    for key, value in done.counters.items():
        assert value <= int(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) <= done.attempted[key]
    for name, text in done.pipelines.items():
        assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == text
    for arn in done.packages:
        assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelPackageStatus"] == "Completed"
    for arn, value in done.tags.items():
        assert {"Key": "by", "Value": value} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    _all_over(sagemaker, done.executions)
    s3.close()
    sagemaker.close()


def _all_over(sagemaker: Any, executions: list[str]) -> None:
    end = time.monotonic() + PATIENCE
    for arn in executions:
        while True:
            found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            if found["PipelineExecutionStatus"] in OVER:
                break
            assert time.monotonic() < end, f"{arn} is still {found['PipelineExecutionStatus']}"
            time.sleep(0.05)
        assert found["PipelineExecutionStatus"] == "Failed"
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        assert {step["StepStatus"] for step in steps} <= OVER
        for step in steps:
            assert step["StepStatus"] != "Failed" or step["FailureReason"], arn
            job = step["Metadata"].get("ProcessingJob", {}).get("Arn")
            if job:
                described = sagemaker.describe_processing_job(ProcessingJobName=job.rsplit("/", 1)[1])
                assert described["ProcessingJobStatus"] in {"Completed", "Failed", "Stopped"}


@pytest.mark.torture
def test_nothing_acknowledged_is_lost_and_nothing_hangs_when_it_is_killed(tmp_path: Path) -> None:
    state, rounds = tmp_path / "state", [Acknowledged()]
    randomness = random.Random(os.environ.get("PIPELINE_TORTURE_SEED", "1"))
    for number in range(length(1, 50)):
        with process(state) as (found, child):
            if number == 0:
                _with_bucket(found)
            verify(found, rounds[-1])
            rounds.append(Acknowledged())
            after = randomness.uniform(0, LONGEST)
            kill = partial(_kill, child, rounds[-1], after, busy=number % 2 == 0)
            _under_load(found, rounds[-1], str(number), kill)
    with process(state) as (found, _):
        for done in rounds:
            verify(found, done)
    assert any(done.executions for done in rounds) and any(done.objects for done in rounds)


@pytest.mark.torture
@pytest.mark.long
def test_nothing_acknowledged_is_lost_at_any_commit_point(tmp_path: Path) -> None:
    """Each round dies before or after another of the syncs of bodies, folders and commits that the load brings."""
    state, journal, rounds = tmp_path / "state", tmp_path / "syncs", [Acknowledged()]
    with process(state, DYING, str(journal), "0") as (found, _):
        _with_bucket(found)
        journal.touch()
        _under_load(found, rounds[0], "p", lambda: None, works=len(WORKS))
        _all_over(boto_client_of(found, "sagemaker"), rounds[0].executions)
    points = _points(len(journal.read_text().splitlines()), length(2, 200))
    for number, point in enumerate(points):
        journal.unlink()
        with process(state, DYING, str(journal), str(point)) as (found, child):
            if number % 5:  # else it dies while it takes up what the round before left
                verify(found, rounds[-1])
            journal.touch()
            rounds.append(Acknowledged())
            _under_load(found, rounds[-1], f"p{number}", partial(child.wait, PATIENCE))
            assert child.returncode == -signal.SIGKILL
    with process(state) as (found, _):
        for done in rounds:
            verify(found, done)
    died = rounds[1:]
    assert any(done.objects for done in died) and any(done.packages for done in died)
    assert any(done.executions for done in died)
    if len(points) > 100:
        assert {name for done in died for name in done.interrupted} == {work.__name__ for work in WORKS}


def _points(syncs: int, number: int) -> list[int]:
    """So many moments, spread over all that work done twice has: two at each sync, one before it and one after it."""
    return [2 * 2 * syncs * (index + 1) // number for index in range(number)]


def _with_bucket(found: RunningService) -> None:
    s3 = boto_client_of(found, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.close()


def _under_load(
    found: RunningService, done: Acknowledged, name: str, kill: Callable[[], Any], works: int = FOREVER
) -> None:
    s3, sagemaker = boto_client_of(found, "s3"), boto_client_of(found, "sagemaker")
    stopped = threading.Event()
    failures: list[BaseException] = []

    def work(worker: str) -> None:
        try:
            load(s3, sagemaker, done, worker, stopped, works)
        except BaseException as error:  # shown by the test, not by the thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"w{name}x{number}",)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    kill()
    if works == FOREVER:
        stopped.set()
    for thread in threads:
        thread.join()
    s3.close()
    sagemaker.close()
    assert not failures, failures[0]


def _kill(child: subprocess.Popen[str], done: Acknowledged, after: float, *, busy: bool) -> None:
    """Some seconds into the round or, where it is to be busy however slow the machine, after its first execution."""
    end = time.monotonic() + PATIENCE
    while busy and not done.executions and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    child.wait()
