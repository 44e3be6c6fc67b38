"""An execution asked again and again until it is over: an iterator of snapshots, one for each change.

Showing them is the work of `pipeline.cli.progress`. A service that is busy or out of reach for a while is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.clients import Clients
from pipeline.errors import FollowTimeout, ServiceError
from pipeline.executions.execution_snapshot import ExecutionSnapshot, execution_id, snapshot
from pipeline.service_errors import error_code

_PASSING: Final = ("ThrottlingException", "Throttling", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure")
_PATIENCE: Final = 12


def follow(
    clients: Clients,
    arn: str,
    *,
    sleep: Callable[[float], None],
    monotonic: Callable[[], float],
    timeout: float | None = None,
    interval: float | None = None,
    all_answers: bool = False,
) -> Iterator[ExecutionSnapshot]:
    """Each change of the execution until it is over; throttling and lost connections are waited out.

    `timeout` and `interval` are seconds; by default there is no timeout, and the interval suits the target: on this
    machine, where asking takes CPU from the jobs, it grows from 0.1 to 0.5 s while nothing changes.
    `all_answers` gives snapshots without a change too, so that the caller can read logs between them.
    Raises FollowTimeout, and ServiceError for what will not pass by itself.
    """
    end = None if timeout is None else monotonic() + timeout
    seen: ExecutionSnapshot | None = None
    first = pause = interval or (0.1 if clients.target.local else 5.0)
    longest = interval or (0.5 if clients.target.local else 5.0)
    for now in _patiently(lambda: snapshot(clients, arn), sleep, pause):
        pause = first if now != seen else min(1.5 * pause, longest)
        if all_answers or now != seen:
            yield now
            seen = now
        if now.done:
            return
        if end is not None and monotonic() >= end:
            which = execution_id(arn)
            raise FollowTimeout(
                f"the execution is still {now.status} after {timeout:g} s: {_running(now)}",
                hint=f"`pipeline follow {which}` goes on; `pipeline stop {which}` stops it",
            )
        sleep(pause)


def _patiently(
    ask: Callable[[], ExecutionSnapshot], sleep: Callable[[float], None], pause: float
) -> Iterator[ExecutionSnapshot]:
    """Answers of `ask` without end; up to 12 failures in a row that may pass by themselves are waited out."""
    failures = 0
    while True:
        try:
            answer = ask()
        except ServiceError as error:
            failures += 1
            if failures > _PATIENCE or not may_pass(error):
                raise
            sleep(min(pause * 2**failures, 60.0))
            continue
        failures = 0
        yield answer


def may_pass(error: ServiceError) -> bool:
    """Whether it is worth asking again: the service was busy, or the connection was lost."""
    from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

    cause = error.__cause__
    if isinstance(cause, ClientError):
        return error_code(cause) in _PASSING
    return isinstance(cause, HTTPClientError | EndpointConnectionError)


def _running(now: ExecutionSnapshot) -> str:
    names = [step.name for step in now.steps if step.status not in ("Succeeded", "Failed", "Stopped")]
    return f"running {', '.join(names)}" if names else "no step is running"
