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

from pipeline.compose import composed_cache
from pipeline.compose.composed_cache import KEPT, Memo
from tests.support.torture import length
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("code_as_loaded")


def _entry(folder: Path, *inputs: str) -> Memo:
    entry = Memo.of(folder, *inputs)
    assert entry, "the code was edited while the tests ran"
    return entry


def test_what_was_written_is_read(tmp_path: Path) -> None:
    entry = _entry(tmp_path / "made" / "when needed", "settings", "code")
    assert entry.read() is None
    entry.write('{"é":1}')
    assert _entry(tmp_path / "made" / "when needed", "settings", "code").read() == '{"é":1}'


@settings(max_examples=length(10, 300))
@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_different_inputs_have_different_entries(one: list[str], two: list[str]) -> None:
    assert (_entry(Path("x"), *one) == _entry(Path("x"), *two)) == (one == two)


@pytest.mark.parametrize("cut", [0, 1, 64, 65, 70])
def test_truncated_entry_counts_as_absent(tmp_path: Path, cut: int) -> None:
    entry = _entry(tmp_path, "a")
    entry.write("some text that is long enough")
    entry.path.write_bytes(entry.path.read_bytes()[:cut])
    assert entry.read() is None


@pytest.mark.parametrize("place", [0, 64, 65, 80])
def test_entry_with_a_flipped_bit_counts_as_absent(tmp_path: Path, place: int) -> None:
    entry = _entry(tmp_path, "a")
    entry.write("some text that is long enough")
    content = bytearray(entry.path.read_bytes())
    content[place] ^= 0x80
    entry.path.write_bytes(content)
    assert entry.read() is None


def test_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    entry = _entry(tmp_path / "file", "a")
    entry.write("text")
    assert entry.read() is None


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    entry = _entry(tmp_path, "a")
    entry.path.mkdir()
    entry.write("text")
    assert list(tmp_path.iterdir()) == [entry.path]


def test_writers_at_once_leave_a_whole_entry(tmp_path: Path) -> None:
    entry = _entry(tmp_path, "a")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(entry.write, ["the same text" * 1000] * 40))
    assert entry.read() == "the same text" * 1000
    assert list(tmp_path.iterdir()) == [entry.path]


def test_oldest_entries_are_removed(tmp_path: Path) -> None:
    entries = [_entry(tmp_path, str(index)) for index in range(KEPT + 3)]
    for age, entry in enumerate(entries):
        entry.write("text")
        os.utime(entry.path, (age, age))
    _entry(tmp_path, "last").write("text")
    kept = {path for path in tmp_path.iterdir()}
    assert len(kept) == KEPT
    assert not kept & {entry.path for entry in entries[:4]}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages that compose, free to be edited."""
    source = Path(composed_cache.__file__).parents[2]
    for package in ("pipeline", "steps"):
        shutil.copytree(source / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "local"))
    return tmp_path


def _run(copy: Path, script: str) -> str:
    imports = "from pathlib import Path; from pipeline.compose.composed_cache import Memo\n"
    command = [sys.executable, "-c", imports + script]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


@pytest.mark.long
def test_edited_code_has_an_entry_of_its_own(copy: Path) -> None:
    names = [_run(copy, "print(Memo.of(Path('x'), 'a').path)")]
    for file in (
        "pipeline/compose/training_pipeline.py",
        "pipeline/definition/references.py",
        "pipeline/errors.py",
        "steps/train.py",
    ):
        with (copy / file).open("a") as out:
            out.write("# edited\n")
        names.append(_run(copy, "print(Memo.of(Path('x'), 'a').path)"))
    assert len(set(names)) == len(names)


def test_process_whose_code_was_edited_under_it_remembers_nothing(copy: Path) -> None:
    edit = "Path('steps/train.py').open('a').write('# edited'); print(Memo.of(Path('x'), 'a'))"
    assert _run(copy, edit) == "None\n"
