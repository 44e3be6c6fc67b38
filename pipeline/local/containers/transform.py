"""Batch transform: each object of the input goes through the model's own serving container and comes out as one object.

An object that cannot be transformed has no output and fails the job, but only after all others were transformed.
What went wrong with which object stands in the job's data log.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pipeline.local import logs
from pipeline.local.containers.associate import Association, AssociationError
from pipeline.local.containers.connection import NoAnswer, TooLate
from pipeline.local.containers.model_data import ModelDataError, containers_of
from pipeline.local.containers.records import RecordError, pack, split
from pipeline.local.containers.running import TRANSFORM, JobFailure, JobStopped, job_folder
from pipeline.local.containers.serving import STOP_GRACE, ServingContainer, ask
from pipeline.local.containers.transfer import Source, TransferError, shard, sources, split_uri
from pipeline.local.objects import S3Error
from pipeline.local.parity import Row

if TYPE_CHECKING:
    from pipeline.local.service import Service

Body = dict[str, Any]

PARITY: Final = (
    Row(
        area="batch transform",
        subject="AssembleWith Line where an answer ends in a newline already",
        here="one newline between answers, none doubled",
        aws="not established; real outputs have one line a record",
    ),
    Row(
        area="batch transform",
        subject="BatchStrategy SingleRecord with RecordIO",
        here="the zero bytes that pad a record are removed, its frame stays",
        aws="`padding is removed`; whether the frame counts as padding is not established",
    ),
    Row(
        area="batch transform",
        subject="DataCaptureConfig of a transform job",
        here="stored and shown, nothing is captured",
        aws="manifests under the destination",
    ),
    Row(
        area="batch transform",
        subject="an input without objects",
        here="the job fails: `ClientError: No S3 objects found under S3 URL ...`",
        aws="the text is that of training; for transform it is not established",
    ),
)

CLIENT: Final = "ClientError: See job logs for more information"
ALGORITHM: Final = "AlgorithmError: See job logs for more information"
_DEFAULTS: Final[Body] = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
_STRATEGIES: Final = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
_RETRY_PAUSE: Final = 0.2
_HEALTH_TIMEOUT: Final = 1800.0


def run(service: Service, name: str) -> None:
    """Run a stored transform job to its end. Raises JobFailure, JobStopped."""
    job = service.store.merge(TRANSFORM.name, name, TransformStartTime=service.clock.now())
    _Transform(service, name, job).run()
    now = service.clock.now()
    service.store.merge(
        TRANSFORM.name, name, TransformJobStatus="Completed", TransformEndTime=now, LastModifiedTime=now
    )


class _ObjectFailed(Exception):
    """One object cannot be transformed; `reason` is what the job then ends with."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class _Terms:
    """How requests are made: by the job, else as the container asks, else the defaults."""

    concurrent: int
    limit: int | None
    """Bytes of one request; None where MaxPayloadInMB is 0."""
    single: bool

    @classmethod
    def of(cls, job: Body, asked: Body) -> _Terms:
        terms = _DEFAULTS | asked | _given(job)
        megabytes = int(terms["MaxPayloadInMB"])
        strategy = str(terms["BatchStrategy"])
        return cls(
            max(1, int(terms["MaxConcurrentTransforms"])), megabytes * 1024**2 or None, strategy == "SINGLE_RECORD"
        )


