"""Containers of `sandbox` run by tests, in each kind of isolation that this machine allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from pipeline.local.containers.sandbox.confinement import Isolation
from pipeline.local.containers.sandbox.container import Container, best_isolation
from tests.support.waiting import PATIENCE

ENV: Final = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/"}
KINDS: Final = list(dict.fromkeys((best_isolation(), Isolation.NONE)))  # each worker of pytest-xdist must see one order
APART: Final = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Isolation.NONE], indirect=True)
"""For what holds in namespaces alone."""


def run(kind: Isolation, root: Path, *argv: str, timeout: float = PATIENCE) -> tuple[int | None, list[str]]:
    """Exit code and lines of a program in a container of its own."""
    lines: list[str] = []
    container = Container.start(argv, ENV, root=root, on_line=lines.append, isolation=kind)
    code = container.wait(timeout)
    if code is None:
        container.kill()
    return code, lines


def shell(kind: Isolation, root: Path, script: str) -> tuple[int | None, list[str]]:
    """The same of a shell script."""
    return run(kind, root, "/bin/sh", "-c", script)


def alive(mark: str) -> bool:
    """Whether a process runs whose command line has this pattern."""
    found = subprocess.run(["pgrep", "-f", mark], capture_output=True, text=True)
    return found.returncode == 0
