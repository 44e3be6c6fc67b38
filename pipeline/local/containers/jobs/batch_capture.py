"""Data capture of a transform job: manifests of what went in and came out, and an inference id for each record.

The objects themselves are not copied; a manifest is a JSON array on one line, whose first element has the prefix of
the others. Ids are put into answers as text, so that every digit of a prediction stays as the model wrote it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from typing import Final

from pipeline.limits import Row
from pipeline.local.containers.jobs.s3_inputs import InputObject
from pipeline.local.containers.jobs.s3_uris import TransferError, split_uri
from pipeline.local.kinds import TransformJob
from pipeline.local.s3.store import S3Error
from pipeline.local.service_context import ServiceContext

CSV: Final = "text/csv"
JSON: Final = ("application/json", "application/jsonlines")

PARITY: Final = (
    Row(
        area="batch transform",
        subject="names of the manifests of DataCaptureConfig; GenerateInferenceId for answers of other types",
        here="`<input|output>/yyyy/mm/dd/hh/<mm-ss>-<uuid>.jsonl` by the start of the job, written when it has"
        " Completed; answers that are no CSV and no JSON objects get no id",
        aws="the folders are documented, not the names; ids are for CSV, JSON and JSON Lines",
    ),
)


class BatchCapture:
    """The capture of one job that has one."""

    def __init__(self, service: ServiceContext, job: TransformJob) -> None:
        self._service = service
        self._configuration = job["DataCaptureConfig"]
        self._output = job["TransformOutput"]["S3OutputPath"].rstrip("/") + "/"
        self._accept = job["TransformOutput"].get("Accept", "").partition(";")[0].strip().lower()
        self._started = time.gmtime(job["TransformStartTime"])
        self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", self._started)

    @classmethod
    def of(cls, service: ServiceContext, job: TransformJob) -> BatchCapture | None:
        """The capture of a job, or None."""
        return cls(service, job) if "DataCaptureConfig" in job else None

    def marked(self, answer: bytes) -> bytes:
        """An answer, with an inference id and the start of the job for each record if the job wants that."""
        if not self._configuration.get("GenerateInferenceId") or self._accept not in (CSV, *JSON):
            return answer
        if self._accept == JSON[0]:
            return self._object(answer)
        return b"".join(map(self._line, answer.splitlines(keepends=True)))

    def write(self, transformed: Iterable[InputObject]) -> None:
        """Write both manifests. Raises TransferError."""
        groups: dict[str, list[str]] = {}
        for source in transformed:
            prefix = f"s3://{source.bucket}/{source.key.removesuffix(source.path)}"
            groups.setdefault(prefix, []).append(source.path)
        for prefix, names in groups.items():
            self._put("input", prefix, sorted(names))
        names = sorted(f"{name}.out" for names in groups.values() for name in names)
        if names:
            self._put("output", self._output, names)

    def _line(self, line: bytes) -> bytes:
        text = line.rstrip(b"\r\n")
        if not text:
            return line
        end = line[len(text) :]
        if self._accept == CSV:
            return text + f",{uuid.uuid4()},{self._stamp}".encode() + end
        return self._object(text) + end

    def _object(self, text: bytes) -> bytes:
        body = text.rstrip()
        if not (body.startswith(b"{") and body.endswith(b"}")):
            return text
        comma = "" if body[1:-1].strip() == b"" else ","
        more = f'{comma}"SageMakerInferenceId":"{uuid.uuid4()}","SageMakerInferenceTime":"{self._stamp}"}}'
        return body[:-1] + more.encode() + text[len(body) :]

    def _put(self, side: str, prefix: str, names: list[str]) -> None:
        bucket, key = split_uri(self._configuration["DestinationS3Uri"])
        place = time.strftime("%Y/%m/%d/%H/%M-%S", self._started)
        key = "/".join(filter(None, (key.rstrip("/"), side, f"{place}-{uuid.uuid4()}.jsonl")))
        try:
            self._service.objects.put(bucket, key, json.dumps([{"prefix": prefix}, *names]).encode())
        except S3Error as error:
            raise TransferError(f"s3://{bucket}/{key}: {error.message}") from None
