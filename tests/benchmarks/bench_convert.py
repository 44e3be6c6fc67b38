"""InspectData and ConvertData on a table of 50 numbers, on one of 30 mixed columns with `features=table`, and on libsvm
of 20,000 columns with `features=sparse`: seconds and peak memory as rows and instances grow.

Run as `python tests/benchmarks/bench_convert.py [--rows N ...] [--mixed N ...] [--sparse N ...] [--instances N ...]`.
The data lie in eight files, which are dealt out to instances as S3's keys are; each instance is a process, and all run
at once.
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

from tests.support.mixed_table import write_mixed

ROOT = Path(__file__).parents[2]
COLUMNS = 50
FILES = 8
_CHUNK = 50_000
_NUMBERS = ["--task", "binary_classifier"]
_SPARSE = [*_NUMBERS, "--features", "sparse"]
_WIDTH = 20_000
_EACH = 50
_MIXED = [*_NUMBERS, "--positive-class", "yes", "--label-column", "churn", "--features", "table"]


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


def write_sparse(folder: Path, rows: int) -> int:
    """Eight libsvm files of rows with 50 of 20,000 numbers, as counts of words are; how many bytes they have."""
    folder.mkdir()
    random = np.random.default_rng(0)
    weights = random.normal(size=_WIDTH)
    for number in range(FILES):
        count = rows // FILES + (number < rows % FILES)
        at = np.sort((_WIDTH * random.random((count, _EACH)) ** 2.5).astype(int), axis=1)
        labels = weights[at].sum(axis=1) > 0
        with (folder / f"rows-{number}.libsvm").open("w") as file:
            for label, columns in zip(labels.tolist(), at.tolist(), strict=True):
                file.write(f"{label:d} {' '.join(f'{column + 1}:1' for column in dict.fromkeys(columns))}\n")
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


def instances_of(folder: Path, data: Path, count: int, more: Sequence[str]) -> list[list[str]]:
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
        commands.append(["scripts.convert", *words, "--resources", str(own / "resources.json"), *more])
    return commands


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="*", default=[50_000, 200_000])
    parser.add_argument("--mixed", type=int, nargs="*", default=[50_000])
    parser.add_argument("--sparse", type=int, nargs="*", default=[50_000])
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    head = f"{'rows':>12} {'columns':>8} {'MB':>6}  {'script':<14} {'instances':>9}"
    print(f"{head} {'seconds':>8} {'CPU':>8} {'peak MB':>8}")
    for kind, write, counts, more in (
        ("numbers", write_table, options.rows, _NUMBERS),
        ("mixed", write_mixed, options.mixed, _MIXED),
        ("sparse", write_sparse, options.sparse, _SPARSE),
    ):
        for rows in counts:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                what = f"{rows:>12,} {kind:>8} {write(folder / 'data', rows) / 1e6:>6.0f}"
                words = ["--data", str(folder / "data"), "--output", str(folder / "baseline"), *more]
                _show(what, "inspect_data", 1, *together([["scripts.inspect_data", *words]]))
                for count in options.instances:
                    _show(what, "convert", count, *together(instances_of(folder, folder / "data", count, more)))


def _show(what: str, script: str, count: int, seconds: float, worked: float, peak: float) -> None:
    print(f"{what}  {script:<14} {count:>9} {seconds:>8.1f} {worked:>8.1f} {peak:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
