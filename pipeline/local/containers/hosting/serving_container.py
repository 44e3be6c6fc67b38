"""One serving container: its model unpacked, its process healthy, connections to it, and its end.

A program that listens at SAGEMAKER_BIND_TO_PORT on 127.0.0.1 serves anywhere; one that has port 8080 written into
it is found by the sockets that its processes listen on (Linux). A process that dies is started again, a few times.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.limits import Row
from pipeline.local import images, trees
from pipeline.local.containers.hosting import model_data
from pipeline.local.containers.hosting.connection import Connections, ContainerAnswer, NoAnswer
from pipeline.local.containers.sandbox.confinement import Isolation
from pipeline.local.containers.sandbox.container import Container, best_isolation, stop
from pipeline.local.containers.sandbox.doorway import Doorway
from pipeline.local.containers.sandbox.environment import environment, install
from pipeline.local.containers.sandbox.listening import listening_ports
from pipeline.local.resource_names import CONTAINER_KEY, CONTAINER_KEY_HEADER
from pipeline.local.service_context import ServiceContext

PARITY: Final = (
    Row(
        area="hosting",
        subject="port of a serving container",
        here="SAGEMAKER_BIND_TO_PORT, a free port of 127.0.0.1; a program that listens on another port is found on"
        " Linux. One that ends while port 8080 is taken is started again in a network of its own, where there are"
        " namespaces, and reaches nothing but the service from there",
        aws="8080 in a network of its own; SAGEMAKER_BIND_TO_PORT in inference pipelines",
    ),
    Row(
        area="hosting",
        subject="who reaches a serving container",
        here="the stand-ins answer the service alone, which has a key for each; a program of your own listens on a port"
        " of 127.0.0.1, where every program of this machine reaches it, and pages in its browser that guess the port,"
        " unless it runs in a network of its own",
        aws="the hosting service",
    ),
    Row(
        area="hosting",
        subject="a container that dies",
        here="it is started again, at most 3 times before it is healthy and 5 times in ten minutes after that; then"
        " the endpoint is Failed",
        aws="it is started again; an endpoint whose container crashes at start was seen Creating for 24 minutes",
    ),
)

STOP_GRACE: Final = 30.0
HEALTH_TIMEOUT: Final = 240.0
PING_TIMEOUT: Final = 2.0
ANSWER_LIMIT: Final = 25 * 1024**2
"""Bytes of an answer to /invocations: as many as those of a request."""

_LITTLE: Final = 1 << 16
PORT: Final = 8080
"""Where a container listens on AWS."""

_APART: Final = (
    f"[localhost] port {PORT} is taken by another program; the container is started again in a network of its own,"
    " in which it reaches SageMaker on localhost and nothing else."
)
_STARTS: Final = 3
_RESTARTS: Final = 5
_RESTART_WINDOW: Final = 600.0


class ServingContainer:
    """A container that answers /ping and /invocations. Threads may share it."""

    def __init__(
        self,
        service: ServiceContext,
        definition: Mapping[str, Any],
        folder: Path,
        on_line: Callable[[str], None],
        *,
        more_environment: Mapping[str, str] | None = None,
    ) -> None:
        """`definition` is a ContainerDefinition; `more_environment` adds to its variables; `folder` is its own."""
        self._service = service
        self._image = images.resolve(definition["Image"])
        self._definition = definition
        self._folder = folder
        self._on_line = on_line
        self._environment = dict(more_environment or {})
        self._container: Container | None = None
        self._doorway: Doorway | None = None
        self._key = secrets.token_urlsafe(24) if self._is_ours else ""
        self._connections = Connections(0)
        self._stopping = threading.Event()
        self._restarted: list[float] = []

    @property
    def folder(self) -> Path:
        """Its folder; whoever is done with the container removes it."""
        return self._folder

    def prepare(self) -> None:
        """Fetch and unpack the model, unless an earlier life of this folder has. Raises ModelDataError."""
        done = self._folder / "prepared"
        if done.exists():
            return
        trees.remove(self._folder)
        self._folder.mkdir(parents=True)
        model_data.fetch(self._service, self._definition, self._folder / "ml" / "model")
        done.touch()

    def start(self, timeout: float = HEALTH_TIMEOUT) -> bool:
        """Start the process and wait until it is healthy; False if it dies too often or `timeout` is up."""
        end, apart = time.monotonic() + timeout, False
        for _ in range(_STARTS):
            self._launch(apart=apart)
            if self._healthy_by(end):
                return True
            if self._stopping.is_set() or time.monotonic() >= end:
                break
            if not apart and self._can_be_apart() and _is_taken(PORT):
                apart = True
                self._on_line(_APART)
        self._end_process()
        return False

    def keep_alive(self, on_failure: Callable[[], None]) -> None:
        """From now on start the process again when it dies; `on_failure` is called when that has no end."""
        thread = threading.Thread(target=self._watch, args=(on_failure,), daemon=True, name="serving-watch")
        self._service.starter.start(thread)

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        timeout: float,
        most: int = _LITTLE,
    ) -> ContainerAnswer:
        """Ask the container for an answer of at most `most` bytes. Raises NoAnswer, TooLate, TooLarge."""
        sent = {**headers, CONTAINER_KEY_HEADER: self._key} if self._key else headers
        return self._connections.request(method, path, sent, body, timeout=timeout, most=most)

    def stop(self, grace: float = STOP_GRACE) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; it does not come back."""
        self._stopping.set()
        self._end_process(grace)

    def _launch(self, *, apart: bool) -> None:
        """Start the process; `apart` gives it a network of its own."""
        self._disconnect()
        self._doorway = Doorway(self._service_port) if apart else None
        port = PORT if apart else _free_port()
        self._connect_to(port)
        image, home = self._image, self._folder / "home"
        given = {**image.environment, **self._definition.get("Environment", {}), **self._environment}
        ours = {CONTAINER_KEY: self._key} if self._key else {}
        whole = environment(self._service, home, given, SAGEMAKER_BIND_TO_PORT=str(port), **ours)
        if image.package is not None:
            install(home, image.package, image.libraries)
        self._container = Container.start(
            image.program("serve"),
            whole,
            root=self._folder / "ml",
            on_line=self._on_line,
            own_code=image.own_code,
            doorway=self._doorway,
        )

    def _can_be_apart(self) -> bool:
        """Whether a network of its own is possible, and of use: this project's programs listen where they are told."""
        return not self._is_ours and best_isolation() is not Isolation.NONE and self._service_port != PORT

    @property
    def _is_ours(self) -> bool:
        """Whether the program is this project's: it listens where it is told, and answers those who know its key."""
        return self._image.own_code or self._image.package is not None

    @property
    def _service_port(self) -> int:
        return urlsplit(self._service.address()).port or 0

    def _connect_to(self, port: int) -> None:
        self._connections.close()
        self._connections = Connections(port, self._doorway.connect if self._doorway is not None else None)

    def _disconnect(self) -> None:
        self._connections.close()
        if self._doorway is not None:
            self._doorway.close()

    def _healthy_by(self, end: float) -> bool:
        container = self._container
        assert container is not None
        pause, started = 0.01, time.monotonic()
        while (now := time.monotonic()) < end and not self._stopping.is_set():
            if self.ping():
                return True
            if container.wait(pause) is not None:
                return False
            pause = min(pause * 1.3, 0.5)
            if now - started > 0.5:
                self._look_for_port(container)
        return False

    def ping(self) -> bool:
        """Whether GET /ping answers 200 within its two seconds."""
        try:
            return self.request("GET", "/ping", {}, timeout=PING_TIMEOUT).status == 200
        except NoAnswer:
            return False

    def _look_for_port(self, container: Container) -> None:
        ports = listening_ports(container.pid)
        if ports and self._connections.port not in ports:
            self._connect_to(min(ports))

    def _watch(self, on_failure: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            container = self._container
            if container is None or container.wait(1.0) is None:
                continue
            if self._stopping.is_set():
                return
            now = time.monotonic()
            self._restarted = [moment for moment in self._restarted if now - moment < _RESTART_WINDOW] + [now]
            if len(self._restarted) > _RESTARTS or not self._again():
                if not self._stopping.is_set():
                    on_failure()
                return

    def _again(self) -> bool:
        self._on_line(f"The container ended with exit code {self._exit_code()}; it is started again.")
        try:
            return self.start()
        except OSError as error:  # no room or no process left, say
            self._on_line(f"The container cannot be started again: {error}")
            return False

    def _exit_code(self) -> int | None:
        return None if self._container is None else self._container.exit_code

    def _end_process(self, grace: float = STOP_GRACE) -> None:
        self._disconnect()
        if self._container is not None:
            stop([self._container], grace)


def ask(
    containers: Sequence[ServingContainer],
    headers: Mapping[str, str],
    body: bytes,
    timeout: float,
    most: int = ANSWER_LIMIT,
) -> ContainerAnswer:
    """POST to a chain of containers, each getting the answer of the one before it; the first refusal ends it.

    `timeout` is for all of them, `most` for each. Raises NoAnswer, TooLate, TooLarge.
    """
    answer, ends = ContainerAnswer(200, (), body), time.monotonic() + timeout
    for index, container in enumerate(containers):
        sent = headers if index == 0 else {**headers, "Content-Type": answer.header("content-type")}
        left = max(0.0, ends - time.monotonic())
        answer = container.request("POST", "/invocations", sent, answer.body, timeout=left, most=most)
        if answer.status // 100 != 2:
            break
    return answer


def _is_taken(port: int) -> bool:
    """Whether a program of this machine listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(PING_TIMEOUT)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
