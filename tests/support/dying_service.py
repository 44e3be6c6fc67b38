"""`python -m tests.support.dying_service NUMBER ...`: the service as a process that kills itself at a commit point.

NUMBER counts the syncs of files, folders and commits once it answers: at an odd one it dies before the sync, at an even
one after it. All else is handed to `python -m pipeline.local`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from pipeline.local import __main__ as program
from pipeline.local import durable


def main() -> int:
    """Serve until the moment has come."""
    last = int(sys.argv.pop(1))
    real, leave, numbers = durable.sync, program._leave_stdout, itertools.count(1)
    begun: list[bool] = []

    def dying(path: Path) -> None:
        number = next(numbers) if begun else 0
        if number == last and last % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        real(path)
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def ready() -> None:
        begun.append(True)
        leave()

    durable.sync = dying
    program._leave_stdout = ready
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
