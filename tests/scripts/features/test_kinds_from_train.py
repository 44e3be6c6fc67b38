"""What a column is follows from train's files alone: a test file can be refused, and cannot change what is learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts import convert, inspect_data
from scripts.features.featurizer import FILE

GIVEN = ("--task", "binary_classifier", "--label-column", "y", "--features", "table")


def train() -> pd.DataFrame:
    r = np.random.default_rng(4)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 300, 120), unit="D")
    found = pd.DataFrame({"size": r.integers(0, 50, 120), "code": r.choice(["a", "b", "c"], 120)})
    found["day"], found["fixed"] = days.strftime("%d.%m.%Y"), 7
    found["id"], found["note"] = np.arange(120), [f"note {row}" for row in range(120)]
    return found.assign(y=np.arange(120) % 2)


def written(folder: Path, test: pd.DataFrame, ending: str) -> Path:
    """The table as train, and another one as test, which is as large as train."""
    folder.mkdir()
    for name, table in (("train", train()), ("test", test)):
        if ending == "parquet":
            table.to_parquet(folder / f"{name}.parquet")
        elif ending == "jsonl":
            table.to_json(folder / f"{name}.jsonl", orient="records", lines=True)
        else:
            table.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("column", "cells", "reason"),
    [
        ("size", ["big", "small"], "column 'size': 'big' is no number, as in 120 of 120 rows; write it as a number"),
        ("size", ["12", "small"], "column 'size': 'small' is no number, as in 60 of 120 rows; write it as a number"),
        ("day", ["soon", "late"], "column 'day': 'soon' is no date that can be read in one way, as in 120 of 120"),
        ("day", ["2024/02/01", "2024/03/01"], "column 'day': '2024/02/01' is no date that can be read in one way"),
        ("day", ["01.02.2024", ""], ""),
    ],
    ids=["texts", "some texts", "no dates", "other dates", "gaps"],
)
def test_test_rows_of_another_kind_than_train_are_refused_by_file_row_and_column(
    tmp_path: Path, ending: str, column: str, cells: list[str], reason: str
) -> None:
    data = written(tmp_path / "data", train().assign(**{column: cells * 60}), ending)
    message = tmp_path / "message"
    words = ["--data", str(data), "--output", str(tmp_path / "out"), *GIVEN, "--message", str(message)]
    code, said = inspect_data.main(words), message.read_text()
    if not reason:
        assert code == 0, said
        return
    row = 1 + cells.index(reason.split("'")[3]) + (ending == "csv")
    assert code == 1
    assert said.startswith(f"test.{ending}: {'line' if ending == 'csv' else 'row'} {row}, {reason}")
    assert not (tmp_path / "out" / FILE).exists()


def test_the_treatment_is_the_same_whatever_the_test_file_holds(tmp_path: Path) -> None:
    own = train()
    others = {
        "same": own,
        "all differ": own.assign(fixed=range(120), id=7, note="one note", code=[f"c{row}" for row in range(120)]),
        "empty": own.assign(size=None, code=None, day=None, fixed=None, id=None, note=None),
        "texts": own.assign(code=np.arange(120) / 7, id=0.5, note=3),
    }
    fitted = {}
    for name, test in others.items():
        output = tmp_path / f"{name} out"
        data = written(tmp_path / name, test, "csv")
        assert (
            convert.main(["--data", str(data), "--output", str(output), *GIVEN, "--message", str(tmp_path / "m")]) == 0
        )
        fitted[name] = (output / "inspection" / FILE).read_bytes()
    assert len(set(fitted.values())) == 1
