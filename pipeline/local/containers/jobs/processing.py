"""A processing job: inputs in, the entry point on every instance, outputs and the exit message out.

Instances are containers side by side on this machine, named algo-1, algo-2 ... as on AWS, each with its own /opt/ml.
"""

from __future__ import annotations

import codecs
import threading
from typing import TYPE_CHECKING, Final

from pipeline.limits import Row
from pipeline.local import images
from pipeline.local.containers.jobs import s3_inputs, s3_outputs
from pipeline.local.containers.jobs.running_job import Ending, JobFailure, JobStopped, RunningJob, Why
from pipeline.local.containers.jobs.s3_outputs import Mirror
from pipeline.local.containers.jobs.s3_uris import TransferError
from pipeline.local.containers.sandbox import opt_ml
from pipeline.local.containers.sandbox.opt_ml import OptMl
from pipeline.local.containers.sandbox.sweeping import sweep
from pipeline.local.kinds import PROCESSING_JOB, ProcessingJob

MESSAGE: Final = "/opt/ml/output/message"
MESSAGE_LIMIT: Final = 1024
"""Bytes of the exit message that are kept."""

_LARGEST_MESSAGE: Final = 1 << 20

UPLOAD_INTERVAL: Final = 1.0
"""Seconds between two uploads of a Continuous output or of checkpoints."""

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import type_defs as aws

PARITY: Final = (
    Row(
        area="processing",
        subject="end of MaxRuntimeInSeconds",
        here="The job ends Stopped; outputs so far are uploaded.",
        aws="`the processing job is stopped`; whether as Stopped or Failed is not established.",
    ),
    Row(
        area="processing",
        subject="outputs of a job that failed or was stopped",
        here="EndOfJob outputs are uploaded as they are.",
        aws="A Failed job with uploaded outputs was seen once; for stopped jobs it is not established.",
    ),
    Row(
        area="processing",
        subject="S3InputMode Pipe",
        here="The data lie at LocalPath as files, decompressed where S3CompressionType is Gzip.",
        aws="Named pipes, whose names are not documented.",
    ),
    Row(
        area="processing",
        subject="S3UploadMode Continuous",
        here=f"Every {UPLOAD_INTERVAL:g} s what is new or changed, and the rest at the end.",
        aws="The interval is not documented.",
    ),
    Row(
        area="processing",
        subject="stop",
        here="SIGTERM to the first process of each container, after 120 s SIGKILL to all.",
        aws="The guide names SIGINT and SIGKILL for processing and no grace; training has SIGTERM and 120 s.",
    ),
)


def run(running: RunningJob) -> None:
    """Run a processing job from start to its final status."""
    running.update(ProcessingStartTime=running.service.clock.now())
    body = running.record(PROCESSING_JOB)
    running.count = body["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
    names = opt_ml.hosts(running.count)
    roots = [running.opt_ml(host) for host in names]
    _prepare(running, body, names, roots)
    mirrors = _mirrors(running, body, roots)
    _start(running, body, names)
    with ContinuousUploads([mirror for mirror, mode in mirrors if mode == "Continuous"]):
        ending = running.wait(body["StoppingCondition"]["MaxRuntimeInSeconds"])
    running.close_logs()
    status, reason = _verdict(ending)
    message, complaint = exit_message(roots)
    try:
        for mirror, _ in mirrors:
            mirror.sync()
    except TransferError as error:
        status, reason = "Failed", reason or f"ClientError: Artifact upload failed:{error}"
    if complaint:
        status, reason = "Failed", complaint
    sweep(running.folder, keep=status == "Failed")
    running.finish(status, reason, ExitMessage=message or None)


def _prepare(running: RunningJob, body: ProcessingJob, names: list[str], roots: list[OptMl]) -> None:
    for index, (host, root) in enumerate(zip(names, roots, strict=True)):
        opt_ml.write_processing(root, body, host, names)
        for given in body.get("ProcessingInputs", []):
            if running.stopping.is_set():
                raise JobStopped(running.name)
            # What is managed by the job's own program is not the platform's to bring or to take.
            if "S3Input" in given and not given.get("AppManaged"):
                _download(running, given["S3Input"], root, index, len(names))
        for output in _outputs(body):
            root.folders(output["LocalPath"])


def _download(running: RunningJob, given: aws.ProcessingS3InputTypeDef, root: OptMl, index: int, count: int) -> None:
    objects = running.service.objects
    try:
        found = s3_inputs.sources(objects, given["S3Uri"], given["S3DataType"])
        if given["S3DataDistributionType"] == "ShardedByS3Key":
            found = s3_inputs.shard(found, index, count)
        s3_inputs.download(objects, found, root.inside(given["LocalPath"]), gunzip=given["S3CompressionType"] == "Gzip")
    except TransferError as error:
        raise JobFailure(f"ClientError: Data download failed:{error}") from None


def _outputs(body: ProcessingJob) -> list[aws.ProcessingS3OutputTypeDef]:
    outputs = body["ProcessingOutputConfig"]["Outputs"] if "ProcessingOutputConfig" in body else []
    return [given["S3Output"] for given in outputs if "S3Output" in given and not given.get("AppManaged")]


def _mirrors(running: RunningJob, body: ProcessingJob, roots: list[OptMl]) -> list[tuple[Mirror, str]]:
    return [
        (
            Mirror(running.service.objects, root.inside(given["LocalPath"]), given["S3Uri"]),
            given["S3UploadMode"],
        )
        for root in roots
        for given in _outputs(body)
    ]


def _start(running: RunningJob, body: ProcessingJob, names: list[str]) -> None:
    application = body["AppSpecification"]
    image = images.resolve(application["ImageUri"])
    argv = application.get("ContainerEntrypoint") or image.program("process")
    for host in names:
        running.foretell(host, application["ImageUri"])
        running.start(
            host,
            [*argv, *application.get("ContainerArguments", [])],
            image,
            body.get("Environment", {}),
            volume=body["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"],
            alone=body.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
        )


def _verdict(ending: Ending) -> tuple[str, str]:
    if ending.why is not Why.EXITED:
        return "Stopped", ""
    if ending.code:
        return "Failed", f"AlgorithmError: , exit code: {ending.code}"
    return "Completed", ""


def exit_message(roots: list[OptMl]) -> tuple[str, str]:
    """The text of all message files, cut to 1 KB; and the failure reason if they are no UTF-8."""
    whole = b"".join(s3_outputs.content(root.inside(MESSAGE), _LARGEST_MESSAGE) for root in roots)
    try:
        # A text that was cut in the middle of a character is none the worse.
        codecs.getincrementaldecoder("utf-8")().decode(whole, final=len(whole) < _LARGEST_MESSAGE)
    except UnicodeDecodeError:
        return "", f"ClientError: The exit message in {MESSAGE} is not valid UTF-8."
    return whole[:MESSAGE_LIMIT].decode(errors="ignore"), ""


class ContinuousUploads:
    """While it is entered, mirrors are brought up to date at an interval, in a thread."""

    def __init__(self, mirrors: list[Mirror]) -> None:
        self._mirrors = mirrors
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ContinuousUploads:
        if self._mirrors:
            self._thread = threading.Thread(target=self._upload, daemon=True, name="uploads")
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _upload(self) -> None:
        while not self._end.wait(UPLOAD_INTERVAL):
            for mirror in self._mirrors:
                try:
                    mirror.sync()
                except TransferError:
                    # The last upload, at the end of the job, says what is wrong.
                    return
