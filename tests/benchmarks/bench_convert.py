"""InspectData and ConvertData on a table of 50 columns: seconds and peak memory as rows and instances grow.

Run as `python tests/benchmarks/bench_convert.py [--rows N ...] [--instances N ...]`. The data lie in eight CSV files,
which are dealt out to instances as S3's keys are; each instance is a process, and all run at once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
COLUMNS = 50
FILES = 8
_CHUNK = 50_000


def write_table(folder: Path, rows: int) -> int:
    """Eight files of a header and numbers, of which some tell the label; how many bytes they have."""
    folder.mkdir()
    random = np.random.default_rng(0)
    weights = random.normal(size=COLUMNS)
    for number in range(FILES):
        left = rows // FILES + (number < rows % FILES)
        with (folder / f"rows-{number}.csv").open("w") as file:
            file.write(",".join(["label", *(f"x{column}" for column in range(COLUMNS))]) + "\n")
            while left:
                part = random.normal(size=(min(left, _CHUNK), COLUMNS))
                labels = (part @ weights + random.normal(size=len(part)) > 4).astype(int)
                form = "%d" + ",%.5f" * COLUMNS
                file.write("\n".join(form % tuple(row) for row in np.column_stack([labels, part]).tolist()) + "\n")
                left -= len(part)
    return sum(path.stat().st_size for path in folder.iterdir())


def together(commands: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """Run the scripts at once: seconds until all have ended, and the most CPU seconds and megabytes that one took."""
    start = time.perf_counter()
    own = [sys.executable, "-m", "tests.support.own_peak"]
    running = [subprocess.Popen([*own, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) for words in commands]
    peak, worked = 0, 0.0
    for process in running:
        told = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{commands[0][0]} ended with {process.returncode}")
        peak, worked = max(peak, int(told.splitlines()[-1])), max(worked, usage.ru_utime + usage.ru_stime)
    return time.perf_counter() - start, worked, peak / 1024


def instances_of(folder: Path, data: Path, count: int) -> list[list[str]]:
    """What each of so many instances runs, with its share of the files linked into a folder of its own."""
    hosts = [f"algo-{number + 1}" for number in range(count)]
    commands = []
    for number, host in enumerate(hosts):
        own = folder / f"{count}-{number}"
        (own / "data").mkdir(parents=True)
        for file in sorted(data.iterdir())[number::count]:
            os.link(file, own / "data" / file.name)
        (own / "resources.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
        given = {"data": own / "data", "output": own / "out", "baseline": folder / "baseline"}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        words += ["--resources", str(own / "resources.json"), "--task", "binary_classifier"]
        commands.append(["scripts.convert", *words])
    return commands


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(f"{'rows':>12} {'MB':>6}  {'script':<14} {'instances':>9} {'seconds':>8} {'CPU':>8} {'peak MB':>8}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            size = write_table(folder / "data", rows) / 1e6
            words = ["scripts.inspect_data", "--data", str(folder / "data"), "--output", str(folder / "baseline")]
            _show(rows, size, "inspect_data", 1, *together([words]))
            for count in options.instances:
                _show(rows, size, "convert", count, *together(instances_of(folder, folder / "data", count)))


def _show(rows: int, size: float, script: str, count: int, seconds: float, worked: float, peak: float) -> None:
    found = f"{seconds:>8.1f} {worked:>8.1f} {peak:>8.0f}"
    print(f"{rows:>12,} {size:>6.0f}  {script:<14} {count:>9} {found}", flush=True)


if __name__ == "__main__":
    main()
