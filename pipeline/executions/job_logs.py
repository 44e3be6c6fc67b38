"""The logs of a step's job or of an endpoint, from CloudWatch Logs: all of it, its end, or what is new.

A job writes one stream an instance. On AWS lines arrive some seconds after they were written, and the services that
keep jobs and logs are two, so a log that cannot be read is no reason to stop following an execution (`JobLogs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.clients import Clients
from pipeline.errors import ServiceError
from pipeline.executions.execution_snapshot import TERMINAL, StepView
from pipeline.executions.follow import may_pass
from pipeline.service_errors import error_code, translated

_GROUPS: Final = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}


@dataclass(frozen=True)
class Line:
    """One line of a log: when it was written, by which stream (an instance of the job), and the text."""

    time: datetime
    stream: str
    text: str


def lines(clients: Clients, step: StepView) -> Iterator[Line]:
    """Every line that the step's job has written so far, oldest first. Raises ServiceError."""
    yield from _of_step(clients, step).new()


def endpoint_lines(clients: Clients, endpoint: str) -> Iterator[Line]:
    """Every line that the instances of an endpoint have written, oldest first. Raises ServiceError for no endpoint."""
    with translated():
        clients.sagemaker.describe_endpoint(EndpointName=endpoint)
    yield from _Tail(clients, f"/aws/sagemaker/Endpoints/{endpoint}", "").new()


def last_lines(clients: Clients, step: StepView, count: int) -> tuple[Line, ...]:
    """The last lines of the step's job, read from the end, however long the log is. Raises ServiceError."""
    group = _GROUPS.get(step.kind, "")
    if not group or not step.job_name or count <= 0:
        return ()
    found = [
        line for stream in _streams(clients, group, f"{step.job_name}/") for line in _end(clients, group, stream, count)
    ]
    return tuple(sorted(found, key=lambda line: line.time))[-count:]


def follow(
    clients: Clients, current: Callable[[], StepView | None], *, sleep: Callable[[float], None], pause: float
) -> Iterator[Line]:
    """The lines of a step as they come, until it is over. Raises ServiceError.

    `current` answers the step as it is now, None before it starts.
    """
    tail: _Tail | None = None
    while True:
        step = current()
        if step is not None and step.job_name:
            if tail is None or tail.job != step.job_name:
                tail = _of_step(clients, step)
            yield from tail.new()
        if step is not None and step.status in TERMINAL:
            return
        sleep(pause)


class JobLogs:
    """The logs of an execution's jobs while it is followed; no trouble with them is raised.

    What may pass by itself is left for the next time; for what will not, `trouble` says why there are no lines.
    """

    def __init__(self, clients: Clients) -> None:
        self.trouble = ""
        self._clients = clients
        self._tails: dict[str, _Tail] = {}

    def new(self, step: StepView) -> tuple[Line, ...]:
        """What the step's job has written since the last call."""
        tail = self._tails.setdefault(step.job_name, _of_step(self._clients, step))
        return self._read(lambda: tuple(tail.new()))

    def last(self, step: StepView, count: int) -> tuple[Line, ...]:
        """The last lines of the step's job."""
        return self._read(lambda: last_lines(self._clients, step, count))

    def _read(self, read: Callable[[], tuple[Line, ...]]) -> tuple[Line, ...]:
        if self.trouble:
            return ()
        try:
            return read()
        except ServiceError as error:
            if not may_pass(error):
                self.trouble = f"the logs cannot be read: {error.message}"
            return ()


def _of_step(clients: Clients, step: StepView) -> _Tail:
    group = _GROUPS.get(step.kind, "") if step.job_name else ""
    return _Tail(clients, group, f"{step.job_name}/", step.job_name)


class _Tail:
    """Remembers how far each stream of one job, or of an endpoint, has been read."""

    def __init__(self, clients: Clients, group: str, prefix: str, job: str = "") -> None:
        self.job = job
        self._clients = clients
        self._group = group
        self._prefix = prefix
        self._tokens: dict[str, str] = {}

    def new(self) -> Iterator[Line]:
        if not self._group:
            return
        found: list[Line] = []
        for stream in _streams(self._clients, self._group, self._prefix):
            found += self._read(stream)
        yield from sorted(found, key=lambda line: line.time)

    def _read(self, stream: str) -> list[Line]:
        found: list[Line] = []
        while True:
            request: dict[str, Any] = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True}
            if stream in self._tokens:
                request["nextToken"] = self._tokens[stream]
            with translated():
                answer = self._clients.logs.get_log_events(**request)
            found += [_line(stream, event) for event in answer["events"]]
            # The same token again says that there is no more for now.
            if answer["nextForwardToken"] == self._tokens.get(stream):
                return found
            self._tokens[stream] = answer["nextForwardToken"]


def _streams(clients: Clients, group: str, prefix: str) -> list[str]:
    from botocore.exceptions import ClientError

    with translated():
        try:
            of = clients.logs.get_paginator("describe_log_streams").paginate
            pages = of(logGroupName=group, logStreamNamePrefix=prefix) if prefix else of(logGroupName=group)
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return []
            raise


def _end(clients: Clients, group: str, stream: str, count: int) -> list[Line]:
    """The last lines of one stream. A page may be empty though there is more before it; the same token ends it."""
    found: list[Line] = []
    request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": False, "limit": count}
    while len(found) < count:
        with translated():
            answer = clients.logs.get_log_events(**request)
        found = [_line(stream, event) for event in answer["events"]] + found
        if answer["nextBackwardToken"] == request.get("nextToken"):
            break
        request["nextToken"] = answer["nextBackwardToken"]
    return found[-count:]


def _line(stream: str, event: Any) -> Line:
    return Line(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), stream.rpartition("/")[2], event["message"])


def plain(text: str) -> str:
    """A line of a log without what would move the terminal's cursor or change its colours."""
    without_sequences = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)?", "", text)
    # A progress bar redraws its line by carriage returns: what stood last is what it says.
    last = without_sequences.rstrip("\r\n").rpartition("\r")[2]
    return "".join(character for character in last.expandtabs(4) if character.isprintable())
