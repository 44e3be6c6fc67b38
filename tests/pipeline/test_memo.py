"""What was composed before: whole or absent, never out of date, never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import memo
from pipeline.memo import KEPT, Memo


def test_what_was_written_is_read(tmp_path: Path) -> None:
    entry = Memo.of(tmp_path / "made" / "when needed", "settings", "code")
    assert entry.read() is None
    entry.write('{"é":1}')
    assert Memo.of(tmp_path / "made" / "when needed", "settings", "code").read() == '{"é":1}'


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_different_inputs_have_different_entries(one: list[str], two: list[str]) -> None:
    assert (Memo.of(Path("x"), *one) == Memo.of(Path("x"), *two)) == (one == two)


@pytest.mark.parametrize("cut", [0, 1, 64, 65, 70])
def test_truncated_entry_counts_as_absent(tmp_path: Path, cut: int) -> None:
    entry = Memo.of(tmp_path, "a")
    entry.write("some text that is long enough")
    entry.path.write_bytes(entry.path.read_bytes()[:cut])
    assert entry.read() is None


@pytest.mark.parametrize("place", [0, 64, 65, 80])
def test_entry_with_a_flipped_bit_counts_as_absent(tmp_path: Path, place: int) -> None:
    entry = Memo.of(tmp_path, "a")
    entry.write("some text that is long enough")
    content = bytearray(entry.path.read_bytes())
    content[place] ^= 0x80
    entry.path.write_bytes(content)
    assert entry.read() is None


def test_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    entry = Memo.of(tmp_path / "file", "a")
    entry.write("text")
    assert entry.read() is None


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    entry = Memo.of(tmp_path, "a")
    entry.path.mkdir()
    entry.write("text")
    assert list(tmp_path.iterdir()) == [entry.path]


def test_writers_at_once_leave_a_whole_entry(tmp_path: Path) -> None:
    entry = Memo.of(tmp_path, "a")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(entry.write, ["the same text" * 1000] * 40))
    assert entry.read() == "the same text" * 1000
    assert list(tmp_path.iterdir()) == [entry.path]


def test_oldest_entries_are_removed(tmp_path: Path) -> None:
    entries = [Memo.of(tmp_path, str(index)) for index in range(KEPT + 3)]
    for age, entry in enumerate(entries):
        entry.write("text")
        os.utime(entry.path, (age, age))
    Memo.of(tmp_path, "last").write("text")
    kept = {path for path in tmp_path.iterdir()}
    assert len(kept) == KEPT
    assert not kept & {entry.path for entry in entries[:4]}


def test_edited_code_has_an_entry_of_its_own(tmp_path: Path) -> None:
    """In a copy of the packages: every file that composes changes the name of the entry when it is edited."""
    source = Path(memo.__file__).parent
    shutil.copytree(source.parent / "steps", tmp_path / "steps", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pipeline").mkdir()
    for file in source.glob("*.py"):
        shutil.copy(file, tmp_path / "pipeline")
    names = ["build", "compose", "definition", "memo", "parameters", "parameter_types", "settings"]
    edited = [tmp_path / "pipeline" / f"{name}.py" for name in names] + [tmp_path / "steps" / "train.py"]
    script = (
        "import sys; from pathlib import Path; from pipeline.memo import Memo\n"
        "print(Memo.of(Path('x'), 'a').path)\n"
        "for name in sys.argv[1:]:\n"
        "    with open(name, 'a') as file: file.write('# edited\\n')\n"
        "    print(Memo.of(Path('x'), 'a').path)\n"
    )
    command = [sys.executable, "-c", script, *map(str, edited)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert len(set(run.stdout.split())) == len(edited) + 1
