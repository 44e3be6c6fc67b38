"""Lines of CSV become rows of requests: by name where they have a header, by place where they have none."""

from __future__ import annotations

import io
from csv import QUOTE_ALL
from csv import reader as csv_reader
from csv import writer as csv_writer
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.operate.answers import Tally
from pipeline.operate.predict import predict, rows
from tests.support.predicting import RAW, Endpoint, inspected, sent_for


@pytest.mark.parametrize(
    "text",
    [
        "width,height,kind\n1,2,newt\n3,4,frog\n",
        "kind,extra,height,width\nnewt,x,2,1\nfrog,y,4,3\n",
        "\ufeffkind;height;width\nnewt;2;1\nfrog;4;3\n",
        "1,2,newt\n3,4,frog\n",
        '{"kind": "newt", "height": 2, "width": 1}\n{"height": 4, "width": 3, "kind": "frog"}\n',
        '[{"kind": "newt", "height": 2, "width": 1},\n {"height": 4, "width": 3, "kind": "frog"}]\n',
    ],
    ids=["header", "other-order", "semicolons", "no-header", "json-lines", "json"],
)
def test_columns_go_by_name_and_the_label_is_kept_to_be_compared(tmp_path: Path, text: str) -> None:
    endpoint, found = sent_for(tmp_path, text, inspected())
    assert endpoint.asked == [b"1,2\n3,4\n"]
    assert [(row.name, row.truth) for row in found] == [("newt", "newt"), ("newt", "frog")]
    tally = Tally()
    assert len(list(tally.counting(found))) == 2
    assert tally.said == "1 of 2 as the file says (50.00%)"


def test_without_a_header_a_row_of_data_of_which_columns_were_left_out_has_the_features_alone(tmp_path: Path) -> None:
    left = inspected("'kind' (column 4 of 4, 1 left out as wished)")
    _, [answer] = sent_for(tmp_path, "1,2\n", left)
    assert answer.truth == ""
    with pytest.raises(DataError, match="row 1: 3 fields where the model has 2 features"):
        sent_for(tmp_path, "1,2,3\n", left)


def test_a_row_of_another_width_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2: 4 fields where the model has 2 features"):
        sent_for(tmp_path, "1,2\n1,2,3,4\n", inspected())


def test_a_row_that_lacks_a_field_of_its_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: 1 fields where the header has 2"):
        sent_for(tmp_path, "width,height\n1\n", inspected())


@pytest.mark.parametrize("name", ["it's", 'a "kind"', "both ' and \"", "a\\b", "Größe", "two\nlines"])
def test_the_label_is_known_by_its_name_whatever_that_is(tmp_path: Path, name: str) -> None:
    pd.DataFrame({"width": [1], name: ["newt"], "height": [2]}).to_csv(tmp_path / "rows.csv", index=False)
    endpoint = Endpoint(inspection=inspected(f"{name!r} (column 2 of 3)"))
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == ["newt"]
    assert endpoint.asked == [b"1,2\n"]


