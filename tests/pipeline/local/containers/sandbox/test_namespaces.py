"""A container's own view of the system, and that a job cannot undo it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation, Limits
from pipeline.local.containers.sandbox.container import Container
from tests.support.sandboxed import APART, ENV, run, shell
from tests.support.waiting import PATIENCE


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


LIBC = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "


@APART
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


@APART
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
