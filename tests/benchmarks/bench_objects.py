"""S3 on localhost over HTTP with boto3, the service in a process of its own: throughput, latency, memory.

Client and service share the cores, so the figures are those that a user sees. `BENCH_MEGABYTES` sets the size.
"""

from __future__ import annotations

import io
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.local.process import lifecycle
from tests.benchmarks.bare_server import bare_server

MEGABYTE = 1 << 20
BUCKET = "bench-objects"


def main() -> None:
    """Print one line a measurement."""
    import boto3
    from botocore.config import Config

    size = int(os.environ.get("BENCH_MEGABYTES", "500"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with lifecycle.starting(root / "state") as service:
            running = service()
            os.environ.update({k: v for k, v in lifecycle.environment(running).items() if v is not None})
            config = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
            client = boto3.session.Session().client("s3", config=config)
            client.create_bucket(Bucket=BUCKET)
            measure(client, running.pid, root, size)
        unsynced(root / "unsynced", config)
        with bare_server(root / "data") as address:
            peer = boto3.session.Session().client("s3", endpoint_url=address, config=config)
            down = str(root / "down")
            rate("the same download_file, a bare server", size, lambda: peer.download_file(BUCKET, "whole", down))


def unsynced(state: Path, config: Any) -> None:
    """What waiting for the disk costs: the same small writes on a service that does not wait."""
    import boto3

    lifecycle.start(state, detach=True, sync=False, out=io.StringIO())
    try:
        settings = {k: v for k, v in lifecycle.environment(lifecycle.require(state)).items() if v is not None}
        session = boto3.session.Session(settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"])
        client = session.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"], config=config)
        client.create_bucket(Bucket=BUCKET)
        body = b"x" * 1024
        latency(
            "put 1 KB, --no-sync", lambda number: client.put_object(Bucket=BUCKET, Key=f"small/{number}", Body=body)
        )
    finally:
        lifecycle.stop(state)


def measure(client: Any, pid: int, root: Path, size: int) -> None:
    """All measurements on a running service."""
    data = root / "data"
    with data.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(MEGABYTE))
    report("resident memory at rest", memory(pid, "VmRSS"), "MB")
    with data.open("rb") as body:
        rate("put_object, one request", size, lambda: client.put_object(Bucket=BUCKET, Key="whole", Body=body))
    rate("upload_file, multipart", size, lambda: client.upload_file(str(data), BUCKET, "parts"))
    down = str(root / "down")
    for key in ("whole", "parts"):
        rate(f"get_object of {key}, streamed", size, partial(streamed, client, Bucket=BUCKET, Key=key))
        rate(f"download_file of {key}, ranges of 8 MB", size, partial(client.download_file, BUCKET, key, down))
        rate(f"get_object of {key} in ranges of 8 MB", size, partial(ranged, client, key, size))
    report("peak memory of the service", memory(pid, "VmHWM"), "MB")
    (root / "down").unlink()
    latency("put 1 KB", lambda number: client.put_object(Bucket=BUCKET, Key=f"small/{number}", Body=b"x" * 1024))
    latency("get 1 KB", lambda number: client.get_object(Bucket=BUCKET, Key=f"small/{number}")["Body"].read())
    latency("head", lambda number: client.head_object(Bucket=BUCKET, Key=f"small/{number}"))


def rate(name: str, size: int, work: Callable[[], object]) -> None:
    """Time one transfer."""
    start = time.perf_counter()
    work()
    report(name, size / (time.perf_counter() - start), "MB/s")


def latency(name: str, work: Callable[[int], object], *, count: int = 300) -> None:
    """Median and 99th percentile of single requests."""
    times = []
    for number in range(count):
        start = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - start) * 1000)
    report(f"{name}, median", statistics.median(times), "ms")
    report(f"{name}, 99th percentile", statistics.quantiles(times, n=100)[98], "ms")


def streamed(client: Any, **asked: str) -> None:
    """Read an object to its end, a megabyte at a time."""
    answer = client.get_object(**asked)
    while answer["Body"].read(MEGABYTE):
        continue


def ranged(client: Any, key: str, size: int) -> None:
    """Read an object range by range on one connection, without writing it anywhere."""
    step = 8 * MEGABYTE
    for start in range(0, size * MEGABYTE, step):
        streamed(client, Bucket=BUCKET, Key=key, Range=f"bytes={start}-{start + step - 1}")


def memory(pid: int, member: str) -> float:
    """A member of Linux's /proc/PID/status in MB; elsewhere the most that any child has used."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEGABYTE
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{member}:"))
    return int(line.split()[1]) / 1024


def report(name: str, value: float, unit: str) -> None:
    """One line."""
    print(f"{name:<40} {value:10.1f} {unit}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
