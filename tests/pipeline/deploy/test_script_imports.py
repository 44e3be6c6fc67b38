"""What a script imports: all of it, in every way to write it, and nothing that only another script needs."""

from __future__ import annotations

import subprocess
import sys
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from pipeline.deploy.code_bundle import bundles
from pipeline.deploy.desired import scripts_folder
from pipeline.deploy.script_imports import imported

SCRIPTS = (
    "inspect_data",
    "convert",
    "evaluate",
    "compare_approved",
    "rollout_endpoint",
    "validate_endpoint",
    "watch",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_bundle_of_a_script_is_what_pythons_own_finder_of_modules_finds(script: str) -> None:
    finder = ModuleFinder(path=[str(scripts_folder().parent)])
    finder.run_script(str(scripts_folder() / f"{script}.py"))
    found = {Path(module.__file__) for module in finder.modules.values() if module.__file__}
    ours = {scripts_folder() / file.name for file in bundles(scripts_folder())[script].files}
    assert ours == {path for path in found if path.is_relative_to(scripts_folder())}


@pytest.mark.parametrize(
    "script", ["convert", *(pytest.param(name, marks=pytest.mark.long) for name in SCRIPTS if name != "convert")]
)
def test_a_script_starts_with_no_file_beside_its_bundle(script: str, tmp_path: Path) -> None:
    for file in bundles(scripts_folder())[script].files:
        path = tmp_path / "scripts" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    run = subprocess.run(
        [sys.executable, "-P", "-m", f"scripts.{script}", "--help"],
        cwd="/",
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


FILES = {
    "__init__.py": b"",
    "one.py": b"",
    "two.py": b"",
    "room/__init__.py": b"",
    "room/three.py": b"",
    "room/four.py": b"",
    "room/deep/__init__.py": b"",
    "room/deep/five.py": b"",
    "room/deep/six.py": b"from .five import x\nfrom ..three import y\nfrom ... import one\n",
}
ROOM = {"__init__.py", "room/__init__.py"}
DEEP = {*ROOM, "room/deep/__init__.py"}


@pytest.mark.parametrize(
    "text, found",
    [
        ("import scripts.one", {"__init__.py", "one.py"}),
        ("import os, scripts.room.three as three, scripts.two", {*ROOM, "room/three.py", "two.py"}),
        ("from scripts import one, two as second  # both", {"__init__.py", "one.py", "two.py"}),
        ("from scripts.room.four import something", {*ROOM, "room/four.py"}),
        (
            "from scripts.room import (  # some\n    three,  # this\n    four as other,\n)",
            {*ROOM, "room/three.py", "room/four.py"},
        ),
        ("def later():\n    from scripts.room.deep import five\n", {*DEEP, "room/deep/five.py"}),
        (
            "from .room.deep import six",
            {*DEEP, "room/deep/five.py", "room/deep/six.py", "room/three.py", "one.py"},
        ),
        ("from scripts.room import \\\n    three", {*ROOM, "room/three.py"}),
        ("from scripts.room import \\\r\n    three\r\n", {*ROOM, "room/three.py"}),
        ("\ufefffrom scripts import one", {"__init__.py", "one.py"}),
        (
            "from scripts.room import (\n    three,  # the third (of four)\n    four,\n)",
            {*ROOM, "room/three.py", "room/four.py"},
        ),
        ("import os; import scripts.one; from scripts import two; x = 1", {"__init__.py", "one.py", "two.py"}),
        ("import scripts.one; x = 1", {"__init__.py", "one.py"}),
        ("try: from scripts import one\nexcept ImportError: import scripts.two", {"__init__.py", "one.py", "two.py"}),
        ("from scripts.room import *", {*ROOM, "room/three.py", "room/four.py"} | DEEP),
        ("from.one import x", {"__init__.py", "one.py"}),
        ("from importlib import import_module\nimport_module('scripts.room.three')", {*ROOM, "room/three.py"}),
        ("import importlib\nimportlib.import_module('.room.four', __package__)", {*ROOM, "room/four.py"}),
        ('command = ["python3", "-m", "scripts.two"]', {"__init__.py", "two.py"}),
        ("import numpy\nfrom pathlib import Path\nfrom scriptsmith import one", {"__init__.py"}),
        ("# from scripts import one\ntext = 'import scripts.two'", {"__init__.py"}),
    ],
    ids=lambda value: value.splitlines()[0][:40] if isinstance(value, str) else "",
)
def test_every_way_to_import_is_seen(text: str, found: set[str]) -> None:
    files = FILES | {"job.py": text.encode()}
    assert imported("scripts", files)("job.py") == {"job.py", *found}


def test_files_that_import_each_other_are_both_found() -> None:
    files = {"a.py": b"from scripts import b", "b.py": b"from scripts import a", "c.py": b""}
    assert imported("scripts", files)("a.py") == {"a.py", "b.py"}


def test_a_step_has_other_code_only_where_what_it_imports_changed(tmp_path: Path) -> None:
    texts = {
        "convert.py": "from scripts import both",
        "evaluate.py": "from scripts import both, own",
        "both.py": "",
        "own.py": "",
    }
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    before = bundles(folder)
    (folder / "own.py").write_text("x = 1")
    after = bundles(folder)
    assert (after["convert"], after["both"]) == (before["convert"], before["both"])
    assert after["evaluate"].sha256 != before["evaluate"].sha256
