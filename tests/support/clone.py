"""A clone of the project as it stands here, uncommitted work included, and a shell in it.

Its commands run by the programs of this environment, so nothing is set up: `make` takes every set-up for done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.docs import ROOT
from tests.support.waiting import PATIENCE

_BIN: Final = Path(sys.executable).parent
_DONE: Final = (".venv/installed", ".venv/installed-for-developers", ".venv-image/installed")
_MAKE: Final = f'command make {" ".join(f"-o {name}" for name in _DONE)} BIN={_BIN} IMAGE={_BIN} "$@"'


def clone(project: Path) -> Path:
    """The project, in a repository of its own with one commit."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project / name)
    if (types := ROOT / ".mypy_cache").exists():
        shutil.copytree(types, project / types.name)
    (project / ".venv").mkdir()
    (project / ".venv" / "bin").symlink_to(_BIN)
    shell(project, "git init --quiet && git add --all && git -c user.name=me -c user.email=me@here commit -qm all")
    return project


def shell(project: Path, script: str, **variables: str) -> str:
    """What a script writes that is run in the project, with the project's code; it must end well."""
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"make() {{ {_MAKE}; }}\n{script}"],
        cwd=project,
        env={
            **own,
            "PATH": os.pathsep.join([str(_BIN), os.environ["PATH"]]),
            "PYTHONPATH": str(project),
            "AWS_EC2_METADATA_DISABLED": "true",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def touched(project: Path) -> set[str]:
    """What git sees as changed, new or deleted since the clone was made."""
    return {line[3:] for line in shell(project, "git status --porcelain --untracked-files=all").splitlines()}
