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
from typing import Final, NoReturn

_NEW_OBJECTS: Final = 20_000
"""So many more objects make Python look for garbage; 700 are its own choice."""


def run_to_end(main: Callable[[], int]) -> NoReturn:
    """Run a program and end the process with its exit code; what asked to be called at exit is."""
    gc.set_threshold(_NEW_OBJECTS)
    code = main()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # the slow way, on which Python says what could not be written
    os._exit(code)
