"""A command's process, from its first line to its end, without the search for garbage that costs more than it finds.

What a command loads, it keeps: boto3's models and the SageMaker SDK are half a million objects. Python would look
through them for garbage again and again, and at the end take them apart one by one, which takes 0.2 s of CPU with
boto3 and over a second with the SDK. The system takes the memory back in any case.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

_NEW_OBJECTS: Final = 20_000
"""So many more objects make Python look for garbage; 700 are its own choice."""


def run_to_end(main: Callable[[], int]) -> NoReturn:
    """Run a program and end the process with its exit code, once its threads and its calls at exit are done.

    `main` imports what it needs: a call at exit that was registered before this one is left out. Output that cannot be
    written is one line on standard error and exit code 1; a reader that has gone (`| head`) is told nothing more.
    """
    gc.set_threshold(_NEW_OBJECTS)
    _open_standard_streams()
    ended: list[int] = []

    def leave() -> None:
        if not ended:
            return  # by an exception, which Python tells
        code = ended[0] if is_output_written() else ended[0] or 1
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)

    atexit.register(leave)  # what was registered first is called last
    ended.append(main())
    sys.exit(ended[0])


def is_output_written() -> bool:
    """Whether standard output has taken all that was printed. Why not is said once, on standard error."""
    if sys.stdout.closed:
        return False
    try:
        sys.stdout.flush()
        return True
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            if not isinstance(error, BrokenPipeError):
                reason = error.strerror if isinstance(error, OSError) else error
                print(f"error: standard output cannot be written: {reason}", file=sys.stderr)
        with suppress(OSError, ValueError):
            sys.stdout.close()  # nothing more is tried
        return False


def _open_standard_streams() -> None:
    """Open what the caller closed (`>&-`) on nothing: else the next file that is opened is taken for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
