"""What was answered, compared with the labels in the file and written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ServiceError
from pipeline.operate.answers import Tally, write
from pipeline.operate.predict import PredictedRow


def test_amounts_are_compared_by_their_distance() -> None:
    tally = Tally()
    list(tally.counting([PredictedRow(1, None, 2.0, "", "1"), PredictedRow(2, None, 5.0, "", "8")]))
    assert tally.said == "off by 2 on average from the file's own values"


def test_answers_become_a_csv_whole_or_not_at_all(tmp_path: Path) -> None:
    write([PredictedRow(1, 2, [0.1, 0.2, 0.7], "newt", "")], tmp_path / "out.csv", progress=lambda _: None)
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "row,label,name,truth,score_0,score_1,score_2",
        "1,2,newt,,0.1,0.2,0.7",
    ]

    def broken() -> Iterator[PredictedRow]:
        yield PredictedRow(1, 1, 0.5)
        raise ServiceError("the endpoint went away")

    with pytest.raises(ServiceError):
        write(broken(), tmp_path / "other.csv", progress=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_answers_become_parquet_with_numbers_as_numbers(tmp_path: Path) -> None:
    many = [PredictedRow(row, 1, row / 4, "newt", "frog" if row % 2 else "") for row in range(1, 25_001)]
    seen: list[int] = []
    write(many, tmp_path / "out.parquet", progress=seen.append)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert list(table.columns) == ["row", "label", "name", "truth", "score"]
    assert table["score"].tolist() == [answer.score for answer in many]
    assert table["row"].dtype == table["label"].dtype == np.int64 and table["truth"][0] == "frog"
    assert seen == [10_000, 20_000]


def test_amounts_of_a_regression_become_parquet_without_labels(tmp_path: Path) -> None:
    write([PredictedRow(1, None, 2.5)], tmp_path / "out.parquet", progress=lambda _: None)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table["score"].tolist() == [2.5] and table["label"].isna().all()
