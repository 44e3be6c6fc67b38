"""One job while it runs: its body in the store, its stop, its containers side by side, its log.

Each kind of job (processing, training ...) is a function of one `RunningJob`. What ends the job for good is `finish`;
an expected failure is `JobFailure`, whose text becomes the FailureReason.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pipeline.local import log_files, trees
from pipeline.local.containers.sandbox.confinement import Isolation, Limits
from pipeline.local.containers.sandbox.container import Container, stop, visible
from pipeline.local.containers.sandbox.environment import environment, install
from pipeline.local.containers.sandbox.opt_ml import OptMl, hosts
from pipeline.local.images import Image, differences
from pipeline.local.kinds import PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB, Body, Kind, R
from pipeline.local.service_context import ServiceContext

REASON_LIMIT: Final = 1024
INTERNAL: Final = "InternalServerError: We encountered an internal error. Please try again."

_REROOTED: Final = (
    "[localhost] this system allows no mount namespace: /opt/ml of this job is {root}; paths that begin with /opt/ml in"
    " the entry point, arguments, environment and configuration files were changed to it."
)
GRACE: Final = 120.0
"""Seconds between SIGTERM and SIGKILL when a job is stopped, as training has them."""


class JobFailure(Exception):
    """The job fails with this reason."""


class JobStopped(Exception):
    """The job was asked to stop before its containers had started."""


@dataclass(frozen=True)
class JobKind:
    """The names that AWS gives to the members of one kind of job."""

    name: Kind[Any]
    title: str
    """As AWS writes it: `Processing`."""
    log_group: str = ""

    @property
    def name_member(self) -> str:
        """The member that holds the job's name."""
        return f"{self.title}JobName"

    @property
    def status_member(self) -> str:
        """The member that holds the status."""
        return f"{self.title}JobStatus"

    @property
    def end_member(self) -> str:
        """The member that holds the time of the end."""
        return f"{self.title}EndTime"


PROCESSING: Final = JobKind(PROCESSING_JOB, "Processing", "/aws/sagemaker/ProcessingJobs")
TRAINING: Final = JobKind(TRAINING_JOB, "Training", "/aws/sagemaker/TrainingJobs")
TRANSFORM: Final = JobKind(TRANSFORM_JOB, "Transform", "/aws/sagemaker/TransformJobs")
TUNING: Final = JobKind(TUNING_JOB, "HyperParameterTuning")
KINDS: Final = {kind.name: kind for kind in (PROCESSING, TRAINING, TRANSFORM, TUNING)}
TERMINAL: Final = ("Completed", "Failed", "Stopped")


def job_folder(service: ServiceContext, kind: JobKind, name: str) -> Path:
    """The folder of one job; jobs of two kinds may have one name."""
    return service.state.jobs / kind.name / name


class Why(StrEnum):
    """Why a job's containers have ended."""

    EXITED = "exited"
    STOPPED = "stopped"
    TIME_UP = "time up"


@dataclass(frozen=True)
class Ending:
    """How a job's containers ended: `code` is the first that is not 0."""

    why: Why
    code: int


