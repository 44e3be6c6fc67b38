"""Columns are kept or left out by name or pattern, in every format that has names and with either setting."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts import convert, inspect_data
from scripts.errors import ScriptError
from scripts.formats.column_choice import left_out
from scripts.formats.recordio import read
from tests.support.raw_sources import read_all

NAMES = {0: "id", 2: "age", 3: "size_a", 4: "size_b"}


@pytest.mark.parametrize(
    ("choice", "out"),
    [
        ("all", set()),
        ("!id", {0}),
        ("!id, !size_*", {0, 3, 4}),
        ("size_*", {0, 2}),
        ("size_*,!size_b,age", {0, 4}),
        ("*,!id", {0}),
        ("size_[ab]", {0, 2}),
    ],
)
def test_names_and_patterns_keep_and_leave_out(choice: str, out: set[int]) -> None:
    assert left_out(NAMES, choice, "a.csv") == out


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("!size", "Features: no feature is called size; did you mean size_b"),
        ("!qqq", "Features: no feature is called qqq; the features are id, age, size_a, size_b"),
        ("!*", r"Features=!\* leaves no column to learn from; keep one at least"),
        ("age,!age", ".*leaves no column to learn from"),
        (" , ", ".*leaves no column to learn from"),
    ],
)
def test_a_choice_that_fits_nothing_or_leaves_nothing_is_refused(choice: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=f"^a.csv: {reason}"):
        left_out(NAMES, choice, "a.csv")


def table(rows: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    data = {"id": [f"c{row}" for row in range(rows)], "age": random.random(rows), "label": np.arange(rows) % 2}
    return pd.DataFrame({**data, "size_a": random.random(rows), "echo": np.arange(rows) % 2})


def written(folder: Path, kind: str) -> Path:
    folder.mkdir()
    if kind == "csv":
        table().to_csv(folder / "a.csv", index=False)
    elif kind == "parquet":
        table().to_parquet(folder / "a.parquet")
    else:
        table().to_json(folder / "a.jsonl", orient="records", lines=True)
    return folder


def channels(folder: Path) -> list[tuple[float, ...]]:
    rows = []
    for path in sorted(folder.glob("*/*.recordio")):
        with path.open("rb") as stream:
            rows += [
                (*row, label) for chunk in read(stream) for row, label in zip(chunk.features, chunk.labels, strict=True)
            ]
    return sorted(rows)


@pytest.mark.parametrize("features", ["numeric", "table"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_what_is_left_out_reaches_neither_inspection_nor_model(tmp_path: Path, kind: str, features: str) -> None:
    data, words = written(tmp_path / "data", kind), ["--columns", "!id,!ec*", "--features", features]
    common = ["--data", str(data), "--message", str(tmp_path / "message"), *words]
    assert inspect_data.main([*common, "--output", str(tmp_path / "seen")]) == 0
    seen = json.loads((tmp_path / "seen" / "schema.json").read_text())
    assert [column["name"] for column in seen["features"]] == ["age", "size_a"]
    made = [*common, "--output", str(tmp_path / "out"), "--task", "binary_classifier"]
    assert convert.main([*made, *(["--baseline", str(tmp_path / "seen")] if features == "numeric" else [])]) == 0
    wanted = table()[["age", "size_a", "label"]].to_numpy(np.float32)
    assert channels(tmp_path / "out") == sorted(map(tuple, wanted.tolist()))
    assert "(column 3 of 5, 2 left out as wished)" in (tmp_path / "message").read_text()


def test_columns_without_names_cannot_be_chosen_from(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,7,3\n0,3,4\n")
    with pytest.raises(ScriptError, match=r"^a.csv: its columns have no names that Features could choose from; put a"):
        read_all(tmp_path, columns="!b")
    (tmp_path / "a.csv").unlink()
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=[0, 1, 0])
    with pytest.raises(ScriptError, match=r"^a.npz: its columns have no names"):
        read_all(tmp_path, columns="!b")
