"""A container with a network of its own: reached from outside, reaching the service and nothing else."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.containers.hosting.connection import Connections, NoAnswer
from pipeline.local.containers.sandbox.confinement import Isolation
from pipeline.local.containers.sandbox.container import Container, best_isolation
from pipeline.local.containers.sandbox.doorway import Doorway
from pipeline.local.containers.sandbox.listening import listening_ports
from tests.support.waiting import PATIENCE, until

KINDS = [kind for kind in (best_isolation(), Isolation.USER) if kind is not Isolation.NONE]
ENV = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
PROGRAM = """
import socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        port = int(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as asked:
                asked.sendall(b"anybody there?")
                asked.shutdown(socket.SHUT_WR)
                answer = asked.makefile("rb").read()
        except OSError:
            answer = b"nobody"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""

pytestmark = pytest.mark.skipif(not KINDS, reason="this system allows no namespaces")


@pytest.fixture(params=list(dict.fromkeys(KINDS)), ids=str)
def kind(request: pytest.FixtureRequest) -> Isolation:
    return Isolation(request.param)


@pytest.fixture
def outside() -> Iterator[int]:
    """The port of a server outside, which says twice what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    asking, _ = server.accept()
                except OSError:
                    return
                with asking:
                    asking.sendall(asking.makefile("rb").read() * 2)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def asked(connections: Connections, port: int) -> bytes:
    return connections.request("POST", "/", {}, str(port).encode(), timeout=PATIENCE).body


def test_two_programs_on_one_port_are_reached_and_reach_the_service_only(
    kind: Isolation, outside: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        doorways = [Doorway(outside) for _ in range(2)]
        containers = [
            Container.start([sys.executable, "-c", PROGRAM], ENV, root=tmp_path, isolation=kind, doorway=doorway)
            for doorway in doorways
        ]
        try:
            for container, doorway in zip(containers, doorways, strict=True):
                until(lambda pid=container.pid: listening_ports(pid), lambda ports: 8080 in ports)  # type: ignore[misc]
                connections = Connections(8080, doorway.connect)
                for _ in range(3):
                    assert asked(connections, outside) == b"anybody there?" * 2
                assert asked(connections, another.getsockname()[1]) == b"nobody"
                connections.close()
        finally:
            for container in containers:
                container.kill()
    with pytest.raises(NoAnswer):
        Connections(8080, doorways[0].connect).request("GET", "/", {}, timeout=PATIENCE)
    for doorway in doorways:
        doorway.close()


def test_nothing_is_left_open(kind: Isolation, outside: int, tmp_path: Path) -> None:
    def around() -> None:
        doorway = Doorway(outside)
        program = ["/bin/sh", "-c", "exit 3"]
        container = Container.start(program, ENV, root=tmp_path, isolation=kind, doorway=doorway)
        assert container.wait(PATIENCE) == 3, "the job does not wait for anybody at the door"
        with pytest.raises(OSError):
            doorway.connect(8080, 2.0)
        doorway.close()

    around()
    descriptors, threads = open_files(), threading.active_count()
    for _ in range(3):
        around()
    until(lambda: (open_files(), threading.active_count()), lambda now: now <= (descriptors, threads))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_who_waits_for_a_way_in_waits_no_more_when_it_is_closed() -> None:
    door, ended = Doorway(1), threading.Event()

    def ask() -> None:
        with pytest.raises(OSError):
            door.connect(8080, 30.0)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    until(door._lock.locked, bool)
    with door.theirs.dup():  # as the container's first program has it
        door.close()
        assert ended.wait(PATIENCE)
    thread.join()
