"""The first program of a container: it makes the container's own view of the system, runs the job, ends it wholly.

It runs with `python -I -S`, so it and what it imports here import nothing else but the standard library. Its standard
input first gives the length of a JSON text in ten digits and the text (`Container.start` writes both), and is then the
container's lifeline. Where namespaces are allowed the job and all its descendants live in a process namespace that dies
as one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Final, NoReturn

from pipeline.local.containers.sandbox.namespaces import drop_capabilities, enter_namespaces, mount_all
from pipeline.local.containers.sandbox.supervision import KILLED, LIFELINE, NOT_STARTED, end_with, exit_code, supervise
from pipeline.local.containers.sandbox.system_calls import PARENT_DEATH_SIGNAL, SUBREAPER, prctl

_LENGTH: Final = 10


def main() -> NoReturn:
    """Read the specification, set the container up, run it, exit with the job's code."""
    spec = json.loads(_exactly(int(_exactly(_LENGTH))))
    door = [spec["door"]] if spec["door"] is not None else []
    for descriptor in door:
        os.set_inheritable(descriptor, False)
    if spec["namespace"]:
        try:
            enter_namespaces(spec["namespace"], spec["network"])
        except OSError as error:
            end_with(f"the container cannot be set apart: {error}", NOT_STARTED)
        inner = os.fork()
        if inner:
            for descriptor in (LIFELINE, 1, 2, *door):
                os.close(descriptor)
            os._exit(exit_code(os.waitpid(inner, 0)[1]))
        prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        try:
            mount_all(spec)
            drop_capabilities()
        except OSError as error:
            end_with(f"the container's file system cannot be set up: {error}", NOT_STARTED)
    elif sys.platform == "linux":
        prctl(SUBREAPER, 1)
    supervise(spec)


def _exactly(size: int) -> bytes:
    """The next bytes of the lifeline and no more: what follows may already be a `T`."""
    data = b""
    while len(data) < size:
        more = os.read(LIFELINE, size - len(data))
        if not more:
            os._exit(KILLED)
        data += more
    return data
