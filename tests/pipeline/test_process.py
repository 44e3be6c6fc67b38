"""How a command's process ends: at once, and yet with all that it owes."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import atexit
from pipeline.process import run_to_end

class Loaded:
    def __del__(self):
        print("taken apart")

kept = [Loaded()]
kept.append(kept)

def main():
    atexit.register(print, "called at exit", end="")
    print("said")
    return 3

run_to_end(main)
"""


def test_a_command_ends_with_its_code_its_output_and_its_exit_calls_but_takes_nothing_apart() -> None:
    ended = _ended(_PROGRAM, subprocess.PIPE)

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "said\ncalled at exit", "")


def test_output_that_could_not_be_written_is_no_success() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = _ended(_PROGRAM.replace("return 3", "return 0"), writer)
    os.close(writer)

    assert ended.returncode == 120
    assert "BrokenPipeError" in ended.stderr


def _ended(program: str, stdout: int) -> subprocess.CompletedProcess[str]:
    """Run with buffered output, whatever the environment says: what is written late is what may be lost."""
    return subprocess.run([sys.executable, "-E", "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True)
