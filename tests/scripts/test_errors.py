"""What a script leaves behind when it ends: one line, an exit code, and all of its files or none."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.errors import ScriptError, conclude
from scripts.outputs import Outputs
from tests.support.waiting import PATIENCE


def test_success_writes_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = tmp_path / "output" / "message"
    assert conclude(message, lambda: "all well") == 0
    assert message.read_text() == "all well"
    assert capsys.readouterr().out == "all well\n"


def failing(error: Exception) -> str:
    raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ScriptError("a.csv: line 3 is wrong"), "a.csv: line 3 is wrong"),
        (MemoryError(), "out of memory: use a larger instance type, or less data"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/train"),
            "/x/train: No space left on device; free some space, or give the job a larger volume",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    assert conclude(tmp_path / "message", lambda: failing(error)) == 1
    assert (tmp_path / "message").read_text() == line
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_bug_keeps_its_traceback_and_still_leaves_a_message(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        conclude(tmp_path / "message", lambda: failing(KeyError("x")))
    assert (tmp_path / "message").read_text() == "internal error: KeyError: 'x'; see the job's log"


def test_message_is_valid_utf8_of_at_most_a_kibibyte(tmp_path: Path) -> None:
    for filler in ("ä" * 2000, "a" + "ä" * 2000, "€" * 700):
        conclude(tmp_path / "message", lambda text=filler: text)  # type: ignore[misc]
        data = (tmp_path / "message").read_bytes()
        assert 1020 < len(data) <= 1024
        assert data.decode().endswith("…")


def test_message_that_cannot_be_written_is_said_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert conclude(tmp_path / "file" / "message", lambda: failing(ScriptError("bad"))) == 1
    assert "error: bad\n" in capsys.readouterr().err


def test_a_message_is_one_line_of_utf8_whatever_the_files_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude(tmp_path / "message", lambda: failing(ScriptError("a\nb\udcff.csv: no rows"))) == 1
    assert (tmp_path / "message").read_text() == r"a b\udcff.csv: no rows"
    assert capsys.readouterr().err.count("\n") == 1
    with Outputs() as outputs:
        outputs.write_json(tmp_path / "files.json", ["b\udcff.csv"])
    assert json.loads((tmp_path / "files.json").read_text()) == ["b\udcff.csv"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_script_that_is_stopped_leaves_one_line_and_no_files(tmp_path: Path, how: signal.Signals) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom scripts.errors import conclude\n"
        "from scripts.outputs import Outputs\nfolder = Path(sys.argv[1])\n"
        "def work():\n    with Outputs() as outputs:\n        outputs.write(folder / 'out' / 'a', b'1')\n"
        "        print('writing', flush=True)\n        time.sleep(60)\n"
        "sys.exit(conclude(folder / 'message', work))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "writing\n"
        script.send_signal(how)
        _, said = script.communicate(timeout=PATIENCE)
    assert (script.returncode, said) == (130, "error: stopped before it was done\n")
    assert (tmp_path / "message").read_text() == "stopped before it was done"
    assert not list((tmp_path / "out").iterdir())


def test_files_appear_together_and_only_on_success(tmp_path: Path) -> None:
    with Outputs() as outputs:
        outputs.write(tmp_path / "a" / "x.bin", b"1")
        outputs.write_json(tmp_path / "b.json", {"ü": [1, 2.5]})
        assert not (tmp_path / "a" / "x.bin").exists()
    assert (tmp_path / "a" / "x.bin").read_bytes() == b"1"
    assert '"ü"' in (tmp_path / "b.json").read_text()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["b.json", "x.bin"]


def test_failure_leaves_what_was_there_and_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), Outputs() as outputs:
        outputs.write(tmp_path / "old", b"new")
        outputs.write(tmp_path / "new", b"new")
        _ = 1 / 0
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError), Outputs() as outputs:
        outputs.write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_a_script_ends_with_its_code_and_its_output_but_takes_nothing_apart() -> None:
    code = (
        "from scripts.errors import end\n"
        "class Loaded:\n"
        "    def __del__(self): print('taken apart')\n"
        "kept = Loaded()\n"
        "print('said')\n"
        "end(3)\n"
    )
    ended = subprocess.run([sys.executable, "-E", "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "said\n", "")
