"""All jobs of the service: each runs in a thread of a bounded pool; a job beyond it waits as if for an instance.

A terminal status in the store means that the job is over: its processes are gone, its outputs are in S3, its log is
complete. After a restart no job is left that claims to run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from pipeline.limits import Row
from pipeline.local import disk, threads
from pipeline.local.api_errors import ResourceLimitExceeded
from pipeline.local.containers.jobs import processing, training, transform, tuning
from pipeline.local.containers.jobs.running_job import (
    GRACE,
    INTERNAL,
    KINDS,
    PROCESSING,
    TERMINAL,
    TRAINING,
    TRANSFORM,
    TUNING,
    JobFailure,
    JobKind,
    JobStopped,
    RunningJob,
    job_folder,
)
from pipeline.local.containers.sandbox.container import best_isolation
from pipeline.local.containers.sandbox.environment import environment
from pipeline.local.containers.sandbox.sweeping import sweep
from pipeline.local.kinds import Body, Kind
from pipeline.local.service_context import ServiceContext

_log: Final = logging.getLogger(__name__)

Runner = Callable[[RunningJob], None]

AT_ONCE: Final = max(16, 4 * (os.cpu_count() or 1))
WAITING: Final = 1000
FULL: Final = f"ClientError: {disk.FULL}"
RESTARTED: Final = f"{INTERNAL} (The local service was restarted while the job ran.)"

PARITY: Final = (
    Row(
        area="jobs",
        subject="how many jobs run at once",
        here=f"{AT_ONCE} on this kind of machine (4 a core, at least 16); others wait as InProgress; beyond"
        f" {WAITING:,} waiting ones CreateProcessingJob and the like answer ResourceLimitExceeded.",
        aws="As many instances as the quotas of the account allow.",
    ),
    Row(
        area="jobs",
        subject="a restart of the service",
        here="Jobs that ran end Failed with an InternalServerError, so that a retry policy starts them again.",
        aws="Not visible.",
    ),
)


RUNNERS: Final[dict[JobKind, Runner]] = {
    PROCESSING: processing.run,
    TRAINING: training.run,
    TRANSFORM: transform.run,
    TUNING: tuning.run,
}


class Jobs:
    """Runs the jobs that are in the store."""

    grace: float = GRACE
    """Seconds from SIGTERM to SIGKILL when a job is stopped."""

    def __init__(self, service: ServiceContext) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], RunningJob] = {}
        self._tuning: list[threading.Thread] = []
        self._closed = False

    def admit(self) -> None:
        """Check that one more job may be created. Raises ResourceLimitExceeded."""
        with self._lock:
            waiting = len(self._running)
        if waiting >= WAITING + AT_ONCE:
            raise ResourceLimitExceeded(
                "The account-level service limit 'Number of jobs on localhost' is"
                f" {WAITING + AT_ONCE} Instances, with current utilization of {waiting} Instances and a request delta"
                " of 1 Instances. Please wait for jobs to end."
            )

    def start(self, kind: Kind[Any], name: str) -> None:
        """Run a stored job in a thread."""
        running = RunningJob(self._service, KINDS[kind], name, grace=self.grace, isolation=best_isolation())
        with self._lock:
            if self._closed:
                return
            self._running[kind, name] = running
            if running.kind is TUNING:
                # It only waits for its training jobs, which need the places of the pool.
                thread = threading.Thread(target=self._run, args=(running,), daemon=True, name=f"tuning-{name}")
                self._tuning = [other for other in self._tuning if other.is_alive() or not other.ident] + [thread]
                self._service.starter.start(thread)
            else:
                self._submit(running)

    def _submit(self, running: RunningJob) -> None:
        try:
            self._pool.submit(self._run, running)
        except RuntimeError:  # the job waits in the pool, but there may be no thread that will take it
            self._service.starter.later(lambda: self._pool.submit(int))

    def stop(self, kind: str, name: str) -> None:
        """Ask a job to end; its status is Stopped when it has. A job that is not running is passed over."""
        with self._lock:
            running = self._running.get((kind, name))
        if running is not None:
            running.stop()

    def environment(self, home: Path) -> dict[str, str]:
        """The environment that every container has; `home` becomes its HOME."""
        return environment(self._service, home, {})

    def recover(self) -> None:
        """End the jobs that ran when the service went down. Their processes died with it."""
        for kind in KINDS.values():
            for body in self._service.store.list(kind.name):
                if body[kind.status_member] not in TERMINAL:
                    running = RunningJob(self._service, kind, body[kind.name_member])
                    sweep(running.folder, keep=True)
                    if body[kind.status_member] == "Stopping":
                        self._end(running, "Stopped", "")
                    else:
                        self._end(running, "Failed", RESTARTED)

    def close(self) -> None:
        """Kill all jobs of this process; `recover` of the next one says what became of them."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for one in running:
            one.abandon()
        self._service.store.wake()
        for thread in self._tuning:
            threads.join(thread, 10)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def set_aside(self, kind: JobKind, name: str) -> Path:
        """Take the folder of a job away from its name, which another job may have at once; where it is now."""
        folder = job_folder(self._service, kind, name)
        aside = folder.with_name(f".{name}-{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
        return aside

    def _run(self, running: RunningJob) -> None:
        try:
            running.folder.mkdir(parents=True, exist_ok=True)
            self._trouble(running)
            RUNNERS[running.kind](running)
        except JobStopped:
            self._end(running, "Stopped", "")
        except JobFailure as failure:
            self._end(running, "Failed", str(failure))
        except Exception as error:  # a job's thread has nobody above it: whatever goes wrong must end the job
            if not self._closed:
                self._break_off(running, error)
        finally:
            with self._lock:
                self._running.pop((running.kind.name, running.name), None)
            if not self._closed:
                self._tell(running)

    def _break_off(self, running: RunningJob, error: Exception) -> None:
        """End a job that something of ours went wrong with."""
        _log.error("job %s", running.name, exc_info=error)
        running.kill()
        self._end(running, "Failed", FULL if disk.is_full(error) else INTERNAL)

    def _trouble(self, running: RunningJob) -> None:
        """Faults on purpose, and a stop that came while the job waited."""
        delay = self._service.faults.job_delay(running.name)
        if delay:
            running.stopping.wait(delay)
        if running.stopping.is_set() or running.body[running.kind.status_member] == "Stopping":
            raise JobStopped(running.name)
        failure = self._service.faults.job_failure(running.name)
        if failure is not None:
            raise JobFailure(failure[1])

    def _end(self, running: RunningJob, status: str, reason: str) -> None:
        """End a job that its own kind has not ended.

        The end must be written too: where the disk is full, what the job wrote goes, and should that not be room
        enough, the job ends when there is some.
        """
        finish = training.end if running.kind is TRAINING else RunningJob.finish
        with contextlib.suppress(KeyError):  # deleted meanwhile
            disk.once_there_is_room(
                lambda: finish(running, status, reason),
                closed=lambda: self._closed,
                make_room=lambda: sweep(running.folder, keep=False),
            )

    def _tell(self, running: RunningJob) -> None:
        """The event of the job's last status."""
        body = self._service.store.get(running.kind.name, running.name)
        if body is not None:
            state_change(self._service, running.kind, body)


def state_change(service: ServiceContext, kind: JobKind, body: Body) -> None:
    """Emit the event of a job's change of status, as SageMaker does: the detail is the Describe response."""
    detail = {
        key: round(value * 1000) if key.endswith("Time") and isinstance(value, float) else value
        for key, value in body.items()
        if not key.startswith("_")
    }
    title = "HyperParameter Tuning" if kind is TUNING else kind.title
    service.events.emit(f"SageMaker {title} Job State Change", [body[f"{kind.title}JobArn"]], detail)
