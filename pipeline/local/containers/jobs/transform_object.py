"""One object of a batch transform: taken apart, sent to the model in requests, put together, stored.

Nothing of an object is stored unless all of it was transformed. Requests that the container does not answer, or
answers with a fault of its own, are sent again as often as the job's ModelClientConfig says.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pipeline.limits import Row
from pipeline.local.containers.hosting.connection import ContainerAnswer, NoAnswer, TooLarge, TooLate
from pipeline.local.containers.hosting.serving_container import ANSWER_LIMIT, ServingContainer, ask
from pipeline.local.containers.jobs.associate import Association, AssociationError
from pipeline.local.containers.jobs.batch_capture import BatchCapture
from pipeline.local.containers.jobs.running_job import JobStopped
from pipeline.local.containers.jobs.s3_inputs import DAMAGED, InputObject
from pipeline.local.containers.jobs.s3_uris import split_uri
from pipeline.local.containers.jobs.transform_log import InstanceLog
from pipeline.local.containers.jobs.transform_records import RecordError, pack, split
from pipeline.local.kinds import Body, TransformJob
from pipeline.local.s3.store import S3Error
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="batch transform",
        subject="largest answer to a request",
        here="25 MB, or MaxPayloadInMB if the job gives more",
        aws="not established",
    ),
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
)

CLIENT: Final = "ClientError: See job logs for more information"
ALGORITHM: Final = "AlgorithmError: See job logs for more information"
DEFAULTS: Final[Body] = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
_STRATEGIES: Final = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
_RETRY_PAUSE: Final = 0.2


class ObjectFailed(Exception):
    """One object cannot be transformed; `reason` is what the job then ends with."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Terms:
    """How requests are made: by the job, else as the container asks, else the defaults."""

    concurrent: int
    limit: int | None
    """Bytes of one request; None where MaxPayloadInMB is 0."""
    single: bool

    @classmethod
    def of(cls, job: TransformJob, asked: Body) -> Terms:
        terms = DEFAULTS | asked | given(job)
        megabytes = int(terms["MaxPayloadInMB"])
        strategy = str(terms["BatchStrategy"])
        return cls(
            max(1, int(terms["MaxConcurrentTransforms"])), megabytes * 1024**2 or None, strategy == "SINGLE_RECORD"
        )


def given(job: TransformJob) -> Body:
    """What the job itself says of its requests, BatchStrategy as containers write it."""
    given: Body = {member: value for member, value in job.items() if member in DEFAULTS}
    if "BatchStrategy" in given:
        given["BatchStrategy"] = _STRATEGIES[given["BatchStrategy"]]
    return given


