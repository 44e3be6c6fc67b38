"""`python -m tests.support.dying_service JOURNAL MOMENT ...`: the service, which kills itself at a commit point.

From when the file JOURNAL is there, each sync of a file, a folder or a commit gets a line in it and has two moments: an
odd one before it and an even one after it. At MOMENT the process dies; 0 never comes. All else is handed to
`python -m pipeline.local`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from pipeline.local import __main__ as program
from pipeline.local import durable


class DyingSync:
    """Syncs until its moment has come."""

    def __init__(self, journal: Path, moment: int) -> None:
        self._journal = journal
        self._moment = moment
        self._number = 0
        self._lock = threading.Lock()
        self._real = durable.sync

    def __call__(self, path: Path) -> None:
        number = self._next(path)
        if number and 2 * number - 1 == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)
        self._real(path)
        if number and 2 * number == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def _next(self, path: Path) -> int:
        """Its number, from 1 on; 0 while there is no journal."""
        with self._lock:
            if not self._journal.exists():
                return 0
            with open(self._journal, "a") as file:
                file.write(f"{path}\n")
            self._number += 1
            return self._number


if __name__ == "__main__":
    journal, moment = Path(sys.argv.pop(1)), int(sys.argv.pop(1))
    durable.sync = DyingSync(journal, moment)
    sys.exit(program.main())
