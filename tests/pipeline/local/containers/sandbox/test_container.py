"""A container: its environment, its paths, the code that it sees, and what it writes."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.local.containers.sandbox.confinement import Isolation
from pipeline.local.containers.sandbox.container import Container, re_root, visible
from tests.support.sandboxed import ENV, run, shell
from tests.support.waiting import PATIENCE


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
