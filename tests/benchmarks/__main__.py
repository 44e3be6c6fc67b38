"""`make bench`: every `bench_*.py` beside this file, one after the other, each printing its own figures."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the benchmarks whose names are given, all by default."""
    wanted, sys.argv[1:] = sys.argv[1:], []
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if not wanted or path.stem.removeprefix("bench_") in wanted:
            print(f"== {path.stem.removeprefix('bench_')}", flush=True)
            runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
