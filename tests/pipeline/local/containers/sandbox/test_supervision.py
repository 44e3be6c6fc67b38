"""A job within its container: exit codes, signals, limits, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation, Limits
from pipeline.local.containers.sandbox.container import Container, stop
from tests.support.sandboxed import APART, ENV, alive, run, shell
from tests.support.waiting import PATIENCE, until


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_the_exit_code_is_the_programs(kind: Isolation, tmp_path: Path, script: str, code: int) -> None:
    assert shell(kind, tmp_path, script)[0] == code


def test_a_container_that_the_kernel_takes_ends_with_137(kind: Isolation, tmp_path: Path) -> None:
    container = Container.start(["/bin/sleep", "30"], ENV, root=tmp_path, isolation=kind)
    os.kill(container.pid, signal.SIGKILL)
    assert container.wait(PATIENCE) == 137


def test_a_program_that_is_not_there_ends_with_127(kind: Isolation, tmp_path: Path) -> None:
    code, lines = run(kind, tmp_path, "no-such-program")
    assert (code, lines) == (127, ['exec: "no-such-program": executable file not found in $PATH'])


def test_a_file_that_is_no_program_ends_with_126(kind: Isolation, tmp_path: Path) -> None:
    assert run(kind, tmp_path, "/etc/passwd")[0] == 126


def test_descendants_in_sessions_of_their_own_die_with_the_job(kind: Isolation, tmp_path: Path) -> None:
    mark = f"sleep 3{os.getpid()}.{int(time.time() * 1000) % 10**6}"
    code, _ = shell(kind, tmp_path, f"setsid {mark} & (setsid {mark} &) ; sleep 0.1; exit 0")
    assert code == 0
    assert not alive(mark)


def test_a_job_that_will_not_die_is_killed_after_the_grace(kind: Isolation, tmp_path: Path) -> None:
    lines: list[str] = []
    script = "trap 'echo no' TERM; echo up; while true; do sleep 0.05; done"
    container = Container.start(["/bin/sh", "-c", script], ENV, root=tmp_path, on_line=lines.append, isolation=kind)
    until(lambda: lines == ["up"])
    started = time.monotonic()
    stop([container], 0.4)
    assert container.exit_code == 137
    assert time.monotonic() - started >= 0.4
    assert lines == ["up", "no"]


def test_sigterm_lets_a_job_end_as_it_likes(kind: Isolation, tmp_path: Path) -> None:
    lines: list[str] = []
    script = "trap 'echo bye; exit 7' TERM; echo up; while true; do sleep 0.05; done"
    container = Container.start(["/bin/sh", "-c", script], ENV, root=tmp_path, on_line=lines.append, isolation=kind)
    until(lambda: lines == ["up"])
    stop([container], 10)
    assert container.exit_code == 7
    assert lines == ["up", "bye"]


def test_a_container_may_be_stopped_as_soon_as_it_is_started(kind: Isolation, tmp_path: Path) -> None:
    for _ in range(10):
        container = Container.start(["/bin/sleep", "60"], ENV, root=tmp_path, isolation=kind)
        container.terminate()
        assert container.wait(PATIENCE) == 143


def test_the_container_dies_with_the_process_that_started_it(kind: Isolation, tmp_path: Path) -> None:
    mark = f"sleep 4{os.getpid()}.{int(time.time() * 1000) % 10**6}"
    program = (
        "import sys, pathlib, time\n"
        "from pipeline.local.containers.sandbox.confinement import Isolation\n"
        "from pipeline.local.containers.sandbox.container import Container\n"
        f"Container.start(['/bin/sh', '-c', '{mark} & {mark}'], {ENV!r}, root=pathlib.Path({str(tmp_path)!r}),"
        f" isolation=Isolation({kind.value!r}))\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as starter:
        until(lambda: alive(f"^{mark}$"))
        starter.kill()
    until(lambda: not alive(f"^{mark}$"))


def test_a_fork_bomb_is_bounded(tmp_path: Path) -> None:
    bomb = (
        "import os, time\n"
        "n = 0\n"
        "while n < 1000:\n"
        "    try:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(30)\n"
        "        n += 1\n"
        "    except OSError:\n"
        "        break\n"
        "print(n)\n"
    )
    lines: list[str] = []
    container = Container.start(
        [sys.executable, "-I", "-S", "-c", bomb],
        ENV,
        root=tmp_path,
        on_line=lines.append,
        limits=Limits(processes=50),
    )
    assert container.wait(PATIENCE) == 0
    assert 0 < int(lines[0]) <= 301


def test_a_file_larger_than_the_limit_cannot_be_written(kind: Isolation, tmp_path: Path) -> None:
    script = "with open('/opt/ml/big', 'wb') as f: f.write(bytes(100_000))"
    code = Container.start(
        [sys.executable, "-c", script.replace("/opt/ml", str(tmp_path))],
        ENV,
        root=tmp_path,
        isolation=kind,
        limits=Limits(file_size=10_000),
    ).wait(PATIENCE)
    assert code == 1
    assert (tmp_path / "big").stat().st_size <= 10_000


@APART
def test_a_job_cannot_hold_its_own_lifeline(kind: Isolation, tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "try: os.open('/proc/1/fd/0', os.O_RDWR)\n"
        "except PermissionError: print('refused', flush=True)\n"
        "time.sleep(60)"
    )
    lines: list[str] = []
    container = Container.start(
        [sys.executable, "-c", script], ENV, root=tmp_path, on_line=lines.append, isolation=kind
    )
    until(lambda: lines == ["refused"])
    container.kill()
    assert lines == ["refused"]
