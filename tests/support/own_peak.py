"""Runs a module as `python -m` does, and prints the most kilobytes of memory that it took as its last line.

It says so itself, because what the system keeps of a child that ended holds what its parent had at the fork, too.
"""

from __future__ import annotations

import os
import re
import resource
import runpy
import sys
from pathlib import Path
from typing import NoReturn


def main() -> None:
    """Run what the arguments say, which may end the process at once."""
    sys.argv = sys.argv[1:]
    leave = os._exit

    def tell(status: int) -> NoReturn:
        print(f"\n{_peak()}", flush=True)
        leave(status)

    os._exit = tell
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    tell(0)


def _peak() -> int:
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