class _Transform:
    """One job."""

    def __init__(self, service: Service, name: str, job: Body) -> None:
        self._service = service
        self._name = name
        self._job = job
        self._stopping = service.jobs.stopping(TRANSFORM.name, name)
        self._folder = job_folder(service, TRANSFORM, name)
        association = Association.of(job)
        self._association = association
        self._split_type = job["TransformInput"].get("SplitType", "None")
        self._lines = job["TransformOutput"].get("AssembleWith", "None") == "Line"
        self._timeout = float(job.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600))
        self._retries = int(job.get("ModelClientConfig", {}).get("InvocationsMaxRetries", 3))
        self._headers = {
            key: value
            for key, value in (
                ("Content-Type", job["TransformInput"].get("ContentType")),
                ("Accept", job["TransformOutput"].get("Accept")),
                ("User-Agent", "Go-http-client/1.1"),
            )
            if value
        }
        self._failures: list[str] = []

    def run(self) -> None:
        found = self._sources()
        instances = min(self._job["TransformResources"]["InstanceCount"], len(found))
        shutil.rmtree(self._folder / "output", ignore_errors=True)
        (self._folder / "output").mkdir(parents=True)
        with ThreadPoolExecutor(instances, thread_name_prefix=f"transform-{self._name}") as pool:
            ends = [pool.submit(self._instance, index, shard(found, index, instances)) for index in range(instances)]
        for end in ends:
            end.result()
        if self._stopping.is_set():
            raise JobStopped(self._name)
        if self._failures:
            raise JobFailure(ALGORITHM if ALGORITHM in self._failures else CLIENT)

    def _sources(self) -> list[Source]:
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

    def _instance(self, index: int, found: list[Source]) -> None:
        """Start the model's containers and send them the objects of this instance."""
        log = _InstanceLog(self._service, self._name, self._folder / ("log" if index == 0 else f"log-{index}"))
        containers = self._containers(index, log)
        done = threading.Event()
        threading.Thread(target=self._stop_when_asked, args=(containers, done), daemon=True).start()
        try:
            for container in containers:
                container.prepare()
                if not container.start(_HEALTH_TIMEOUT):
                    self._check_stop()
                    raise JobFailure("AlgorithmError: Model container failed to respond to ping")
            terms = _Terms.of(self._job, self._asked(containers[0]))
            log.data(
                f"MaxConcurrentTransforms={terms.concurrent}, MaxPayloadInMB={(terms.limit or 0) // 1024**2}, "
                f"BatchStrategy={'SINGLE_RECORD' if terms.single else 'MULTI_RECORD'}"
            )
            self._warn(log)
            with ThreadPoolExecutor(terms.concurrent, thread_name_prefix=f"invoke-{self._name}") as pool:
                for source in found:
                    self._object(source, containers, terms, pool, log)
        except ModelDataError as error:
            raise JobFailure(f"ClientError: {error}") from error
        finally:
            done.set()
            for container in containers:
                container.stop(min(STOP_GRACE, self._service.jobs.grace))
                shutil.rmtree(container.folder, ignore_errors=True)
            log.close()

    def _containers(self, index: int, log: _InstanceLog) -> list[ServingContainer]:
        model = self._service.store.get("model", self._job["ModelName"])
        if model is None:
            arn = self._service.arns.of("model", self._job["ModelName"])
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
        own |= {names[member]: str(value) for member, value in _given(self._job).items()}
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
            return {key: asked[key] for key in _DEFAULTS if isinstance(asked[key], type(_DEFAULTS[key]))}
        except (NoAnswer, ValueError, TypeError, KeyError):
            return {}

    def _warn(self, log: _InstanceLog) -> None:
        if self._association is None:
            return
        for path in (self._association.input_filter, self._association.output_filter):
            if path.has_closed_slice:
                log.data(f"Warning: {path.text} ends before its last index here; on AWS it may include it.")

    def _stop_when_asked(self, containers: list[ServingContainer], done: threading.Event) -> None:
        while not done.wait(0.1):
            if self._stopping.is_set():
                for container in containers:
                    container.stop(self._service.jobs.grace)
                return

    def _check_stop(self) -> None:
        if self._stopping.is_set():
            raise JobStopped(self._name)

    # one object

    def _object(
        self,
        source: Source,
        containers: list[ServingContainer],
        terms: _Terms,
        pool: ThreadPoolExecutor,
        log: _InstanceLog,
    ) -> None:
        """Transform one object and store the result, or note why not."""
        output = self._folder / "output" / secrets.token_hex(8)
        try:
            with self._opened(source) as stream, output.open("wb") as out:
                requests = self._requests(stream, terms)
                for answer in _in_order(pool, terms.concurrent, requests, lambda sent: self._invoke(containers, sent)):
                    self._check_stop()
                    out.write(answer)
            self._check_stop()
            self._store(source, output)
        except _ObjectFailed as failed:
            self._check_stop()
            self._note(source, str(failed), failed.reason, log)
        except (RecordError, AssociationError, S3Error, OSError, EOFError) as error:
            self._note(source, f"ClientError: {error}", CLIENT, log)
        finally:
            output.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _opened(self, source: Source) -> Iterator[IO[bytes]]:
        """The object as a stream, unpacked if it is compressed."""
        path = self._folder / "output" / f"input-{secrets.token_hex(8)}"
        try:
            self._service.objects.fetch(source.bucket, source.key, path)
            packed = self._job["TransformInput"].get("CompressionType", "None") == "Gzip"
            with gzip.open(path) if packed else path.open("rb") as stream:
                yield stream  # type: ignore[misc]  # GzipFile reads bytes as a file does
        finally:
            path.unlink(missing_ok=True)

    def _requests(self, stream: IO[bytes], terms: _Terms) -> Iterator[list[bytes]]:
        """Groups of input records, each group one request."""
        records = split(stream, self._split_type, single=terms.single, limit=terms.limit)
        if terms.single or self._split_type == "None":
            return ([record] for record in records)
        return pack(records, terms.limit)

    def _invoke(self, containers: list[ServingContainer], records: list[bytes]) -> bytes:
        """What one request adds to the output. Raises _ObjectFailed, AssociationError."""
        association = self._association
        sent = records if association is None else [association.to_model(record) for record in records]
        answer = self._answer(containers, b"".join(sent))
        if association is not None:
            answer = association.from_model(records, answer)
        return answer.removesuffix(b"\n") + b"\n" if self._lines else answer

    def _answer(self, containers: list[ServingContainer], body: bytes) -> bytes:
        failed = _ObjectFailed("", ALGORITHM)
        for attempt in range(self._retries + 1):
            self._check_stop()
            if attempt:
                self._stopping.wait(_RETRY_PAUSE * attempt)
            try:
                answer = ask(containers, self._headers, body, self._timeout)
            except TooLate:
                failed = _ObjectFailed(
                    f"Model server did not respond to /invocations request within {self._timeout:g} seconds", ALGORITHM
                )
                continue
            except NoAnswer:
                failed = _ObjectFailed("Unable to get response from algorithm", ALGORITHM)
                continue
            if answer.status // 100 == 2:
                return answer.body
            text = answer.body[:1024].decode("utf-8", "replace")
            if answer.status // 100 == 4:
                raise _ObjectFailed(f"ClientError: {answer.status}\nMessage:\n{text}", CLIENT)
            failed = _ObjectFailed(
                f"Bad HTTP status received from algorithm: {answer.status}\nMessage:\n{text}", ALGORITHM
            )
        raise failed

    def _store(self, source: Source, output: Path) -> None:
        bucket, prefix = split_uri(self._job["TransformOutput"]["S3OutputPath"])
        key = "/".join(filter(None, (prefix.rstrip("/"), f"{source.path}.out")))
        accept = self._job["TransformOutput"].get("Accept")
        self._service.objects.put(bucket, key, output, **({"content_type": accept} if accept else {}))

    def _note(self, source: Source, message: str, reason: str, log: _InstanceLog) -> None:
        self._failures.append(reason)
        for line in message.splitlines():
            log.data(f"{source.bucket}/{source.key}: {line}")


