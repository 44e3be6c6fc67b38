"""The first line of a CSV: what it says is a label, a feature, a header, and what could be either."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.raw_sources import csv_table, refused


@pytest.mark.parametrize(
    ("text", "label", "columns", "labels"),
    [
        ("age,bmi,target\n1,2,3\n", "auto", ("age", "bmi"), ["3"]),
        ("Class,f1\n5,1\n", "auto", ("f1",), ["5"]),
        ("Na,NA,Y\n1,2,3\n", "auto", ("Na", "NA"), ["3"]),
        ("5,1.5,3\n", "auto", (), ["5"]),
        ("cat,1.5,3\n", "auto", (), ["cat"]),
        (",label,f1\n0,7,2\n1,8,3\n", "auto", ("f1",), ["7", "8"]),
        ("Unnamed: 0,f1,label\nx,2,7\ny,3,8\n", "auto", ("f1",), ["7", "8"]),
        (",a,b\n0,7,2\n", "b", ("a",), ["2"]),
        ("a, b, c\n1, 2, 3\n", "b", ("a", "c"), [" 2"]),
        ("a,b,c\n1,2,3\n", "last", ("a", "b"), ["3"]),
        ("5.1,3.5,setosa\n", "last", (), ["setosa"]),
        ("0,1,2,3\n7,8,9,10\n", "2", ("0", "1", "3"), ["9"]),
    ],
)
def test_csv_head_says_what_is_label_features_and_header(
    tmp_path: Path, text: str, label: str, columns: tuple[str, ...], labels: list[str]
) -> None:
    table = csv_table(tmp_path, text, label)
    assert (table.columns, table.labels.tolist()) == (columns, labels)


@pytest.mark.parametrize(
    ("text", "label", "reason"),
    [
        ("5,1,,3\n4,1,2,3\n", "auto", "line 1, column 3: '' is no finite float32; fill it in or remove the line"),
        ("5,NA,2\n4,1,2\n", "auto", "line 1, column 2: 'NA' is no finite float32"),
        ("5,?,2\n4,1,2\n", "auto", r"line 1, column 2: '\?' is no finite float32"),
        ("5,2,null\n4,1,2\n", "auto", "line 1, column 3: 'null' is no finite float32"),
        (",1,2\n4,1,2\n", "first", "counts the columns"),
        (",7,2\n4,1,2\n", "first", "line 1, column 1: the label is empty"),
        (
            "a,b\n1,2\n",
            "auto",
            r"none of its columns is called label, target, class or y; .* LabelColumn=NAME, one of a, b$",
        ),
        ("y,label,f\n1,2,3\n", "auto", "'y' and 'label' both may be the label; say which is the label by LabelColumn="),
        (",label,f1\n0,7,2\n", "first", "the first column has no name, .* give LabelColumn=NAME, one of label, f1$"),
        (
            "0,1,2,3\n7,8,9,10\n",
            "auto",
            r"line 1 counts the columns \(0, 1, 2, 3\): .*CsvHeader=true or CsvHeader=false",
        ),
        ("label,0,1,2\n7,8,9,10\n", "auto", "line 1 counts the columns"),
        (",0,1,2\n7,8,9,10\n", "auto", "line 1 counts the columns"),
        ("5,a,7\n1,2,3\n", "auto", "line 1 has the name 'a' beside '5': .* give CsvHeader=true or CsvHeader=false"),
        ("y,a,\n1,2,3\n", "auto", "line 1 has the name 'a' beside an empty field"),
        ("5.1,3.5,setosa\n", "auto", "the name 'setosa' in its last field alone; give LabelColumn=last"),
        ("".join(f"{row},{row % 3}.5\n" for row in range(10)), "auto", "column 1, .* only counts the rows .0, 1, ...."),
        ("5,6\n7,8\n", "size", "no column named 'size': its first line holds values"),
    ],
)
def test_csv_head_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, label: str, reason: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    refused(tmp_path, f"^data.csv: .*{reason}", label)


def test_csv_head_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    assert csv_table(tmp_path, "0,1,2\n7,8,9\n", header="false").labels.tolist() == ["0", "7"]
    assert csv_table(tmp_path, "0,1,2\n7,8,9\n", header="true").columns == ("1", "2")
    assert csv_table(tmp_path, "y,1999,rate\n7,8,9\n", "auto", "true").columns == ("1999", "rate")
    rows = "".join(f"{row},{row % 3}.5\n" for row in range(12))
    assert len(csv_table(tmp_path, rows, "first")) == 12
