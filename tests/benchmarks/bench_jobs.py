"""What a job costs beside the bare process that it runs, and how soon the service answers after its start.

Goals: at most 0.15 s a job with process isolation, from the request to the terminal status; start-up under 1 s.
"""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.local.containers.sandbox.container import best_isolation
from pipeline.local.kinds import PROCESSING_JOB
from pipeline.local.process import lifecycle
from tests.support.jobs import IMAGE
from tests.support.service import ROLE, LocalService, local_service

_REPEATS = 15
_PROGRAMS = (("true", ["true"]), ("python, import numpy", ["python3", "-c", "import numpy"]))


def main() -> None:
    """Print one line a measurement."""
    print(f"isolation: {best_isolation().value or 'none'}")
    with tempfile.TemporaryDirectory() as folder, local_service(Path(folder)) as local:
        job(local, ["true"])
        for name, argv in _PROGRAMS:
            bare = [sys.executable, *argv[1:]] if argv[0] == "python3" else argv
            alone = measured(functools.partial(subprocess.run, bare, check=True))
            whole = measured(functools.partial(job, local, argv))
            figures = f"bare {alone * 1000:6.0f} ms   job {whole * 1000:6.0f} ms"
            print(f"{name:24} {figures}   overhead {(whole - alone) * 1000:6.0f} ms (goal 150)")
        chatty(local)
    print(f"{'service, start and stop':24} {measured(start, 3) * 1000:6.0f} ms (goal 1000)")


def job(local: LocalService, argv: Sequence[str]) -> None:
    """One processing job from the request to its end."""
    name = f"bench-{time.monotonic_ns()}"
    request = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": list(argv)},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
        },
    }
    service = local.service
    service.call("CreateProcessingJob", request)

    def over() -> bool | None:
        body = service.store.get(PROCESSING_JOB, name)
        return True if body is not None and body["ProcessingJobStatus"] == "Completed" else None

    assert service.store.wait(over, 60)


def chatty(local: LocalService) -> None:
    """A job that prints a lot."""
    lines = 200_000
    program = f"import sys; [sys.stdout.write('line %d of a chatty job\\n' % i) for i in range({lines})]"
    started = time.perf_counter()
    job(local, ["env", "-u", "PYTHONUNBUFFERED", "python3", "-c", program])
    print(f"{'log of a chatty job':24} {lines / (time.perf_counter() - started):10,.0f} lines/s")


def start() -> None:
    """A service of its own, in a process of its own, until it answers, and its end."""
    with tempfile.TemporaryDirectory() as folder, lifecycle.starting(Path(folder) / "state") as service:
        service()


def measured(call: Callable[[], object], repeats: int = _REPEATS) -> float:
    """The median of its seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
