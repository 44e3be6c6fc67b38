"""Documents of JSON become rows of requests, lists and gaps as the training takes them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.operate.predict import predict
from pipeline.operate.prediction_json import sent_json
from tests.support.predicting import RAW, Endpoint, inspected, parsed


def test_a_lone_row_in_json_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"features": [1, 2]}')
    (tmp_path / "b.json").write_text("[1, 2]\n")
    assert parsed(tmp_path / "a.json") == parsed(tmp_path / "b.json") == [[1, 2]]


@pytest.mark.parametrize("raw", [(), ("a[0]", "a[1]", "b")], ids=["numbers", "treated"])
def test_a_list_is_a_column_for_each_item_as_in_training(tmp_path: Path, raw: Sequence[str]) -> None:
    table = pd.DataFrame({"a": [[1.5, 2.0], [3.0, 4.0]], "kind": ["newt", "frog"], "b": [5, 6]})
    table.to_parquet(tmp_path / "rows.parquet")
    table.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    for name in ("rows.parquet", "rows.jsonl"):
        endpoint = Endpoint(inspection=inspected(names=["a[0]", "a[1]", "b"], count=3), raw=raw)
        assert [row.truth for row in predict(endpoint, "demo", tmp_path / name)] == ["newt", "frog"]
        rows = [[float(cell) for cell in line.split(b",")] for line in endpoint.asked[0].splitlines()[bool(raw) :]]
        assert rows == [[1.5, 2, 5], [3, 4, 6]]


def test_a_name_that_only_later_rows_have_is_a_gap_in_those_before(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"age": 1}\n{"city": "Bonn", "age": 2, "kind": "newt"}\n')
    endpoint = Endpoint(inspection=RAW, raw=["age", "city"])
    assert [row.truth for row in predict(endpoint, "demo", tmp_path / "rows.jsonl")] == ["", "newt"]
    assert endpoint.asked == [b"age,city\n1,\n2,Bonn\n"]


def test_rows_of_json_reach_a_model_that_treats_them_itself_with_a_header_and_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"age": 3, "city": "Bonn", "member": true}\n{"member": false, "age": 4.5}\n')
    endpoint = Endpoint(inspection=inspected("'kind' (column 2 of 4)", names=["age"]), raw=["age", "city", "member"])
    assert len(list(predict(endpoint, "demo", path))) == 2
    assert endpoint.asked == [b"age,city,member\n3,Bonn,true\n4.5,,false\n"]


@pytest.mark.parametrize(
    ("text", "inspection", "message"),
    [
        ('{"width": 1}\n', inspected(), "lacks 1 of the model's 2 features: height"),
        ('{"width": 1, "height": 2}\n{"w": 1}\n', inspected(), "instance 2: 'w' is no name of the first instance's"),
        ('{"width": 1, "height": 2}\n[1, 2]\n', inspected(), "instance 2: not an object with features by name"),
        ('{"width": 1, "height": 2}\n', None, "cannot be found"),
        ('{"width": 1, "height": 2}\n{"wid', inspected(), "neither JSON nor JSON Lines: document 2"),
    ],
    ids=["missing", "added", "a list", "unknown data", "cut"],
)
def test_json_whose_names_do_not_fit_is_refused_with_its_place(
    tmp_path: Path, text: str, inspection: dict[str, Any] | None, message: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(DataError, match=re.escape(message)):
        list(predict(Endpoint(inspection=inspection), "demo", tmp_path / "rows.jsonl"))


def test_json_lines_are_read_as_they_are_sent(tmp_path: Path) -> None:
    """A file that never ends: the first rows come all the same."""
    lines = ('{"features": [1, 2]}\n' for _ in itertools.count())
    assert len(list(itertools.islice(sent_json(tmp_path / "a.jsonl", lines, None), 1000))) == 1000
