"""A training job: channels in, the algorithm on every instance, the model out, and what the log says of its quality.

Statuses, their messages and the failure reasons are those of real jobs. At the end of MaxRuntimeInSeconds or after
a stop the model that is there is uploaded all the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import images
from pipeline.local.containers.jobs import channel_pipes, s3_inputs, s3_outputs
from pipeline.local.containers.jobs.log_metrics import final_metrics
from pipeline.local.containers.jobs.processing import ContinuousUploads
from pipeline.local.containers.jobs.running_job import REASON_LIMIT, Ending, JobFailure, JobStopped, RunningJob, Why
from pipeline.local.containers.jobs.s3_inputs import InputObject
from pipeline.local.containers.jobs.s3_outputs import Mirror
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.containers.jobs.training_results import upload_results
from pipeline.local.containers.sandbox import opt_ml
from pipeline.local.containers.sandbox.opt_ml import OptMl
from pipeline.local.containers.sandbox.sweeping import sweep
from pipeline.local.images import Image
from pipeline.local.kinds import TRAINING_JOB, Body, TrainingJob, Transition
from pipeline.local.s3.store import Objects

FAILURE: Final = "/opt/ml/output/failure"
_BLAME: Final = {
    "Customer Error: ": "ClientError: ",
    "Algorithm Error: ": "AlgorithmError: ",
    "Platform Error: ": "InternalServerError: ",
}

MESSAGES: Final = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading the training image",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}

PARITY: Final = (
    Row(
        area="training",
        subject="InstanceCount of a built-in algorithm",
        here="One process on all the data, whatever the count.",
        aws="As many instances, which train one model together.",
    ),
    Row(
        area="training",
        subject="FailureReason with a failure file",
        here="`AlgorithmError: <text>, exit code: N`; of a built-in algorithm `ClientError: <text>` and the like, by"
        " the prefix of the file.",
        aws="The place of the exit code after a text is not established.",
    ),
    Row(
        area="training",
        subject="FastFile, shuffling, managed spot training, warm pools, debugger and profiler rules",
        here="FastFile is File; ShuffleConfig shuffles by its seed; the others are stored and shown.",
        aws="Done.",
    ),
)


def run(running: RunningJob) -> None:
    """Run a training job from start to its final status."""
    enter(running, "Downloading", TrainingStartTime=running.service.clock.now())
    body = running.record(TRAINING_JOB)
    image = images.resolve(body["AlgorithmSpecification"]["TrainingImage"])
    running.count = 1 if image.builtin else body["ResourceConfig"]["InstanceCount"]
    names = opt_ml.hosts(running.count)
    roots = [running.opt_ml(host) for host in names]
    try:
        pipes = _prepare(running, body, names, roots)
        checkpoints = _checkpoints(running, body, roots)
    except TransferError as error:
        raise JobFailure(f"ClientError: Data download failed:{error}") from None
    if running.stopping.is_set():
        raise JobStopped(running.name)
    enter(running, "Training")
    feeding = channel_pipes.Pipes(running.service.objects, pipes, broken=running.stop)
    with feeding, ContinuousUploads(checkpoints):
        _start(running, body, image, names)
        ending = running.wait(body["StoppingCondition"]["MaxRuntimeInSeconds"])
    running.close_logs()
    if feeding.failure:
        raise JobFailure(f"ClientError: Data download failed:{feeding.failure}")
    enter(running, "Uploading")
    status, reason = _verdict(ending, image, roots)
    metrics = final_metrics(_logs(running, names), body["AlgorithmSpecification"].get("MetricDefinitions", []))
    try:
        upload_results(running.service.objects, body, roots)
        for mirror in checkpoints:
            mirror.sync()
    except TransferError as error:
        status, reason = "Failed", reason or f"ClientError: Artifact upload failed:{error}"
    sweep(running.folder, keep=status == "Failed")
    running.update(FinalMetricDataList=metrics or None)
    end(running, status, reason, timed_out=ending.why is Why.TIME_UP)


def enter(running: RunningJob, status: str, **members: Any) -> None:
    """Go on to a secondary status, as a transition with its time and message."""
    now = running.service.clock.now()
    with running.service.store.transaction():
        before = running.record(TRAINING_JOB).get("SecondaryStatusTransitions", [])
        running.update(SecondaryStatus=status, SecondaryStatusTransitions=transitions(before, status, now), **members)


def transitions(before: list[Transition], status: str, now: float) -> list[Transition]:
    """The transitions with one more; it ends the one before."""
    ended: list[Transition] = [entry if "EndTime" in entry else {**entry, "EndTime": now} for entry in before]
    return [*ended, {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]}]


def end(running: RunningJob, status: str, reason: str, *, timed_out: bool = False) -> None:
    """The final status with everything that goes with it."""
    body, now = running.record(TRAINING_JOB), running.service.clock.now()
    secondary = "MaxRuntimeExceeded" if timed_out and status == "Stopped" else status
    final = transitions(body.get("SecondaryStatusTransitions", []), secondary, now)
    final[-1]["EndTime"] = now
    members: Body = {"SecondaryStatus": secondary, "SecondaryStatusTransitions": final}
    if "TrainingStartTime" in body:
        seconds = max(1, round(now - body["TrainingStartTime"]))
        members |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    running.finish(status, reason, **members)


def _prepare(running: RunningJob, body: TrainingJob, names: list[str], roots: list[OptMl]) -> list[channel_pipes.Pipe]:
    pipes: list[channel_pipes.Pipe] = []
    for index, (host, root) in enumerate(zip(names, roots, strict=True)):
        opt_ml.write_training(root, body, host, names)
        for channel in body.get("InputDataConfig", []):
            if running.stopping.is_set():
                raise JobStopped(running.name)
            found = _objects(running.service.objects, channel, index, len(names))
            folder = root.inside("/opt/ml/input/data")
            name = channel["ChannelName"]
            gunzip = channel["CompressionType"] == "Gzip"
            if _mode(channel, body) == "Pipe":
                pipes.append(channel_pipes.Pipe(folder / name, tuple(found), gunzip, channel["RecordWrapperType"]))
            else:
                s3_inputs.download(running.service.objects, found, folder / name, gunzip=gunzip)
    return pipes


def _mode(channel: Mapping[str, Any], body: TrainingJob) -> str:
    """File, Pipe or FastFile: the channel's own or the algorithm's."""
    return str(channel.get("InputMode") or body["AlgorithmSpecification"]["TrainingInputMode"])


def _objects(objects: Objects, channel: Mapping[str, Any], index: int, count: int) -> list[InputObject]:
    """The objects of a channel for instance `index` of `count`, shuffled if the channel says so."""
    given = channel["DataSource"]["S3DataSource"]
    found = s3_inputs.sources(objects, given["S3Uri"], given["S3DataType"])
    if "ShuffleConfig" in channel:
        random.Random(channel["ShuffleConfig"]["Seed"]).shuffle(found)
    if given["S3DataDistributionType"] == "ShardedByS3Key":
        found = s3_inputs.shard(found, index, count)
    return found


def _checkpoints(running: RunningJob, body: TrainingJob, roots: list[OptMl]) -> list[Mirror]:
    """Bring earlier checkpoints back, and the mirrors that keep them in S3."""
    given = body.get("CheckpointConfig")
    if given is None:
        return []
    objects = running.service.objects
    uri = given["S3Uri"].rstrip("/") + "/"
    folders = [root.inside(given["LocalPath"]) for root in roots]
    for folder in folders:
        s3_inputs.download(objects, s3_inputs.sources(objects, uri), folder)
    mirrors = [Mirror(objects, folder, given["S3Uri"]) for folder in folders]
    for mirror in mirrors:
        mirror.know()
    return mirrors


def _start(running: RunningJob, body: TrainingJob, image: Image, names: list[str]) -> None:
    for host in names:
        running.foretell(host, body["AlgorithmSpecification"]["TrainingImage"])
        running.start(
            host,
            command(body["AlgorithmSpecification"], image),
            image,
            body.get("Environment", {}),
            volume=body["ResourceConfig"].get("VolumeSizeInGB") or 1,
            alone=body["EnableNetworkIsolation"],
            TRAINING_JOB_NAME=running.name,
            TRAINING_JOB_ARN=body["TrainingJobArn"],
        )


def command(algorithm: Mapping[str, Any], image: Image) -> list[str]:
    """What runs: `<image> train`, or the job's own entry point and arguments, which replace them as in Docker."""
    entrypoint, arguments = algorithm.get("ContainerEntrypoint"), algorithm.get("ContainerArguments")
    if entrypoint:
        return [*entrypoint, *(arguments or [])]
    if arguments:
        return [*image.program("process"), *arguments]
    return image.program("train")


def _verdict(ending: Ending, image: Image, roots: list[OptMl]) -> tuple[str, str]:
    if ending.why is not Why.EXITED:
        return "Stopped", ""
    if ending.code == 0:
        return "Completed", ""
    texts = [s3_outputs.content(root.inside(FAILURE), 4 * REASON_LIMIT).decode(errors="replace") for root in roots]
    return "Failed", failure_reason(next(filter(None, texts), ""), ending.code, builtin=image.builtin)


def failure_reason(text: str, code: int, *, builtin: bool) -> str:
    """FailureReason for the text of a failure file and an exit code."""
    text = text[:REASON_LIMIT]
    if builtin:
        for prefix, shown in _BLAME.items():
            if text.startswith(prefix):
                return (shown + text.removeprefix(prefix).strip())[:REASON_LIMIT]
    return f"AlgorithmError: {text.rstrip()}, exit code: {code}"[:REASON_LIMIT]


def _logs(running: RunningJob, names: list[str]) -> list[Path]:
    group = running.kind.log_group
    return [running.service.logs.path(group, running.stream(host)) for host in names]
