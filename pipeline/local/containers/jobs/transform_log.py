"""The log streams of one instance of a transform job: what its container prints, and the service's own data log."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from pipeline.local import log_files
from pipeline.local.containers.jobs.running_job import TRANSFORM
from pipeline.local.service_context import ServiceContext


class InstanceLog:
    """Opens the streams; `link` is where the job's folder shows the first."""

    def __init__(self, service: ServiceContext, job: str, link: Path) -> None:
        self._service = service
        self._stream = f"{job}/i-{secrets.token_hex(8)}-{int(service.clock.now() * 1000)}"
        self._data = f"{self._stream}/data-log"
        service.logs.write(TRANSFORM.log_group, self._stream, [])
        log_files.link(service.logs.path(TRANSFORM.log_group, self._stream), link)

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
