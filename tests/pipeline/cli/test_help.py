"""What `--help` shows on a terminal of 80 columns."""

from __future__ import annotations

import pytest

from pipeline.cli import execute


@pytest.mark.parametrize("group", [[], ["local"], ["models"], ["schedule"]])
def test_no_command_is_described_in_half_a_sentence(
    group: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert execute([*group, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: pipeline ")
    assert "..." not in shown.replace("[ARGS]...", "")
