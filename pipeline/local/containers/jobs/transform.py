"""Batch transform: each object of the input goes through the model's own serving container and comes out as one object.

An object that cannot be transformed has no output and fails the job, but only after all others were transformed.
What went wrong with which object stands in the job's data log.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pipeline.limits import Row
from pipeline.local import trees
from pipeline.local.containers.hosting.connection import NoAnswer
from pipeline.local.containers.hosting.model_data import ModelDataError, containers_of
from pipeline.local.containers.hosting.serving_container import STOP_GRACE, ServingContainer
from pipeline.local.containers.jobs.running_job import JobFailure, RunningJob
from pipeline.local.containers.jobs.s3_inputs import InputObject, shard, sources
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.containers.jobs.transform_log import InstanceLog
from pipeline.local.containers.jobs.transform_object import ALGORITHM, CLIENT, DEFAULTS, ObjectTransform, Terms, given
from pipeline.local.kinds import MODEL, TRANSFORM_JOB, Body, TransformJob
from pipeline.local.s3.store import S3Error

PARITY: Final = (
    Row(
        area="batch transform",
        subject="InstanceCount",
        here="containers side by side, one an instance, but no more than there are objects and no more than 8",
        aws="instances",
    ),
    Row(
        area="batch transform",
        subject="an input without objects",
        here="the job fails: `ClientError: No S3 objects found under S3 URL ...`",
        aws="the text is that of training; for transform it is not established",
    ),
)

MOST_INSTANCES: Final = 8
_HEALTH_TIMEOUT: Final = 1800.0


def run(running: RunningJob) -> None:
    """Run a transform job from start to its final status. Raises JobFailure, JobStopped."""
    running.update(TransformStartTime=running.service.clock.now())
    _Transform(running, running.record(TRANSFORM_JOB)).run()
    running.finish("Completed")


class _Transform:
    """One job."""

    def __init__(self, running: RunningJob, job: TransformJob) -> None:
        self._service = running.service
        self._name = running.name
        self._job = job
        self._grace = running.grace
        self._stopping = running.stopping
        self._folder = running.folder
        self._objects = ObjectTransform(running.service, running.name, job, self._stopping, self._folder / "output")

    def run(self) -> None:
        found = self._sources()
        instances = min(self._job["TransformResources"]["InstanceCount"], len(found), MOST_INSTANCES)
        trees.remove(self._folder / "output")
        (self._folder / "output").mkdir(parents=True)
        with ThreadPoolExecutor(instances, thread_name_prefix=f"transform-{self._name}") as pool:
            ends = [pool.submit(self._instance, index, shard(found, index, instances)) for index in range(instances)]
        for end in ends:
            end.result()
        self._objects.check_stop()
        if failures := self._objects.failures:
            raise JobFailure(ALGORITHM if ALGORITHM in failures else CLIENT)
        try:
            self._objects.write_capture()
        except TransferError as error:
            raise JobFailure(f"ClientError: Data capture failed:{error}") from None

    def _sources(self) -> list[InputObject]:
        data = self._job["TransformInput"]["DataSource"]["S3DataSource"]
        try:
            found = sources(self._service.objects, data["S3Uri"], data["S3DataType"])
        except (TransferError, S3Error) as error:
            raise JobFailure(f"ClientError: {error}") from error
        found = [source for source in found if not source.key.endswith("/")]
        if not found:
            bucket, _ = split_uri(data["S3Uri"])
            raise JobFailure(
                f'ClientError: No S3 objects found under S3 URL "{data["S3Uri"]}" given in input data source. Please '
                f"ensure that the bucket exists in the selected region ({self._service.configuration.region}), that "
                f'objects exist under that S3 prefix, and that the role has "s3:ListBucket" permissions on bucket '
                f'"{bucket}".'
            )
        return found

    # one instance

    def _instance(self, index: int, found: list[InputObject]) -> None:
        """Start the model's containers and send them the objects of this instance."""
        log = InstanceLog(self._service, self._name, self._folder / ("log" if index == 0 else f"log-{index}"))
        containers = self._containers(index, log)
        done = threading.Event()
        threading.Thread(target=self._stop_when_asked, args=(containers, done), daemon=True).start()
        try:
            for container in containers:
                container.prepare()
                if not container.start(_HEALTH_TIMEOUT):
                    self._objects.check_stop()
                    raise JobFailure("AlgorithmError: Model container failed to respond to ping")
            terms = Terms.of(self._job, self._asked(containers[0]))
            log.data(
                f"MaxConcurrentTransforms={terms.concurrent}, MaxPayloadInMB={(terms.limit or 0) // 1024**2}, "
                f"BatchStrategy={'SINGLE_RECORD' if terms.single else 'MULTI_RECORD'}"
            )
            self._warn(log)
            with ThreadPoolExecutor(terms.concurrent, thread_name_prefix=f"invoke-{self._name}") as pool:
                for source in found:
                    self._objects.transform(source, containers, terms, pool, log)
        except ModelDataError as error:
            raise JobFailure(f"ClientError: {error}") from error
        finally:
            done.set()
            for container in containers:
                container.stop(min(STOP_GRACE, self._grace))
                trees.remove(container.folder)
            log.close()

    def _containers(self, index: int, log: InstanceLog) -> list[ServingContainer]:
        model = self._service.store.get(MODEL, self._job["ModelName"])
        if model is None:
            arn = self._service.arns.of(MODEL, self._job["ModelName"])
            raise JobFailure(f'ClientError: Could not find model "{arn}".')
        definitions = containers_of(model)
        own = {
            "SAGEMAKER_BATCH": "true",
            "TRANSFORM_JOB_NAME": self._name,
            "TRANSFORM_JOB_ARN": self._job["TransformJobArn"],
        }
        names = {
            "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
            "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
            "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
        }
        own |= {names[member]: str(value) for member, value in given(self._job).items()}
        return [
            ServingContainer(
                self._service,
                definition,
                self._folder / f"instance-{index}-{number}",
                log.line,
                more_environment=self._job.get("Environment", {}) | own,
            )
            for number, definition in enumerate(definitions)
        ]

    def _asked(self, container: ServingContainer) -> Body:
        """What the container says at /execution-parameters, if it says anything."""
        try:
            answer = container.request("GET", "/execution-parameters", {}, timeout=2.0)
            asked = json.loads(answer.body) if answer.status == 200 else {}
        except (NoAnswer, ValueError):
            return {}
        if not isinstance(asked, dict):
            return {}
        return {key: asked[key] for key in DEFAULTS if isinstance(asked.get(key), type(DEFAULTS[key]))}

    def _warn(self, log: InstanceLog) -> None:
        association = self._objects.association
        if association is None:
            return
        for path in (association.input_filter, association.output_filter):
            if path.has_closed_slice:
                log.data(f"Warning: {path.text} ends before its last index here; on AWS it may include it.")

    def _stop_when_asked(self, containers: list[ServingContainer], done: threading.Event) -> None:
        while not done.wait(0.1):
            if self._stopping.is_set():
                for container in containers:
                    container.stop(self._grace)
                return
