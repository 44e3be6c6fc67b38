"""A container: its own /opt/ml, exit codes, signals, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation, Limits
from pipeline.local.containers.sandbox.container import Container, best_isolation, re_root, stop, visible
from tests.support.waiting import PATIENCE, until

ENV = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/"}
KINDS = list(dict.fromkeys((best_isolation(), Isolation.NONE)))  # each worker of pytest-xdist must see one order


@pytest.fixture(params=KINDS, ids=lambda kind: kind.value or "none")
def kind(request: pytest.FixtureRequest) -> Isolation:
    return Isolation(request.param)


def run(kind: Isolation, root: Path, *argv: str, timeout: float = PATIENCE) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    container = Container.start(argv, ENV, root=root, on_line=lines.append, isolation=kind)
    code = container.wait(timeout)
    if code is None:
        container.kill()
    return code, lines


def shell(kind: Isolation, root: Path, script: str) -> tuple[int | None, list[str]]:
    return run(kind, root, "/bin/sh", "-c", script)


def alive(mark: str) -> bool:
    found = subprocess.run(["pgrep", "-f", mark], capture_output=True, text=True)
    return found.returncode == 0


def test_the_folder_is_opt_ml_inside(kind: Isolation, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("hello\n")
    code, lines = shell(kind, tmp_path, "cat /opt/ml/in && echo done > /opt/ml/out")
    assert (code, lines) == (0, ["hello"])
    assert (tmp_path / "out").read_text() == "done\n"


def test_two_containers_at_once_have_two_opt_mls(kind: Isolation, tmp_path: Path) -> None:
    roots = [tmp_path / name for name in "ab"]
    for root in roots:
        root.mkdir()
        (root / "name").write_text(root.name)
    script = "sleep 0.2; cp /opt/ml/name /opt/ml/copy"
    running = [Container.start(["/bin/sh", "-c", script], ENV, root=root, isolation=kind) for root in roots]
    assert [container.wait(PATIENCE) for container in running] == [0, 0]
    assert [(root / "copy").read_text() for root in roots] == ["a", "b"]


def test_what_else_lies_in_opt_stays_visible(kind: Isolation, tmp_path: Path) -> None:
    code, lines = shell(kind, tmp_path, "ls /opt")
    there = sorted(os.listdir("/opt")) if Path("/opt").exists() else []
    assert [line for line in lines if line != "ml"] == [name for name in there if name != "ml"]


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


def test_the_environment_is_what_was_given(kind: Isolation, tmp_path: Path) -> None:
    code, lines = run(kind, tmp_path, "/usr/bin/env")
    shown = {line.partition("=")[0] for line in lines} - {"PYTHONPATH"}
    assert code == 0 and shown == set(ENV)


def test_paths_in_the_environment_work(kind: Isolation, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x\n")
    lines: list[str] = []
    env = ENV | {"WHERE": "/opt/ml/f"}
    container = Container.start(
        ["/bin/sh", "-c", 'cat "$WHERE"'], env, root=tmp_path, on_line=lines.append, isolation=kind
    )
    assert (container.wait(PATIENCE), lines) == (0, ["x"])


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


def test_a_job_does_not_see_the_projects_packages(kind: Isolation, tmp_path: Path) -> None:
    for package in ("pipeline", "scripts", "steps"):
        code, lines = run(kind, tmp_path, "python3", "-c", f"import {package}")
        assert (code, lines[-1:]) == (1, [f"ModuleNotFoundError: No module named '{package}'"])


def test_a_package_of_the_same_name_from_elsewhere_is_found(kind: Isolation, tmp_path: Path) -> None:
    (tmp_path / "code" / "scripts").mkdir(parents=True)
    (tmp_path / "code" / "scripts" / "hello.py").write_text("print('from S3')\n")
    lines: list[str] = []
    env = ENV | {"PYTHONPATH": "/opt/ml/code"}
    container = Container.start(
        ["python3", "-m", "scripts.hello"], env, root=tmp_path, on_line=lines.append, isolation=kind
    )
    assert (container.wait(PATIENCE), lines) == (0, ["from S3"])


def test_a_stand_in_of_this_project_sees_its_code(kind: Isolation, tmp_path: Path) -> None:
    container = Container.start(
        [sys.executable, "-c", "import pipeline.local"], ENV, root=tmp_path, isolation=kind, own_code=True
    )
    assert container.wait(PATIENCE) == 0


def test_output_that_is_no_text_and_lines_without_end_are_bounded(kind: Isolation, tmp_path: Path) -> None:
    script = r"printf 'a\377b\r\n'; head -c 600000 /dev/zero | tr '\0' x; printf '\nlast'"
    code, lines = shell(kind, tmp_path, script)
    assert code == 0
    assert lines[0] == "a\ufffdb" and lines[-1] == "last"
    assert max(map(len, lines)) <= 262_144


def test_paths_are_re_rooted_only_where_they_begin() -> None:
    root = Path("/jobs/x")
    assert re_root("/opt/ml/a:/opt/ml:--in=/opt/ml/b", root) == "/jobs/x/a:/jobs/x:--in=/jobs/x/b"
    assert re_root("/opt/mlx /data/opt/ml s3://b/opt/ml", root) == "/opt/mlx /data/opt/ml s3://b/opt/ml"


def test_visible_is_opt_ml_unless_re_rooted(tmp_path: Path) -> None:
    assert visible(tmp_path, Isolation.USER) == "/opt/ml"
    assert visible(tmp_path, Isolation.NONE) == str(tmp_path)


apart = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Isolation.NONE], indirect=True)
LIBC = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "


@apart
@pytest.mark.parametrize(
    "attempt",
    [
        "libc.umount2(b'{covered}', 2)",
        "libc.unshare(0x00020000) or libc.umount2(b'{covered}', 2)",
        "libc.unshare(0x10020000) or libc.umount2(b'{covered}', 2)",
        "libc.mount(b'none', b'{covered}', b'tmpfs', 0, None)",
        "libc.ptrace(16, 1, None, None)",
        "libc.setns(os.open('/proc/1/ns/mnt', os.O_RDONLY), 0)",
        "libc.mknod(b'/opt/ml/disk', 0o60600, 0x800)",
    ],
    ids=["umount", "umount in a namespace", "umount as another root", "mount", "trace", "join", "device"],
)
def test_a_job_cannot_uncover_what_is_covered(
    kind: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: str
) -> None:
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("secret")
    monkeypatch.setenv("HOME", str(home))
    root = tmp_path / "ml"
    root.mkdir()
    code = attempt.format(covered=home / ".aws")
    script = (
        f"{LIBC}\ntry: result = {code}\nexcept OSError: result = -1\n"
        f"print(result, os.path.exists('{home}/.aws/credentials'), sorted(os.listdir('{home}')))"
    )
    assert run(kind, root, sys.executable, "-c", script) == (0, ["-1 False ['.aws']"])


@apart
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


@apart
def test_a_container_never_has_more_processes_than_its_limit(kind: Isolation, tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "count = 1\n"
        "try:\n"
        "    while count < 1000:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "        count += 1\n"
        "except OSError: pass\n"
        "print(count, flush=True)\n"
        "os._exit(0)"
    )
    lines: list[str] = []
    container = Container.start(
        [sys.executable, "-c", script], ENV, root=tmp_path, on_line=lines.append, isolation=kind, limits=Limits(320)
    )
    assert container.wait(PATIENCE) == 0
    assert 250 < int(lines[0]) <= 320
