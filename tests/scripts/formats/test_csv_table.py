"""CSV: labels by name and place, several files, and one clear line for each way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.errors import ScriptError
from scripts.features.raw_columns import raw_streams
from scripts.formats.reading_options import Reading
from scripts.formats.streams import streams
from tests.support.raw_sources import csv_table, read_all, refused


@pytest.mark.parametrize("packed", [True, False])
def test_csv_with_the_label_first(tmp_path: Path, packed: bool) -> None:
    table = csv_table(tmp_path, "1,0.5,2\n0,1e3,-4\n", packed=packed)
    assert table.features.tolist() == [[0.5, 2], [1000, -4]]
    assert table.labels.tolist() == ["1", "0"]


def test_csv_with_a_header_and_the_label_first_or_named(tmp_path: Path) -> None:
    text = '\ufefflabel,"width, cm",height\r\ncat,0.5,2\r\ndog,1,4\r\n'
    first = csv_table(tmp_path, text)
    assert first.features.tolist() == [[0.5, 2], [1, 4]]
    assert (first.labels.tolist(), first.columns) == (["cat", "dog"], ("width, cm", "height"))
    refused(tmp_path, "data.csv: no column named 'size' in its header", "size")


def test_csv_whose_header_has_the_label_twice(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("y,a,y\n1,2,3\n")
    refused(tmp_path, "^data.csv: its header has more than one 'y'; rename all but the label", "y")


def test_csv_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert csv_table(tmp_path, "\n1,2\n\n0,3\n\n\n").features.tolist() == [[2], [3]]
    assert csv_table(tmp_path, "\r\ny,a\r\n\r\n1,2\r\n").labels.tolist() == ["1"]


def test_csv_named_label_in_the_last_column(tmp_path: Path) -> None:
    table = csv_table(tmp_path, "a,b,y\n1,2,7\n3,4,8\n", "y")
    assert table.features.tolist() == [[1, 2], [3, 4]]
    assert table.labels.tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no rows"),
        ("y,a\n", "no rows"),
        ("7,2,3\n0,4\n", "line 2 has 2 fields where the first line has 3"),
        ("7,2,3\n0,4,5,6\n", "line 2 has 4 fields where the first line has 3"),
        ("7,2,3\n0,4,5\n1,2,3,\n", "line 3 has 4 fields"),
        ("7,2,3\n\n0,4\n", "line 3 has 2 fields"),
        ("\n7,2,3\n\n0,4,1e39\n", "line 4, column 3: '1e39' is no finite float32"),
        ('y,a\n"two\nlines",1\nx,z\n', "line 4, column 'a': 'z' is no finite float32"),
        ("y,a,b\n1,2,3\n0,x,5\n", "line 3, column 'a': 'x' is no finite float32"),
        ("7,2,3\n0,,5\n", "line 2, column 2: '' is no finite float32"),
        ("7,2,3\n0,nan,5\n", "line 2, column 2: 'nan' is no finite"),
        ("y,a,b\n1,2,3\n0,4,-inf\n", "line 3, column 'b': '-inf' is no finite"),
        ("y,a,b\n1,2,3\n ,4,5\n", "line 3, column 'y': the label is empty"),
        ("1\n0\n", "no features beside the label"),
        ("1,2\n0,1_000\n", "line 2, column 2: '1_000' is no finite float32"),
        ("1,2\n0,١\n", "line 2, column 2: '١' is no finite float32"),
        ("y;a\n1;2,5\n0;3\n", "line 2, column 'a': '2,5' is no finite float32"),
        ("1,5;2\n0,5;3\n", "',' and ';' both divide its lines evenly; use one of them alone, and decimal points"),
        ("1,2\r0,3\r", r"no readable CSV \(new-line character seen in unquoted field\); save it as plain CSV"),
        ('1,"2,3\n0,4,5\n', "data.csv: "),
    ],
)
def test_csv_that_cannot_be_used_names_line_and_column(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    refused(tmp_path, f"^data.csv: .*{reason}" if not reason.startswith("data") else reason)


@pytest.mark.parametrize("cut", ["1,x", "1", '"1","x"'])
@pytest.mark.parametrize("gap", ["", '""', "4"], ids=["gaps", "quoted gaps", "none"])
def test_a_table_with_a_line_that_was_cut_is_refused_whatever_its_last_column_holds(
    tmp_path: Path, cut: str, gap: str
) -> None:
    (tmp_path / "data.csv").write_text(f"y,a,b\n\n1,x,3\n0,z,{gap}\n{cut}\n0,x,5\n")
    (stream,) = raw_streams(tmp_path / "data.csv", Reading())
    with pytest.raises(ScriptError, match=r"^data.csv: line 5 has [12] fields where the first line has 3"):
        list(stream.rows({"a"}))


@pytest.mark.parametrize("text", ["y,a,b\n1,x,\n\n0,z,5\n", 'y,a,b\n1,"x, y",\n  \n0,z,5\n'])
def test_a_table_whose_lines_are_whole_may_have_gaps_and_blank_lines(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    (stream,) = raw_streams(tmp_path / "data.csv", Reading())
    (rows,) = stream.rows({"a"})
    assert np.array_equal(rows.columns["b"], [np.nan, 5], equal_nan=True)


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    refused(tmp_path, r"data.csv: line 2 is no UTF-8 text \(invalid start byte\)")


def test_csv_files_are_joined_or_divided_by_their_names(tmp_path: Path) -> None:
    for name in ("part-1.csv", "part-2.csv"):
        (tmp_path / name).write_text("1,2\n0,3\n")
    assert [table.file for table in read_all(tmp_path, "first")["all"]] == ["part-1.csv", "part-2.csv"]
    for name in ("part-1.csv", "part-2.csv"):
        (tmp_path / name).unlink()
    (tmp_path / "train").mkdir()
    for name in ("train/a.csv", "train/b.csv", "val.csv", "test_1.csv"):
        (tmp_path / name).write_text("1,2\n0,3\n")
    assert {name: len(part) for name, part in read_all(tmp_path, "first").items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    (tmp_path / "more.csv").write_text("1,2\n")
    refused(tmp_path, "more.csv: it is not clear to which split it belongs")


@pytest.mark.parametrize("names", [("part-1.csv", "part-2.csv"), ("train.csv", "test.csv")])
def test_csv_files_with_their_columns_in_another_order_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / names[0]).write_text("y,a,b\n1,2,3\n0,4,5\n")
    (tmp_path / names[1]).write_text("b,y,a\n3,1,2\n")
    held, (first, second) = dict(zip(names, "ab", strict=True)), sorted(names)
    with pytest.raises(ScriptError) as caught:
        streams(tmp_path, Reading("y"))
    assert str(caught.value) == (
        f"{second}: feature 1 is {held[second]!r}, but {held[first]!r} in {first}; all files must have the same "
        "columns in the same order"
    )


def test_csv_files_of_which_only_the_first_has_a_header_are_joined(tmp_path: Path) -> None:
    (tmp_path / "part-1.csv").write_text("y,a\n" + "1,2\n" * 8)
    (tmp_path / "part-2.csv").write_text("0,4\n" * 8)
    found = [
        (features.tolist(), labels.tolist())
        for of in streams(tmp_path, Reading("first"))
        for features, labels in of.rows()
    ]
    assert found == [([[2]] * 8, ["1"] * 8), ([[4]] * 8, ["0"] * 8)]


def test_csv_without_a_header_and_the_label_elsewhere_than_in_that_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "part-1.csv").write_text("a,b,target\n2,3,1\n")
    (tmp_path / "part-2.csv").write_text("4,5,0\n")
    tables = read_all(tmp_path)["all"]
    assert [(table.features.tolist(), table.labels.tolist()) for table in tables] == [
        ([[2, 3]], ["1"]),
        ([[4, 5]], ["0"]),
    ]
    (tmp_path / "part-2.csv").write_text("4,5,6,0\n")
    refused(tmp_path, "^part-2.csv: 4 columns and no header, where other files have a header of 3", "auto")
