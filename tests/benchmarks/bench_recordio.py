"""recordIO-protobuf: rows a second written and read, beside protobuf's own loop and pandas, and the memory it takes.

Run as `python tests/benchmarks/bench_recordio.py [--rows N]`. Everything is measured in this one process on the same
rows of 784 floats; files lie in the temporary folder, so a slow disk shows. Times are the best of five.
"""

from __future__ import annotations

import argparse
import io
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scripts.formats.recordio import encode_dense, encode_sparse, read, write_dense
from scripts.formats.tables import Floats

COLUMNS = 784
SDK_ROWS = 4270  # rows a second of the SDK's own loop, from its users' notebooks
MEMORY_ROWS = (5_000, 50_000, 500_000)


def best(work: Callable[[], object], times: int = 5) -> float:
    """The shortest of several runs, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def protobuf_loop(features: Floats, labels: Floats) -> bytes:
    """What an SDK does: one message a row."""
    from tests.support.record_message import Record

    out = io.BytesIO()
    for row, label in zip(features, labels, strict=True):
        record = Record()
        record.features["values"].float32_tensor.values.extend(row)
        record.label["values"].float32_tensor.values.append(label)
        data = record.SerializeToString()
        out.write(struct.pack("<II", 0xCED7230A, len(data)) + data + bytes(-len(data) % 4))
    return out.getvalue()


def read_file(path: Path) -> int:
    """All records, as arrays; nothing is summed up or copied."""
    with path.open("rb", buffering=0) as stream:
        return sum(len(chunk) for chunk in read(stream))


def sum_file(path: Path) -> float:
    """All records, and every number of them once, as a consumer would."""
    total = 0.0
    with path.open("rb", buffering=0) as stream:
        for chunk in read(stream):
            total += float(np.sum(chunk.features))  # type: ignore[arg-type]
    return total


def say(name: str, rows: int, seconds: float, note: str = "") -> float:
    rate = rows / seconds
    size = rate * (COLUMNS * 4 + 48) / 1e9
    print(f"  {name:<42} {rate:>12,.0f} rows/s {size:>6.2f} GB/s  {note}")
    return rate


def memory_of(rows: int, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes at most that a process of its own takes to read so many rows."""
    path = folder / f"{rows}.recordio"
    block = np.random.default_rng(0).random((5000, COLUMNS), np.float32)
    with path.open("wb") as stream:
        for _ in range(rows // 5000):
            write_dense(stream, block, block[:, 0].copy())
    done = subprocess.run(
        [sys.executable, __file__, "--only-read", str(path)], capture_output=True, text=True, check=True
    )
    path.unlink()
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def only_read(path: Path) -> None:
    start = time.perf_counter()
    read_file(path)
    print(time.perf_counter() - start, peak_megabytes())


def peak_megabytes() -> float:
    """Of this process alone: what getrusage says on Linux includes the process that forked it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)


def bench(rows: int) -> None:
    random = np.random.default_rng(0)
    features = random.random((rows, COLUMNS), np.float32)
    labels = random.integers(0, 2, rows).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "dense.recordio"
        print(f"recordIO-protobuf, {rows:,} rows of {COLUMNS} float32")
        few = min(rows, 2000)
        slow = say("protobuf loop", few, best(lambda: protobuf_loop(features[:few], labels[:few]), 1))
        sink: Any = type("Sink", (), {"write": staticmethod(len)})()
        encode = say("encode, a chunk at a time", rows, best(lambda: write_dense(sink, features, labels)))
        say("encode to bytes in memory", rows, best(lambda: encode_dense(features, labels)))
        with path.open("wb") as stream:

            def write() -> None:
                stream.seek(0)
                write_dense(stream, features, labels)

            say("encode to a file", rows, best(write))
        decode = say("decode a file", rows, best(lambda: read_file(path)))
        say("decode a file and use every number", rows, best(lambda: sum_file(path)))
        say("use every number of an array in memory", rows, best(lambda: np.sum(features)), "(the limit)")
        print(f"  encode is {encode / slow:,.0f} times this protobuf loop, {encode / SDK_ROWS:,.0f} times the SDK's")
        print(f"  goals: encode 200 times the SDK's {SDK_ROWS:,} rows/s: {verdict(encode >= 200 * SDK_ROWS)}; ", end="")
        print(f"decode 1,000,000 rows/s: {verdict(decode >= 1e6)}")
        bench_sparse(rows)
        bench_csv(features[: min(rows, 5000)], Path(name))
        print("reading in a process of its own")
        for count in MEMORY_ROWS:
            seconds, megabytes = memory_of(count, Path(name))
            print(f"  {count:>9,} rows {seconds:>8.3f} s {megabytes:>8.0f} MB at most")


def bench_sparse(rows: int) -> None:
    count, each = min(rows, 20_000), 100
    random = np.random.default_rng(1)
    keys = np.sort(random.integers(0, 5000, (count, each)), axis=1).reshape(-1)
    values = random.random(count * each, np.float32)
    indptr = np.arange(0, count * each + 1, each)
    labels = np.zeros(count, np.float32)
    data = encode_sparse(indptr, keys, values, (count, 5000), labels)
    encode = count / best(lambda: encode_sparse(indptr, keys, values, (count, 5000), labels))
    decode = count / best(lambda: list(read(io.BytesIO(data))))
    print(f"  sparse, {each} of 5,000 columns: encode {encode:,.0f} rows/s, decode {decode:,.0f} rows/s")


def bench_csv(features: Floats, folder: Path) -> None:
    import pandas as pd

    from scripts.formats.csv_lines import csv_lines

    pixels = np.floor(features * np.float32(256)) / np.float32(256)
    say("CSV written, any numbers", len(features), best(lambda: csv_lines(features)))
    say("CSV written, pixels", len(pixels), best(lambda: csv_lines(pixels)))
    path = folder / "a.csv"
    path.write_bytes(csv_lines(features))
    say("CSV parsed by pandas", len(features), best(lambda: pd.read_csv(path, header=None, dtype=np.float32)))


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--only-read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_read:
        only_read(options.only_read)
    else:
        bench(options.rows)


if __name__ == "__main__":
    main()
