"""The logs of a step's job, from CloudWatch Logs, as an iterator of lines; following is the same iterator, longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.clients import Clients, error_code, translated
from pipeline.executions import TERMINAL, StepView

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
    yield from _Tail(clients, step).new()


def last_lines(clients: Clients, step: StepView, count: int) -> tuple[Line, ...]:
    """The last lines of the step's job. Raises ServiceError."""
    return tuple(lines(clients, step))[-count:] if count else ()


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
                tail = _Tail(clients, step)
            yield from tail.new()
        if step is not None and step.status in TERMINAL:
            return
        sleep(pause)


class _Tail:
    """Remembers how far each stream of one job has been read."""

    def __init__(self, clients: Clients, step: StepView) -> None:
        self.job = step.job_name
        self._clients = clients
        self._group = _GROUPS.get(step.kind, "")
        self._tokens: dict[str, str] = {}

    def new(self) -> Iterator[Line]:
        if not self._group or not self.job:
            return
        found: list[Line] = []
        for stream in self._streams():
            found += self._read(stream)
        yield from sorted(found, key=lambda line: line.time)

    def _streams(self) -> list[str]:
        from botocore.exceptions import ClientError

        with translated():
            try:
                pages = self._clients.logs.get_paginator("describe_log_streams").paginate(
                    logGroupName=self._group, logStreamNamePrefix=f"{self.job}/"
                )
                return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    return []
                raise

    def _read(self, stream: str) -> list[Line]:
        found: list[Line] = []
        while True:
            request: dict[str, Any] = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True}
            if stream in self._tokens:
                request["nextToken"] = self._tokens[stream]
            with translated():
                answer = self._clients.logs.get_log_events(**request)
            for event in answer["events"]:
                time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                found.append(Line(time, stream.rpartition("/")[2], event["message"]))
            # The same token again says that there is no more for now.
            if answer["nextForwardToken"] == self._tokens.get(stream):
                return found
            self._tokens[stream] = answer["nextForwardToken"]
