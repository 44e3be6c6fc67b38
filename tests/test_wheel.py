"""The wheel: it builds, and installed beside the libraries alone, with no checkout, it runs the pipeline.

Nothing is fetched: it is built by the setuptools of this environment, and the new environment sees its libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.docs import ROOT
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long


def said(*command: str | Path, folder: Path) -> str:
    own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "PATH") if name in os.environ}
    done = subprocess.run(
        command, cwd=folder, env=own, capture_output=True, text=True, timeout=4 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("wheel") / "project"
    for name in ("pipeline", "steps", "scripts"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    name = said(sys.executable, "-c", build, folder=project).splitlines()[-1]
    return project / name


def test_the_wheel_holds_every_module_and_what_they_read(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for folder in ("pipeline", "steps", "scripts")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".md", ".pyc")
    }
    assert wanted <= packed
    assert not [name for name in packed if name.startswith("tests")]


def test_the_pipeline_runs_from_the_wheel_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    said(sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare", folder=tmp_path)
    scheme = {"base": str(tmp_path / "bare"), "platbase": str(tmp_path / "bare")}
    site = Path(sysconfig.get_path("purelib", vars=scheme))
    # The libraries, but not the checkout: a path file of that folder, which would add it, is not read from here.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    uv = Path(sys.executable).with_name("uv")
    said(uv, "pip", "install", "--offline", "--no-deps", "--python", "bare/bin/python", wheel, folder=tmp_path)
    where = said("bare/bin/python", "-c", "import pipeline; print(pipeline.__file__)", folder=tmp_path)
    assert where.startswith(str(site))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert said("bare/bin/pipeline", "--version", folder=tmp_path) == f"{version}\n"
    shown = said("bare/bin/pipeline", "run", "--param", "Deploy=false", folder=tmp_path)
    assert "RegisterModel      Succeeded" in shown