def test_blanks_around_names_are_no_part_of_them(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(" kind, width, height\nnewt,1,2\n")
    endpoint = Endpoint(inspection=inspected("' kind' (column 1 of 3)", names=[" width", " height"]))
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == ["newt"]
    assert endpoint.asked == [b"1,2\n"]


@pytest.mark.parametrize(
    ("text", "asked", "truths"),
    [
        ("1,newt,Bonn\n2,frog,Rom\n", b"1,Bonn\n2,Rom\n", ["newt", "frog"]),
        ("1,Bonn\n2,Rom\n", b"1,Bonn\n2,Rom\n", ["", ""]),
        ("city,age\nBonn,1\n", b"city,age\nBonn,1\n", [""]),
    ],
    ids=["with the label", "without", "by name"],
)
def test_rows_for_a_model_that_treats_them_itself_are_counted_by_the_tables_own_columns(
    tmp_path: Path, text: str, asked: bytes, truths: list[str]
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    answers = b'{"score": 1, "predicted_label": 1}\n' * len(truths)
    endpoint = Endpoint(reply=answers, inspection=RAW, raw=["age", "city"])
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.csv")] == truths
    assert endpoint.asked == [asked]


def test_a_first_row_of_texts_alone_is_no_header_for_a_model_that_treats_texts(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("blue,Bonn\nred,Rom\n")
    endpoint = Endpoint(reply=b'{"score": 1, "predicted_label": 1}\n' * 2, inspection=RAW, raw=["column 1", "column 3"])
    assert len(list(predict(endpoint, "demo", tmp_path / "rows.csv"))) == 2
    assert endpoint.asked == [b"blue,Bonn\nred,Rom\n"]


def test_a_row_of_another_width_than_the_tables_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2,3,4\n")
    endpoint = Endpoint(inspection=RAW, raw=["age", "city"])
    with pytest.raises(DataError, match="row 1: 4 fields where the model has 2 columns"):
        list(predict(endpoint, "demo", tmp_path / "rows.csv"))
    assert endpoint.asked == []


def test_columns_that_are_called_by_numbers_are_told_from_rows_of_such_numbers(tmp_path: Path) -> None:
    names = [str(number) for number in range(6)]
    given = inspected("'kind' (column 7 of 7)", names=names, count=6)
    (tmp_path / "rows.csv").write_text("0,1,0,1,0,0\n")
    (tmp_path / "named.csv").write_text("5,4,3,2,1,0\n5,4,3,2,1,0\n")
    for name, asked in (("rows.csv", b"0,1,0,1,0,0\n"), ("named.csv", b"0,1,2,3,4,5\n")):
        endpoint = Endpoint(inspection=given)
        assert len(list(predict(endpoint, "demo", tmp_path / name))) == 1
        assert endpoint.asked == [asked]


def test_columns_of_a_treated_table_that_are_called_by_numbers_go_without_their_header(tmp_path: Path) -> None:
    (tmp_path / "named.csv").write_text("3,9,1\n30,90,10\n31,91,11\n")
    endpoint = Endpoint(reply=b'{"score": 1, "predicted_label": 1}\n' * 2, inspection=RAW, raw=["1", "2", "3"])
    with pytest.raises(DataError, match="lacks 1 of the model's 3 features: 2"):
        list(predict(endpoint, "demo", tmp_path / "named.csv"))
    (tmp_path / "named.csv").write_text("3,2,9,1\n30,20,90,10\n31,21,91,11\n")
    assert len(list(predict(endpoint, "demo", tmp_path / "named.csv"))) == 2
    assert endpoint.asked == [b"10,20,30\n11,21,31\n"]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=2, max_size=4))
def test_a_cell_of_any_characters_is_one_cell_of_the_request(cells: list[str]) -> None:
    text = io.StringIO()
    csv_writer(text, quoting=QUOTE_ALL).writerow(cells)
    with TemporaryDirectory() as folder:
        (path := Path(folder) / "rows.csv").write_bytes(text.getvalue().encode())
        (sent,) = rows(path)
    assert list(csv_reader(io.StringIO(sent.line.decode(), newline=""))) == [cells]


def test_a_row_of_gaps_is_a_row_and_a_blank_line_is_none(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("a\tb\tc\n\t\t\n\n \n1\t2\t3\n")
    assert [sent.line for sent in rows(tmp_path / "rows.tsv")] == [b"a,b,c\n", b",,\n", b"1,2,3\n"]
    (tmp_path / "one.csv").write_text('1\n""\n\n2\n')
    assert [sent.line for sent in rows(tmp_path / "one.csv")] == [b"1\n", b'""\n', b"2\n"]


def test_rows_are_divided_as_the_training_divides_them(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('"a, b, c and d";width\n1;2\n')
    assert [sent.line for sent in rows(tmp_path / "rows.csv")] == [b'"a, b, c and d",width\n', b"1,2\n"]
