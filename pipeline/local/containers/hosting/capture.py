"""Data capture of an endpoint: samples of requests and answers as JSON lines in S3.

Records are kept for some seconds and written together, one object a variant, as the service does it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Final

from pipeline.limits import Row
from pipeline.local.containers.hosting.connection import ContainerAnswer
from pipeline.local.containers.jobs.s3_uris import split_uri
from pipeline.local.kinds import Body
from pipeline.local.s3.store import S3Error
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="hosting",
        subject="when captured data reach S3",
        here="every 5 seconds, and when the endpoint is changed or ended; a kill of the service loses what is younger",
        aws="not established",
    ),
)

INTERVAL: Final = 5.0
_LARGEST: Final = 64 * 1024**2


def summary(configuration: Body | None) -> Body | None:
    """The DataCaptureConfig of DescribeEndpoint for that of an endpoint configuration."""
    if configuration is None:
        return None
    enabled = bool(configuration.get("EnableCapture"))
    found = {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": configuration["InitialSamplingPercentage"],
        "DestinationS3Uri": configuration["DestinationS3Uri"],
    }
    if "KmsKeyId" in configuration:
        found["KmsKeyId"] = configuration["KmsKeyId"]
    return found


class Capture:
    """Captures for one deployment of an endpoint. Threads may share it."""

    def __init__(self, service: ServiceContext, endpoint: str, configuration: Body) -> None:
        """`configuration` is a DataCaptureConfig."""
        self._service = service
        self._endpoint = endpoint
        self._configuration = configuration
        self._modes = {option["CaptureMode"] for option in configuration.get("CaptureOptions", [])}
        headers = configuration.get("CaptureContentTypeHeader", {})
        self._encodings = {kind.lower(): "CSV" for kind in headers.get("CsvContentTypes", [])}
        self._encodings |= {kind.lower(): "JSON" for kind in headers.get("JsonContentTypes", [])}
        self._lines: dict[str, list[bytes]] = {}
        self._size = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"capture-{endpoint}")
        self._thread.start()

    def record(self, variant: str, headers: Mapping[str, str], body: bytes, answer: ContainerAnswer) -> None:
        """Keep one request and its answer, if it is among the sampled ones."""
        if random.random() * 100 >= self._configuration["InitialSamplingPercentage"] or answer.status != 200:
            return
        sent = {name.lower(): value for name, value in headers.items()}
        line = json.dumps(self._line(sent, body, answer)).encode() + b"\n"
        with self._lock:
            if self._size + len(line) <= _LARGEST:
                self._lines.setdefault(variant, []).append(line)
                self._size += len(line)

    def close(self) -> None:
        """Write what is left."""
        self._closed.set()
        self._thread.join(INTERVAL)

    def _line(self, headers: Mapping[str, str], body: bytes, answer: ContainerAnswer) -> Body:
        data: Body = {}
        if self._modes & {"Input", "InputAndOutput"}:
            data["endpointInput"] = self._part(headers.get("content-type", ""), "INPUT", body)
        if self._modes & {"Output", "InputAndOutput"}:
            data["endpointOutput"] = self._part(answer.header("content-type"), "OUTPUT", answer.body)
        now = time.gmtime(self._service.clock.now())
        event = {"eventId": str(uuid.uuid4()), "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", now)}
        if "x-amzn-sagemaker-inference-id" in headers:
            event["inferenceId"] = headers["x-amzn-sagemaker-inference-id"]
        return {"captureData": data, "eventMetadata": event, "eventVersion": "0"}

    def _part(self, content_type: str, mode: str, data: bytes) -> Body:
        encoding = self._encodings.get(content_type.partition(";")[0].strip().lower(), "BASE64")
        try:
            text = base64.b64encode(data).decode() if encoding == "BASE64" else data.decode()
        except UnicodeDecodeError:
            encoding, text = "BASE64", base64.b64encode(data).decode()
        return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}

    def _run(self) -> None:
        while not self._closed.wait(INTERVAL):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            lines, self._lines, self._size = self._lines, {}, 0
        bucket, prefix = split_uri(self._configuration["DestinationS3Uri"])
        for variant, parts in lines.items():
            now = self._service.clock.now()
            stamp = time.strftime("%Y/%m/%d/%H/%M-%S", time.gmtime(now))
            name = f"{self._endpoint}/{variant}/{stamp}-{int(now * 1000) % 1000:03}-{uuid.uuid4()}.jsonl"
            try:
                self._service.objects.put(bucket, "/".join(filter(None, (prefix.rstrip("/"), name))), b"".join(parts))
            except (S3Error, OSError, sqlite3.Error) as error:
                group = f"/aws/sagemaker/Endpoints/{self._endpoint}"
                line = (int(now * 1000), f"Data capture: {error}")
                with contextlib.suppress(OSError):  # no room for that either
                    self._service.logs.write(group, f"{variant}/data-log", [line])
