"""The treatment of a table: scikit-learn's features row by row, in training as at the endpoint, from any format."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts import convert
from scripts.features.featurizer import (
    Category,
    Date,
    Featurizer,
    LeftOut,
    Numeric,
    RequestError,
    moment,
    transform_fn,
    treated,
)
from scripts.formats.recordio import read
from tests.support.raw_table import by_scikit_learn, customers

GIVEN = ("--task", "binary_classifier", "--positive-class", "yes", "--label-column", "churn", "--features", "table")


def run(folder: Path) -> tuple[int, str]:
    message = folder / "message"
    places = ("--data", str(folder / "data"), "--output", str(folder / "out"), "--message", str(message))
    return convert.main([*places, *GIVEN]), message.read_text()


def channel(folder: Path, name: str) -> Any:
    with (folder / "out" / name / "part-00000.recordio").open("rb") as stream:
        return np.concatenate([chunk.features for chunk in read(stream)])  # type: ignore[misc]


def served(folder: Path) -> Featurizer:
    """The treatment as the serving container has it."""
    with tarfile.open(folder / "out" / "featurizer" / "model.tar.gz") as archive:
        found = archive.extractfile("featurizer.json")
        assert found
        return Featurizer.load(found.read())


def asked(featurizer: Featurizer, body: str, content_type: str = "text/csv") -> Any:
    """The features that the container sends on."""
    text, kind = transform_fn(featurizer, body, content_type, "application/jsonlines")
    assert kind == "text/csv"
    return np.array([line.split(",") for line in text.splitlines()], np.float32)


@pytest.fixture(scope="module")
def splits() -> dict[str, pd.DataFrame]:
    return {"train": customers(900, 0), "validation": customers(60, 1), "test": customers(80, 2)}


@pytest.fixture(scope="module")
def converted(splits: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    (folder / "data").mkdir()
    for name, table in splits.items():
        table.to_csv(folder / "data" / f"{name}.csv", index=False)
    assert run(folder)[0] == 0
    return folder


def test_features_are_those_of_scikit_learn(converted: Path, splits: dict[str, pd.DataFrame]) -> None:
    for name in ("validation", "test"):
        wanted = by_scikit_learn(splits["train"], splits[name]).astype(np.float32)
        np.testing.assert_array_equal(channel(converted, name), wanted)
    train = by_scikit_learn(splits["train"], splits["train"]).astype(np.float32)
    assert sorted(map(tuple, channel(converted, "train").tolist())) == sorted(map(tuple, train.tolist()))
    assert not set(splits["test"]["city"].dropna()) <= set(splits["train"]["city"]), "some cities of test are unknown"


def test_raw_rows_of_test_come_out_of_the_container_as_they_were_converted(converted: Path) -> None:
    rows = (converted / "out" / "features" / "features.csv").read_text()
    np.testing.assert_array_equal(asked(served(converted), rows), channel(converted, "test"))


def test_the_container_runs_the_treatment_byte_for_byte(converted: Path) -> None:
    with tarfile.open(converted / "out" / "featurizer" / "model.tar.gz") as archive:
        code = archive.extractfile("code/inference.py")
        assert code and code.read() == (Path(convert.__file__).with_name("features") / "featurizer.py").read_bytes()


def test_columns_are_matched_by_name_in_any_order_and_form(converted: Path, splits: dict[str, pd.DataFrame]) -> None:
    test, featurizer, wanted = splits["test"], served(converted), channel(converted, "test")
    shuffled = test[["city", "churn", "active", "joined", "income", "age", "note"]]
    np.testing.assert_array_equal(asked(featurizer, shuffled.to_csv(index=False)), wanted)
    named = json.loads(shuffled.to_json(orient="records"))
    for body, kind in (
        (json.dumps({"instances": named}), "application/json"),
        (json.dumps(named), "application/json; charset=utf-8"),
        ("\n".join(map(json.dumps, named)), "application/jsonlines"),
        (json.dumps({"instances": [{"features": row} for row in named]}), "application/json"),
    ):
        # JSON has fifteen digits of an income here, which is more than float32.
        np.testing.assert_allclose(asked(featurizer, body, kind), wanted, rtol=1e-6)
    one = json.dumps(named[0])
    np.testing.assert_allclose(asked(featurizer, one, "application/json"), wanted[:1], rtol=1e-6)


def test_what_is_unknown_or_missing_at_the_endpoint_is_filled_as_in_train() -> None:
    featurizer = Featurizer(
        (
            Numeric("age", 40.0, False),
            Category("city", ("", "Oslo", "Rome"), True),
            Category("plan", ("a", "b"), False),
            Date("day", "dmy", 10.0, True, False),
            LeftOut("id", "it counts the rows"),
        )
    )
    found = asked(featurizer, ",Lima,c,,7\n 50 , Rome ,a,2.1.1970,\n?,n/a,b,-,9\n")
    gap = [10.0, *[0.0] * 19, 1.0]
    day = [1.0, *[1.0] + [0.0] * 11, *[0.0] * 4 + [1.0] + [0.0] * 2, 0.0]  # January, a Friday
    assert found.tolist() == [
        [40, 0, 0, 0, 1, 0, 0, *gap],
        [50, 0, 0, 1, 0, 1, 0, *day],
        [40, 1, 0, 0, 0, 0, 1, *gap],
    ]


def test_a_first_row_of_all_names_is_a_header_and_a_row_of_numbers_never_is() -> None:
    texts = Featurizer((Category("a", ("a", "b"), False), Category("b", ("a", "b"), False)))
    assert asked(texts, "b,a\na,b\n").tolist() == [[0, 1, 1, 0]]
    assert asked(texts, "a,a\na,b\n").tolist() == [[1, 0, 1, 0], [1, 0, 0, 1]]
    numbers = Featurizer((Numeric("1", 5.0, False), Numeric("2", 5.0, False)))
    assert asked(numbers, "1,2\n3,4\n").tolist() == [[1, 2], [3, 4]]
    assert asked(numbers, "2,1\n").tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ("1,a,b\n2\n", "text/csv", "row 2 has 1 columns, where 3 belong: those of train but the label"),
        ("1,a,b\nx,a,b\n", "text/csv", "row 2, column 'age': 'x' is no number; leave it empty if it is not known"),
        ("1e39,a,b\n", "text/csv", "row 1, column 'age': '1e39' is no number"),
        ("age,id\n1,2\n", "text/csv", "the header has no column 'city'; the model needs it"),
        ("city,city,age\na,b,1\n", "text/csv", "the header has 'city' more than once"),
        ('{"age": 1}', "application/json", "row 1 has no 'city'; give null for what is not known"),
        ('{"age": [1], "city": "a"}', "application/json", "row 1, column 'age': a list is no cell"),
        ("{", "application/json", "the request is neither JSON nor JSON Lines"),
        ("3", "application/json", "the instances are no list of rows"),
        ('[{"age": 1, "city": "a"}, 3]', "application/json", "row 2 is neither an object nor a list"),
        ("", "text/csv", "the request has no rows"),
        ("1", "application/x-npy", "the content type is application/x-npy; send one of text/csv, application/json"),
    ],
    ids=["width", "text", "large", "header", "twice", "key", "list", "cut", "scalar", "number", "empty", "type"],
)
def test_a_request_that_cannot_be_treated_is_refused_by_row_and_column(body: str, kind: str, reason: str) -> None:
    featurizer = Featurizer((Numeric("age", 1.0, True), Category("city", ("a",), True), LeftOut("id", "counts")))
    with pytest.raises(RequestError, match=f"^{re.escape(reason)}"):
        treated(featurizer, body, kind)


def test_the_line_says_what_is_left_out_and_why(converted: Path) -> None:
    said = (converted / "message").read_text().partition("; made of ")[2]
    assert said == (
        "8 columns, left out: id (it counts the rows), country (every row is the same), note (it is text, nearly every "
        "row its own)"
    )


@pytest.mark.long
def test_every_format_gets_the_same_treatment(splits: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    table = splits["train"].assign(joined=pd.to_datetime(splits["train"]["joined"]))
    lines: Any = {"orient": "records", "lines": True, "date_format": "iso", "double_precision": 15}
    formats: dict[str, Callable[[Path], object]] = {
        "a.csv": lambda path: table.to_csv(path, index=False, date_format="%Y-%m-%d %H:%M"),
        "a.tsv": lambda path: table.to_csv(path, index=False, sep="\t"),
        "a.parquet": table.to_parquet,
        "a.jsonl": lambda path: table.to_json(path, **lines),
    }
    found = []
    for name, write in formats.items():
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        write(folder / "data" / name)
        code, said = run(folder)
        assert code == 0, said
        found.append((channel(folder, "train"), channel(folder, "test"), served(folder).features))
    for train, test, names in found[1:]:
        assert names == found[0][2]
        np.testing.assert_allclose(train, found[0][0], rtol=1e-6)
        np.testing.assert_allclose(test, found[0][1], rtol=1e-6)


def test_a_column_that_turns_to_text_late_is_read_as_text_from_its_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.formats.csv_table._CHUNK_CELLS", 60)
    (tmp_path / "data").mkdir()
    codes = [["007", "7", "A1"][row // 40] for row in range(120)]
    (tmp_path / "data" / "a.csv").write_text(
        "code,size,churn\n"
        + "".join(f"{code},{row % 7},{'yes' if row % 3 else 'no'}\n" for row, code in enumerate(codes))
    )
    assert run(tmp_path)[0] == 0
    assert served(tmp_path).features == ("code = 007", "code = 7", "code = A1", "size")


def test_everything_that_no_treatment_can_mend_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = []
    for row in range(40):
        echo, label = ("ja", "yes") if row % 2 else ("nein", "no")
        lines.append(f"{row}.5,{1 + row % 9}/{1 + row % 8}/2020,{echo},{row % 5},${row}.50,{label}")
    lines[6] = "old,1/2/2020,nein,inf,$6.50,no"
    (tmp_path / "data" / "a.csv").write_text("\n".join(["size,day,echo,level,price,churn", *lines]) + "\n")
    code, said = run(tmp_path)
    assert code == 1 and not (tmp_path / "out" / "train").exists()
    assert said == (
        "a.csv: 5 problems: (1) line 8, column 'level': inf is no finite float32; fill it in or remove the line (2) "
        "line 8, column 'size': 'old' is no number; write it as a number like nearly all others, or leave it empty (3) "
        "line 2, column 'day': '1/1/2020' is no date that can be read in one way, as in 40 of 40 rows; write all of "
        "them as YYYY-MM-DD, or leave it empty (4) column 'echo' equals the label in every row; leave it out by "
        "Features=!NAME, since it is not there when the label is to be predicted (5) line 2, column 'price': '$0.50' "
        "is no number as programs write one, as in 40 of 40 rows; write it with digits and a point alone, such as "
        "1234.5, if it is a code with a letter, such as c12,5, or leave it out by Features=!NAME"
    )


def test_numbers_alone_refuse_a_table_by_naming_the_setting_that_takes_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("size,city,y\n1,Rome,0\n,Oslo,1\n" + "2,Rome,0\n" * 8)
    message = tmp_path / "message"
    given = ["--data", str(tmp_path / "a.csv"), "--output", str(tmp_path / "out"), "--task", "binary_classifier"]
    assert convert.main([*given, "--label-column", "y", "--message", str(message)]) == 1
    said = message.read_text()
    assert said.startswith("a.csv: 2 problems (to have them treated, type --set features=table): (1) line 3, column")


@pytest.mark.parametrize(
    ("cell", "order", "wanted"),
    [
        ("2024-02-29", "ymd", "2024-02-29"),
        ("2024/2/9 23:05", "ymd", "2024-02-09 23:05"),
        ("2024-02-29T06:30:15.250Z", "ymd", "2024-02-29 06:30:15"),
        ("1969-12-31 12:00+09:00", "ymd", "1969-12-31 12:00"),
        ("29.02.2024", "dmy", "2024-02-29"),
        ("02/29/2024", "mdy", "2024-02-29"),
        ("2023-02-29", "ymd", None),
        ("2024-02-29 24:00", "ymd", None),
        ("20240229", "ymd", None),
        ("2024-02/29", "ymd", None),
    ],
    ids=str,
)
def test_dates_are_those_of_pandas(cell: str, order: str, wanted: str | None) -> None:
    found = moment(cell, order)
    if wanted is None:
        assert found is None
        return
    day = pd.Timestamp(wanted)
    assert found is not None
    assert found.days == pytest.approx((day - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1), abs=1e-9)
    assert (found.month, found.weekday, found.hour) == (day.month, day.day_of_week, day.hour)