@dataclass
class RunningJob:
    """A job in the hands of its thread. `stop` may come from any other thread."""

    service: ServiceContext
    kind: JobKind
    name: str
    grace: float = GRACE
    isolation: Isolation = Isolation.NONE
    stopping: threading.Event = field(default_factory=threading.Event)
    _news: queue.SimpleQueue[int | Why] = field(default_factory=queue.SimpleQueue)
    count: int = 1
    """How many instances it has."""
    abandoned: bool = False
    _containers: list[Container] = field(default_factory=list)

    @property
    def body(self) -> Body:
        """The job's body as it is now."""
        return self.record(self.kind.name)

    def record(self, kind: Kind[R]) -> R:
        """The job's body by the type of its kind."""
        body = self.service.store.get(kind, self.name)
        if body is None:
            raise JobStopped(self.name)
        return body

    @property
    def folder(self) -> Path:
        """The job's own folder."""
        return job_folder(self.service, self.kind, self.name)

    # its end

    def stop(self) -> None:
        """Ask the job to end: SIGTERM, after the grace SIGKILL."""
        self.stopping.set()
        self._news.put(Why.STOPPED)

    def abandon(self) -> None:
        """End it at once and leave its body as it is: the service goes down."""
        self.abandoned = True
        self.stopping.set()
        self.kill()
        self._news.put(Why.STOPPED)

    def kill(self) -> None:
        """End its containers at once."""
        for container in self._containers:
            container.kill()

    def update(self, **members: Any) -> None:
        """Set members of the body, and the time of the change; a member set to None is removed."""
        members.setdefault("LastModifiedTime", self.service.clock.now())
        self.service.store.merge(self.kind.name, self.name, **members)

    def finish(self, status: str, reason: str = "", **members: Any) -> None:
        """Make the status final, with the time of the end; the reason is cut as AWS cuts it."""
        if self.abandoned:
            return
        now = self.service.clock.now()
        if reason:
            members["FailureReason"] = reason[:REASON_LIMIT]
        ended = {self.kind.end_member: now, "LastModifiedTime": now, self.kind.status_member: status}
        self.update(**ended, **members)

    # its containers

    def opt_ml(self, host: str) -> OptMl:
        """A new, empty /opt/ml for one of its containers."""
        root = self.folder / host / "ml"
        trees.remove(self.folder / host)
        root.mkdir(parents=True)
        return OptMl(root, visible(root, self.isolation))

    def start(
        self,
        host: str,
        argv: Sequence[str],
        image: Image,
        given: Mapping[str, str],
        *,
        volume: int,
        alone: bool,
        **more: str,
    ) -> None:
        """Start the container of one host, with output to the log.

        `volume` is the size of its disk in GiB. `alone` is network isolation; instances of one job may talk even so,
        so it takes effect for a single one.
        """
        home = self.folder / host / "home"
        whole = environment(self.service, home, {**image.environment, **given}, **more)
        if image.package is not None:
            install(home, image.package, image.libraries)
        self._containers.append(
            Container.start(
                argv,
                whole,
                root=self.folder / host / "ml",
                cwd=home,
                on_lines=self.log(host),
                own_code=image.own_code,
                network=not alone or self.count > 1,
                binds={"/etc/hosts": self._hosts(home)},
                limits=Limits(file_size=volume << 30),
                isolation=self.isolation,
            )
        )

    def _hosts(self, home: Path) -> Path:
        """A hosts file in which algo-1, algo-2 ... are this machine, as programs of several instances expect."""
        path = home / "hosts"
        there = Path("/etc/hosts").read_text() if Path("/etc/hosts").exists() else ""
        path.write_text(f"{there.rstrip()}\n127.0.0.1 {' '.join(hosts(self.count))}\n")
        return path

    def wait(self, timeout: float) -> Ending:
        """Wait for all containers; one that fails, a stop and the end of the time end the others."""
        for container in self._containers:
            threading.Thread(target=lambda c=container: self._news.put(c.wait() or 0), daemon=True).start()
        left, end = len(self._containers), time.monotonic() + timeout
        while left:
            try:
                news = self._news.get(timeout=max(0.0, min(end - time.monotonic(), threading.TIMEOUT_MAX)))
            except queue.Empty:
                news = Why.TIME_UP
            if self.abandoned:
                raise JobStopped(self.name)
            if isinstance(news, Why):
                stop(self._containers, self.grace)
                return Ending(news, 0)
            if news != 0:
                stop(self._containers, 0.0)
                return Ending(Why.EXITED, news)
            left -= 1
        return Ending(Why.EXITED, 0)

    # its log

    def log(self, host: str) -> Callable[[list[str]], None]:
        """A writer of lines to one host's log stream, which is opened now."""
        group, stream = self.kind.log_group, self.stream(host)
        write, clock = self.service.logs.write, self.service.clock
        write(group, stream, [])
        at = self.folder / ("log" if host == "algo-1" else f"log-{host}")
        log_files.link(self.service.logs.path(group, stream), at)

        def lines(texts: list[str]) -> None:
            now = round(clock.now() * 1000)
            # A job's log comes to CloudWatch with its tabs as #011, and the metrics of algorithms look for that.
            write(group, stream, [(now, text.replace("\t", "#011")) for text in texts])

        return lines

    def foretell(self, host: str, image_uri: str) -> None:
        """Say in the log what is other than in the container on AWS, before it starts."""
        rerooted = _REROOTED.format(root=self.folder / host / "ml") if self.isolation is Isolation.NONE else ""
        if told := [line for line in (rerooted, differences(image_uri)) if line]:
            self.log(host)(told)

    def stream(self, host: str) -> str:
        """The name of one host's log stream: `<job>/algo-1-<epoch seconds>`."""
        return f"{self.name}/{host}-{int(self.body['CreationTime'])}"

    def close_logs(self) -> None:
        """No more lines come from its hosts."""
        for host in hosts(self.count):
            self.service.logs.finish(self.kind.log_group, self.stream(host))
