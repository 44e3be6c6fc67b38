"""What divides the fields of a CSV: the marks in it, and what stands within quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import ScriptError
from scripts.formats.csv_delimiter import delimiter_of


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('"a;b","c;d"\n"1;2","3;4"\n', ","),
        ('"","\t"\n', ","),
        ('"1,5";"2,5"\n"3,5";"4,5"\n', ";"),
        ('5" pipe;3,5\n6" pipe;4\n', ";"),
        ('"5" pipe;3\n"6" pipe;4\n', ";"),
    ],
    ids=["semicolons", "tab", "decimal commas", "inches", "a quote within a field"],
)
def test_a_mark_within_quotes_divides_nothing(tmp_path: Path, text: str, mark: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    assert delimiter_of(tmp_path / "data.csv") == mark


def test_two_marks_that_divide_alike_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,5;2\n0,5;3\n")
    with pytest.raises(ScriptError, match="both divide its lines evenly"):
        delimiter_of(tmp_path / "data.csv")