class _InstanceLog:
    """The streams of one instance: what its container prints, and the data log."""

    def __init__(self, service: Service, job: str, link: Path) -> None:
        self._service = service
        self._stream = f"{job}/i-{secrets.token_hex(8)}-{int(service.clock.now() * 1000)}"
        self._data = f"{self._stream}/data-log"
        service.logs.write(TRANSFORM.log_group, self._stream, [])
        logs.link(service.logs.path(TRANSFORM.log_group, self._stream), link)

    def line(self, text: str) -> None:
        """A line of the container."""
        self._service.logs.write(TRANSFORM.log_group, self._stream, [(self._now(), text)])

    def data(self, message: str) -> None:
        """A line of the service itself."""
        now = self._now()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03}"
        self._service.logs.write(TRANSFORM.log_group, self._data, [(now, f"{stamp}:[sagemaker logs]: {message}")])

    def close(self) -> None:
        """No more lines come."""
        for stream in (self._stream, self._data):
            self._service.logs.finish(TRANSFORM.log_group, stream)

    def _now(self) -> int:
        return round(self._service.clock.now() * 1000)


def _given(job: Body) -> Body:
    """What the job itself says of its requests, BatchStrategy as containers write it."""
    given = {member: job[member] for member in _DEFAULTS if member in job}
    if "BatchStrategy" in given:
        given["BatchStrategy"] = _STRATEGIES[given["BatchStrategy"]]
    return given


def _in_order(
    pool: ThreadPoolExecutor, most: int, requests: Iterable[list[bytes]], invoke: Callable[[list[bytes]], bytes]
) -> Iterator[bytes]:
    """The answers in the order of the requests, with at most `most` under way."""
    waiting: deque[Future[bytes]] = deque()
    try:
        for request in requests:
            waiting.append(pool.submit(invoke, request))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
