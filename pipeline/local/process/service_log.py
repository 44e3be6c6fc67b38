"""The service's own log: `server.log` in the state folder, one line an event with time, level and area; it rotates.

`PIPELINE_LOG` chooses the level (`debug` has every request, the default is `info`). A process whose standard error is
that file, as that of a service in the background, goes on writing to the new file after a rotation.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError

VARIABLE: Final = "PIPELINE_LOG"
_LEVELS: Final = ("debug", "info", "warning", "error")
_MOST: Final = 8 << 20
_KEPT: Final = 3
_ROOT: Final = "pipeline.local"


class _Areas(logging.Formatter):
    """Names the part of the service, `engine.step_executors`, not the module's whole name."""

    def format(self, record: logging.LogRecord) -> str:
        record.area = record.name.removeprefix(f"{_ROOT}.")
        return super().format(record)


class _Rotating(logging.handlers.RotatingFileHandler):
    def doRollover(self) -> None:
        ours = _is_stderr(self.baseFilename)
        super().doRollover()
        if ours:
            with open(self.baseFilename, "a") as fresh:
                os.dup2(fresh.fileno(), sys.stderr.fileno())

    def handleError(self, record: logging.LogRecord) -> None:
        """A disk that is full must not fail what wanted to be logged."""


def begin(file: Path, environ: Mapping[str, str]) -> logging.Handler:
    """Log to that file from now on. Raises UsageError for a level that there is not."""
    level = environ.get(VARIABLE, "info").lower() or "info"
    if level not in _LEVELS:
        raise UsageError(f"{VARIABLE}={level} is not a log level", hint=f"there are {', '.join(_LEVELS)}")
    handler = _Rotating(file, maxBytes=_MOST, backupCount=_KEPT, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Areas("%(asctime)s %(levelname)-7s %(area)s: %(message)s"))
    log = logging.getLogger(_ROOT)
    log.setLevel(level.upper())
    log.propagate = False
    log.addHandler(handler)
    return handler


def end(handler: logging.Handler) -> None:
    """Log there no more."""
    log = logging.getLogger(_ROOT)
    log.removeHandler(handler)
    log.propagate = True
    handler.close()


def _is_stderr(file: str) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(sys.stderr.fileno()))
    except (OSError, ValueError):
        return False
