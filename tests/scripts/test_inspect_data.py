"""The look at the raw data: true figures, however many files they come in, and all problems at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts import inspect_data
from scripts.formats import csv_table
from scripts.profiling.profiles import Numbers


def run(data: Path, output: Path, *more: str) -> int:
    given = ["--data", str(data), "--output", str(output), "--message", str(output.parent / "message"), "--seed", "3"]
    return inspect_data.main([*given, *more])


def left(output: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((output / f"{name}.json").read_text())
    return content


def numbers(folder: Path, sizes: tuple[int, ...] = (400, 1, 250)) -> pd.DataFrame:
    """A table in several files: one column far from 0, one of whole numbers, one that is always the same."""
    random = np.random.default_rng(1)
    rows = sum(sizes)
    table = pd.DataFrame(
        {
            "y": np.arange(rows) % 3,
            "far": 1e6 + random.normal(size=rows),
            "count": random.integers(0, 50, rows),
            "same": 7.5,
        }
    )
    folder.mkdir()
    for number, end in enumerate(np.cumsum(sizes)):
        table[end - sizes[number] : end].to_csv(folder / f"part-{number}.csv", index=False)
    return table


@pytest.mark.parametrize("values", [50, 2_000_000], ids=["read in pieces", "at once"])
def test_statistics_are_those_of_all_files_together(
    tmp_path: Path, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "_CHUNK_VALUES", values)
    table = numbers(tmp_path / "data")
    assert run(tmp_path / "data", tmp_path / "out") == 0
    assert (tmp_path / "message").read_text() == "651 rows of 3 columns and a label, 3 classes; nothing to mend"
    found = left(tmp_path / "out", "statistics")
    assert found["dataset"] == {"item_count": 651}
    assert [feature["name"] for feature in found["features"]] == ["far", "count", "same"]
    assert [feature["inferred_type"] for feature in found["features"]] == ["Fractional", "Integral", "Fractional"]
    for feature in found["features"]:
        column, told = table[feature["name"]].astype(np.float32).astype(float), feature["numerical_statistics"]
        assert told["common"] == {"num_present": 651, "num_missing": 0}
        assert told["mean"] == pytest.approx(column.mean(), rel=1e-12)
        assert told["std_dev"] == pytest.approx(column.std(ddof=0), rel=1e-6)
        assert (told["min"], told["max"], told["sum"]) == (column.min(), column.max(), pytest.approx(column.sum()))
        buckets = told["distribution"]["kll"]["buckets"]
        assert sum(bucket["count"] for bucket in buckets) == 651
        for bucket in buckets[:-1]:
            inside = column.between(bucket["lower_bound"], bucket["upper_bound"], inclusive="left")
            assert bucket["count"] == inside.sum()


def test_a_sketch_stands_for_all_rows_and_has_their_quantiles(tmp_path: Path) -> None:
    values = np.random.default_rng(0).exponential(size=40_000)
    pd.DataFrame({"y": np.arange(40_000) % 2, "a": values}).to_csv(tmp_path / "a.csv", index=False)
    assert run(tmp_path / "a.csv", tmp_path / "out") == 0
    assert left(tmp_path / "out", "schema")["sample"] == {"rows": 10_000, "of": 40_000, "seed": 3}
    kll = left(tmp_path / "out", "statistics")["features"][0]["numerical_statistics"]["distribution"]["kll"]
    (items,) = [level for level in kll["sketch"]["data"] if level]
    weight = 2 ** (len(kll["sketch"]["data"]) - 1)
    assert 40_000 - weight < len(items) * weight <= 40_000
    assert len(items) <= kll["sketch"]["parameters"]["k"]
    shares = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(1 - np.exp(-np.quantile(items, shares)), shares, atol=0.02)


def test_the_sample_is_drawn_by_the_seed_evenly_from_all_rows() -> None:
    def drawn(seed: int, step: int) -> list[float]:
        found = Numbers(2000, (seed,))
        rows = np.tile(np.arange(6000, dtype=np.float32)[:, None], 2000)
        for start in range(0, 6000, step):
            found.add(rows[start : start + step])
        return found.values(0).tolist()

    first = drawn(1, 1000)
    assert first == drawn(1, 700) != drawn(2, 1000)
    assert len(set(first)) == 500
    counts = np.histogram(first, bins=4, range=(0, 6000))[0]
    assert counts.min() > 90, counts


def test_a_table_tells_gaps_texts_and_treatments_and_counts_categories(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"y": ["a", "b"] * 30, "age": [1.5, None, 3.0] * 20, "city": ["Rome", "Oslo", "Rome", ""] * 15}
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    assert run(tmp_path / "a.csv", tmp_path / "out", "--features", "table") == 0
    age, city = left(tmp_path / "out", "statistics")["features"]
    assert age["numerical_statistics"]["common"] == {"num_present": 40, "num_missing": 20}
    assert (age["numerical_statistics"]["mean"], age["numerical_statistics"]["std_dev"]) == (2.25, 0.75)
    assert city["string_statistics"] == {
        "common": {"num_present": 45, "num_missing": 15},
        "distinct_count": 2.0,
        "distribution": {"categorical": {"buckets": [{"value": "Rome", "count": 30}, {"value": "Oslo", "count": 15}]}},
    }
    held = {feature["name"]: feature for feature in left(tmp_path / "out", "constraints")["features"]}
    assert held["age"]["completeness"] == pytest.approx(2 / 3)
    assert held["age"]["num_constraints"] == {"is_non_negative": True}
    assert held["city"]["string_constraints"] == {"domains": ["Oslo", "Rome"]}
    schema = left(tmp_path / "out", "schema")
    assert [(file["key"], file["split"], file["rows"]) for file in schema["files"]] == [("a.csv", "all", 60)]
    assert (schema["label"]["from"], schema["label"]["classes"]) == ("'y' (column 1 of 3)", {"a": 30, "b": 30})
    assert [feature["kind"] for feature in schema["features"]] == ["number", "category"]
    assert schema["features"][0]["treatment"] == "the median where it is missing, and a flag"


def test_pixels_are_told_in_the_units_that_the_endpoint_is_sent(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (300, 4), np.uint8)
    np.savez(tmp_path / "train.npz", x_train=x, y_train=np.arange(300) % 2, x_test=x[:9] + 1, y_test=np.arange(9) % 2)
    assert run(tmp_path / "train.npz", tmp_path / "out") == 0
    found = left(tmp_path / "out", "statistics")
    assert found["dataset"] == {"item_count": 300}, "what is held out is no part of the baseline"
    means = [feature["numerical_statistics"]["mean"] for feature in found["features"]]
    np.testing.assert_allclose(means, (x / 256).mean(axis=0))
    assert left(tmp_path / "out", "schema")["rows"] == {"test": 9, "train": 300}


def test_all_problems_of_all_files_are_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("y,a,b\n1,2,3\n0,,4\n")
    (tmp_path / "data" / "b.csv").write_text("y,a,b\n1,2,inf\n,5,x\n")
    assert run(tmp_path / "data", tmp_path / "out", "--label-column", "y") == 1
    assert (tmp_path / "message").read_text() == (
        "2 files: 4 problems (to have 2 of them treated, type --set features=table): (1) a.csv: line 3, column 'a': "
        "'' is no finite float32; fill it in or remove the line (2) b.csv: line 3, column 'y': the label is empty; "
        "fill it in or remove the line (3) b.csv: line 2, column 'b': 'inf' is no finite float32; fill it in or remove "
        "the line (4) b.csv: line 3, column 'b': 'x' is no finite float32; write it as a number, or leave it "
        "out by Features=!NAME"
    )
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.csv": "y,a\n1,2\n", "b.csv": "y,b\n1,2\n"}, "b.csv: feature 1 is 'b', but 'a' in a.csv"),
        ({"a.csv": "y,a\n1,2\n", "b.csv": "y,a,b\n1,2,3\n"}, "b.csv: 2 features, but a.csv has 1"),
        ({"a.csv": "y,a\n1,2\n", "b.csv": "y,a\n"}, "b.csv: no rows; give data with at least one example"),
        ({"test.csv": "y,a\n1,2\n"}, "the data has test, but no train"),
        ({"a.csv": "y,a\n1,2\n3\n"}, "a.csv: line 3 has 1 fields where the first line has 2"),
        ({"a.csv": "\n".join(["y,a", *(f"{row % 3},{row % 3}" for row in range(20))])}, "a.csv: column 'a' equals the"),
        ({"a.csv": "\n".join(f"{row},2" for row in range(20))}, "only counts the rows (0, 1, ...)"),
    ],
    ids=["names", "widths", "empty", "no train", "ragged", "leak", "index"],
)
def test_what_cannot_be_learnt_stops_here(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    (tmp_path / "data").mkdir()
    for name, text in files.items():
        (tmp_path / "data" / name).write_text(text)
    assert run(tmp_path / "data", tmp_path / "out") == 1
    assert reason in (tmp_path / "message").read_text()


@pytest.mark.parametrize("features", ["numeric", "table"])
@pytest.mark.parametrize(
    ("rows", "task", "reason"),
    [
        ("3,2\n1,5\n", "", "2 rows are too few to split; give at least 10"),
        ("1,2\n" * 5, "", "2 problems: (1) 5 rows are too few to split; give at least 10 (2) every label is '1'; give"),
        ("1,2\n" * 20, "regressor", "every label is '1'; give rows of other labels too, or another column by LabelCol"),
        ("1,2\n2,3\n" * 20, "binary_classifier", "no label is the positive class '3'; the labels are 1, 2: choose one"),
        ("1,2\n3,3\n" * 20, "multiclass_classifier", "train: 2 classes (1, 3), where a multiclass classifier needs at"),
        ("1,2\n" * 20 + "3,9\n", "binary_classifier", "every label is not '3'; a binary classifier needs rows of"),
        ("x,2\n1,3\n" * 20, "regressor", "train: the label 'x' is no number, which a regressor needs; choose another"),
    ],
    ids=["rows", "both", "one label", "positive", "two classes", "rare", "text"],
)
def test_labels_and_rows_that_the_task_cannot_use_stop_here(
    tmp_path: Path, rows: str, task: str, reason: str, features: str
) -> None:
    (tmp_path / "a.csv").write_text("y,a\n" + rows)
    given = ["--label-column", "y", "--features", features, "--positive-class", "3"]
    assert run(tmp_path / "a.csv", tmp_path / "out", *given, *(["--task", task] if task else [])) == 1
    said = (tmp_path / "message").read_text()
    assert said.startswith("a.csv: ") and reason in said
    assert not (tmp_path / "out").exists()


def test_what_the_task_can_use_does_not_stop_here(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,a\n" + "1,2\n3,4\n5,6\n" * 10)
    for task in ("binary_classifier", "multiclass_classifier", "regressor"):
        given = ["--label-column", "y", "--task", task, "--positive-class", "3"]
        assert run(tmp_path / "a.csv", tmp_path / "out", *given) == 0