class ObjectTransform:
    """Transforms the objects of one job; its instances share it."""

    def __init__(
        self, service: ServiceContext, name: str, job: TransformJob, stopping: threading.Event, folder: Path
    ) -> None:
        """`folder` is for what is under way, and exists."""
        self._service = service
        self._name = name
        self._job = job
        self._stopping = stopping
        self._folder = folder
        self.association = Association.of(job)
        self._capture = BatchCapture.of(service, job)
        self._transformed: list[InputObject] = []
        self._split_type = job["TransformInput"].get("SplitType", "None")
        self._lines = job["TransformOutput"].get("AssembleWith", "None") == "Line"
        client = job.get("ModelClientConfig", {})
        self._timeout = float(client.get("InvocationsTimeoutInSeconds", 600))
        self._most = max(ANSWER_LIMIT, int(job.get("MaxPayloadInMB", 0)) * 1024**2)
        self._retries = int(client.get("InvocationsMaxRetries", 3))
        content_type, accept = job["TransformInput"].get("ContentType"), job["TransformOutput"].get("Accept")
        headers = {"Content-Type": content_type, "Accept": accept, "User-Agent": "Go-http-client/1.1"}
        self._headers = {key: value for key, value in headers.items() if value}
        self.failures: list[str] = []
        """A FailureReason for each object that was not transformed."""

    def check_stop(self) -> None:
        """Raises JobStopped where the job was asked to stop."""
        if self._stopping.is_set():
            raise JobStopped(self._name)

    def transform(
        self,
        source: InputObject,
        containers: list[ServingContainer],
        terms: Terms,
        pool: ThreadPoolExecutor,
        log: InstanceLog,
    ) -> None:
        """Transform one object and store the result, or note why not. Raises JobStopped."""
        output = self._folder / secrets.token_hex(8)
        try:
            with self._opened(source) as stream, output.open("wb") as out:
                requests = self._requests(stream, terms)
                # Without a limit an object of any size is streamed, so nobody says beforehand how long it is.
                headers = self._headers if terms.limit else self._headers | {"Transfer-Encoding": "chunked"}
                send = functools.partial(self._invoke, containers, headers)
                for answer in _in_order(pool, terms.concurrent, requests, send):
                    self.check_stop()
                    out.write(answer)
            self.check_stop()
            self._store(source, output)
            self._transformed.append(source)
        except ObjectFailed as failed:
            self.check_stop()
            self._note(source, str(failed), failed.reason, log)
        except (RecordError, AssociationError, S3Error, OSError, *DAMAGED) as error:
            self._note(source, f"ClientError: {error}", CLIENT, log)
        finally:
            output.unlink(missing_ok=True)

    def write_capture(self) -> None:
        """Write the manifests of what was transformed, if the job captures. Raises TransferError."""
        if self._capture is not None:
            self._capture.write(self._transformed)

    @contextlib.contextmanager
    def _opened(self, source: InputObject) -> Iterator[IO[bytes]]:
        """The object as a stream, unpacked if it is compressed."""
        path = self._folder / f"input-{secrets.token_hex(8)}"
        try:
            self._service.objects.fetch(source.bucket, source.key, path)
            packed = self._job["TransformInput"].get("CompressionType", "None") == "Gzip"
            with gzip.open(path) if packed else path.open("rb") as stream:
                yield stream  # type: ignore[misc]  # GzipFile reads bytes as a file does
        finally:
            path.unlink(missing_ok=True)

    def _requests(self, stream: IO[bytes], terms: Terms) -> Iterator[list[bytes]]:
        """Groups of input records, each group one request."""
        records = split(stream, self._split_type, single=terms.single, limit=terms.limit)
        if terms.single or self._split_type == "None":
            return ([record] for record in records)
        return pack(records, terms.limit)

    def _invoke(self, containers: list[ServingContainer], headers: Mapping[str, str], records: list[bytes]) -> bytes:
        """What one request adds to the output. Raises ObjectFailed, AssociationError."""
        association = self.association
        sent = records if association is None else [association.to_model(record) for record in records]
        answered = self._answer(containers, headers, b"".join(sent))
        answer = answered.body
        if association is not None:
            answer = association.from_model(records, answer, answered.header("content-type"))
        if self._capture is not None:
            answer = self._capture.marked(answer)
        return answer.removesuffix(b"\n") + b"\n" if self._lines else answer

    def _answer(self, containers: list[ServingContainer], headers: Mapping[str, str], body: bytes) -> ContainerAnswer:
        failed = ObjectFailed("", ALGORITHM)
        for attempt in range(self._retries + 1):
            self.check_stop()
            if attempt:
                self._stopping.wait(_RETRY_PAUSE * attempt)
            try:
                answer = ask(containers, headers, body, self._timeout, self._most)
            except TooLarge:
                raise ObjectFailed(f"The answer is larger than {self._most // 1024**2} MB", ALGORITHM) from None
            except TooLate:
                failed = ObjectFailed(
                    f"Model server did not respond to /invocations request within {self._timeout:g} seconds", ALGORITHM
                )
                continue
            except NoAnswer:
                failed = ObjectFailed("Unable to get response from algorithm", ALGORITHM)
                continue
            if answer.status // 100 == 2:
                return answer
            text = answer.body[:1024].decode("utf-8", "replace")
            if answer.status // 100 == 4:
                raise ObjectFailed(f"ClientError: {answer.status}\n\nMessage:\n{text}", CLIENT)
            failed = ObjectFailed(
                f"Bad HTTP status received from algorithm: {answer.status}\n\nMessage:\n{text}", ALGORITHM
            )
        raise failed

    def _store(self, source: InputObject, output: Path) -> None:
        bucket, prefix = split_uri(self._job["TransformOutput"]["S3OutputPath"])
        key = "/".join(filter(None, (prefix.rstrip("/"), f"{source.path}.out")))
        accept = self._job["TransformOutput"].get("Accept")
        self._service.objects.put(bucket, key, output, content_type=accept or "")

    def _note(self, source: InputObject, message: str, reason: str, log: InstanceLog) -> None:
        self.failures.append(reason)
        for line in message.splitlines():
            log.data(f"{source.bucket}/{source.key}: {line}")


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
