"""How a script ends: with one line that a person can act on, in the message file and on standard error.

SageMaker shows the first kilobyte of `/opt/ml/output/message` as a processing job's ExitMessage. A user's error
(`ScriptError`, or a file that cannot be read or written) becomes that line and exit code 1; anything else is a
bug, and keeps its traceback in the log. A script that is stopped ends by one line too, and leaves no half of a file.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

MESSAGE_BYTES: Final = 1024
STOPPED: Final = 130

_FULL: Final = "free some space, or give the job a larger volume"
_REMEDIES: Final[dict[int | None, str]] = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL}


class ScriptError(Exception):
    """Input that the script cannot use; the text says what is wrong, where, and what to do."""


def conclude(message: Path | None, work: Callable[[], str]) -> int:
    """Run `work`, write its one-line summary (or the reason why it failed) to `message`; the exit code."""
    try:
        with _stoppable():
            summary = work()
    except KeyboardInterrupt:
        return _fail(message, "stopped before it was done", STOPPED)
    except ScriptError as error:
        return _fail(message, str(error))
    except MemoryError:
        return _fail(message, "out of memory: use a larger instance type, or less data")
    except OSError as error:
        return _fail(message, _io_reason(error))
    except Exception as error:
        write_message(message, f"internal error: {type(error).__name__}: {error}; see the job's log")
        raise
    write_message(message, summary)
    print(summary, flush=True)
    return 0


def end(code: int) -> NoReturn:
    """End the process now: Python would free all that matplotlib or boto3 has made first, which takes 0.2 s of CPU."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def write_message(message: Path | None, text: str) -> None:
    """Write at most 1 KiB of valid UTF-8: a longer message is cut by SageMaker, an invalid one fails the job."""
    if message is None:
        return
    message.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode(errors="backslashreplace")
    if len(data) > MESSAGE_BYTES:
        data = data[: MESSAGE_BYTES - 3].decode(errors="ignore").encode() + "…".encode()
    message.write_bytes(data)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM, by which SageMaker stops a job as well as by SIGINT, unwinds the script instead of killing it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message: Path | None, reason: str, code: int = 1) -> int:
    # Names of files may hold line breaks, and bytes that are no UTF-8.
    reason = " ".join(line.strip() for line in reason.splitlines()).encode(errors="backslashreplace").decode()
    print(f"error: {reason}", file=sys.stderr, flush=True)
    try:
        write_message(message, reason)
    except OSError as error:
        print(f"error: {_io_reason(error)}", file=sys.stderr, flush=True)
    return code


def _io_reason(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    return f"{place}{reason}; {_REMEDIES.get(error.errno, 'check that the path exists and may be used')}"
