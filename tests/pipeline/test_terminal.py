"""Names and values of others on a terminal: no control character of theirs reaches it, and none is a traceback."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import execute
from pipeline.terminal import Visible, raw, visible


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_shown_can_always_be_printed_and_moves_nothing(text: str) -> None:
    shown = visible(text)
    assert all(character.isprintable() or character in "\n\t" for character in shown)
    shown.encode()
    assert visible(shown) == shown


def test_a_stream_shows_what_is_written_and_gives_its_own_to_those_who_draw() -> None:
    behind = io.StringIO()
    stream = Visible(behind)
    assert stream.write("a\x1b[31m\udcffé\n") == 9
    assert behind.getvalue() == "a\\x1b[31m\\udcffé\n"
    assert raw(stream) is behind  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--data", "no\x1b[31m.csv"),
        ("run", "--param", "Epo\x1b[2Jchs=3"),
        ("definition", "--set", "task=\x1b[31mx"),
        ("definition", "--config", "\udcff\x1b.toml"),
        ("definition", "--wr\x1b[2Jong"),
        ("wr\x1b[2Jong",),
    ],
    ids=["data", "parameter", "setting", "config", "flag", "command"],
)
def test_a_hostile_argument_is_told_in_escapes(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(list(arguments)) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "\\x1b" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [("run", "--data"), ("definition", "--config")], ids=["data", "config"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_refused_at_once(
    arguments: tuple[str, str],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    file = "fifo" if kind == "pipe" else "/dev/zero"
    assert execute([*arguments, file]) == 1
    assert f"error: {file} is a {kind}, no regular file\nhint: give a " in capsys.readouterr().err


def test_a_file_whose_name_s3_cannot_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data", os.fsdecode(b"bad\xff.csv")).write_text("1,2\n")
    assert execute(["run", "--data", "data"]) == 1
    assert capsys.readouterr().err.startswith("error: data/bad\\udcff.csv has a name that is not UTF-8")
