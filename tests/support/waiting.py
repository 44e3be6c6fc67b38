"""Waiting for a condition. The machine that runs the tests may be busy, so a limit is there to end a test that hangs,
never to say how quick something is; what is quick is measured in CPU time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 300.0


def until(ask: Callable[[], Any], enough: Callable[[Any], bool] = bool) -> Any:
    """Ask until the answer is enough, and return it."""
    end = time.monotonic() + PATIENCE
    while not enough(found := ask()):
        assert time.monotonic() < end, f"still {found}"
        time.sleep(0.02)
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used."""
    import os

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
