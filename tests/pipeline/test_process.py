"""How a command's process ends: at once, and yet with all that it owes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

_PROGRAM = """
import atexit, threading, time
from pipeline.process import run_to_end

class Loaded:
    def __del__(self):
        print("taken apart")

kept = [Loaded()]
kept.append(kept)

def main():
    atexit.register(print, "called at exit", end="")
    threading.Thread(target=lambda: (time.sleep(0.1), print("said by a thread"))).start()
    print("said")
    return 3

run_to_end(main)
"""


def test_a_command_ends_with_its_code_its_threads_and_its_exit_calls_but_takes_nothing_apart() -> None:
    ended = _ended(_PROGRAM, subprocess.PIPE)

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "said\nsaid by a thread\ncalled at exit", "")


@pytest.mark.parametrize("code", [0, 3])
def test_output_whose_reader_has_gone_is_no_success_and_no_word(code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = _ended(_PROGRAM.replace("return 3", f"return {code}"), writer)
    os.close(writer)

    assert (ended.returncode, ended.stderr) == (code or 1, "")


@pytest.mark.parametrize("code", [0, 3])
def test_output_that_does_not_fit_is_one_line_and_no_success(code: int) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = _ended(_PROGRAM.replace("return 3", f"return {code}"), full.fileno())

    assert ended.returncode == (code or 1)
    assert ended.stderr == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", [["--help"], ["definition"], ["graph", "--mermaid"]], ids=" ".join)
@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_command_whose_output_does_not_fit_says_so_in_a_line(arguments: list[str], buffered: str) -> None:
    ended = _run(arguments, "> /dev/full", {"PYTHONUNBUFFERED": buffered})

    assert re.fullmatch("(composing the pipeline\n)?error: .*No space left on device\n", ended.stderr)
    assert ended.returncode == 1


def test_a_command_runs_with_its_standard_streams_closed() -> None:
    for closed in (">&- <&-", ">&- 2>&- <&-"):
        ended = _run(["definition"], closed, {})

        assert (ended.stderr.removeprefix("composing the pipeline\n"), ended.returncode) == ("", 0)


def test_a_program_that_breaks_says_so() -> None:
    ended = _ended(_PROGRAM.replace("return 3", "raise KeyError(3)"), subprocess.PIPE)

    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "KeyError: 3")


_INTERRUPTED: Final = """
import sys
from {module} import {function}

class Interruption:
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interruption())
{function}()
"""


@pytest.mark.parametrize("name", ["typer", "pipeline.cli.executions"])
def test_a_command_that_is_interrupted_while_it_loads_ends_in_one_line(name: str) -> None:
    command = tomllib.loads(Path("pyproject.toml").read_text())["project"]["scripts"]["pipeline"]
    module, function = command.split(":")
    ended = _ended(_INTERRUPTED.format(name=name, module=module, function=function), subprocess.PIPE)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")


def _run(arguments: list[str], redirected: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    line = f"{shlex.quote(sys.executable)} -m pipeline {' '.join(arguments)} {redirected}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=os.environ | environment)


def _ended(program: str, stdout: int) -> subprocess.CompletedProcess[str]:
    """Run with buffered output, whatever the environment says: what is written late is what may be lost."""
    return subprocess.run([sys.executable, "-E", "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True)
