"""A data set is told as ConvertData would read it, with the command to go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.cli import execute
from pipeline.errors import DataError
from pipeline.operate.data_inspection import Column, fitting_batch, inspect
from scripts.formats.reading_options import Reading
from scripts.profiling.survey import survey
from scripts.splitting.split_plan import Plan


def told(path: Path, label_column: str = "auto") -> tuple[tuple[Column, ...], dict[str, int], str]:
    found = inspect(path, label_column=label_column, header="auto", batch=200)
    assert not found.problems
    return found.columns, dict(found.classes), found.command.removeprefix(f"pipeline run --data {path}").strip()


def test_columns_classes_and_a_batch_that_the_rows_allow(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"one": [1] * 50, "size": range(50), "class": ["ill"] * 30 + ["well"] * 20}).to_parquet(path)
    assert told(path) == (
        (Column("one", "constant", 0, 1, 1), Column("size", "number", 0, 0, 49)),
        {"well": 20, "ill": 30},
        "--param PositiveClass=well --param MiniBatchSize=4",
    )


def test_the_command_has_the_task_of_the_label(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((3000, 2))
    np.savez(tmp_path / "a.npz", x=x, y=x[:, 0] * 3)
    assert told(tmp_path / "a.npz")[1:] == ({}, "--set task=regression")
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(3000) % 4)
    assert told(tmp_path / "a.npz")[2] == "--set task=multiclass --param NumClasses=4"
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(3000) % 2)
    assert told(tmp_path / "a.npz")[2] == ""


def test_a_feature_that_equals_the_label_is_told(tmp_path: Path) -> None:
    y = np.arange(3000) % 5
    np.savez(tmp_path / "a.npz", x=np.stack([y[::-1], y, np.where(np.arange(3000) < 2999, y, 0)], 1), y=y)
    found = inspect(tmp_path / "a.npz", label_column="auto", header="auto", batch=200)
    assert found.problems == (
        "a.npz: feature 2 equals the label in every row; remove the column, since it is not there when the label is to "
        "be predicted",
    )


def test_no_data_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"^notes.txt: it is no data that can be read"):
        inspect(tmp_path, label_column="auto", header="auto", batch=200)


def test_the_command_shows_the_columns_their_treatment_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["30\tRome\t1994-02-01\ta", "\tOslo\t\tb", "50\tOslo\t1974-05-06\ta", *["50\tRome\t1974-05-06\ta"] * 7]
    Path("a.tsv").write_text("\n".join(["age\tcity\tborn\ty", *rows]))
    assert execute(["inspect", "--data", "a.tsv", "--param", "LabelColumn=y"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "column  kind      missing  least  largest  treatment",
        "age     number          1     30       50  the median where it is missing, and a flag",
        "city    category        0                  a feature for each value that is not rare",
        "born    date            1                  days, month, weekday, and hour if there are times, and a flag",
        "",
        "rows: 10; label 'y' (column 4 of 4): b 1, a 9",
        "next: pipeline run --data a.tsv --set features=table --param PositiveClass=b --param LabelColumn=y "
        "--param MiniBatchSize=1",
        "      its thresholds, such as MinAccuracy, are those of the digits unless --param sets yours; an environment "
        "of its own in pipeline.toml keeps them, and this data's versions and endpoint apart (steps/README.md, Another "
        "data set)",
    ]


def test_the_command_shows_every_problem_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").write_text("age\tborn\ty\ninf\t1/2/1994\ta\n40\t\t\n50\t3/4/1974\ta\n")
    assert execute(["inspect", "--data", "a.tsv", "--param", "LabelColumn=y", "--set", "features=table"]) == 1
    shown = capsys.readouterr()
    assert "born    dates         1                  none as it stands" in shown.out
    assert shown.err == (
        "reading a.tsv\n"
        "error: 3 problems:\n"
        "  a.tsv: line 3: the label is empty; fill it in or remove the line\n"
        "  a.tsv: line 2, column 'age': inf is no finite float32; fill it in or remove the line\n"
        "  a.tsv: line 2, column 'born': '1/2/1994' is no date that can be read in one way, as in 2 of 3 rows; write "
        "all of them as YYYY-MM-DD, or leave it empty\n"
        "hint: mend the data, then inspect it again\n"
    )


@pytest.mark.parametrize("rows", [10, 11, 15, 17, 99, 178, 2600])
def test_a_batch_is_a_tenth_of_train_at_most_and_hardly_less(tmp_path: Path, rows: int) -> None:
    labels = np.arange(rows) % 3
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((rows, 2)), y=labels)
    found = survey(tmp_path, Reading())
    plans = [Plan.of(found, seed=seed, task="multiclass_classifier") for seed in range(20)]
    train = [sum(plan.counts()["train"].values()) for plan in plans]
    fitting = fitting_batch(tmp_path, label_column="auto", header="auto", batch=200)
    assert fitting in {max(1, min(200, (min(train) - less) // 10)) for less in (0, 1, 2)}
    assert fitting_batch(tmp_path, label_column="auto", header="auto", batch=1) == 1


def test_data_that_cannot_be_read_has_any_batch(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1\n")
    assert fitting_batch(tmp_path, label_column="auto", header="auto", batch=200) == 200


def test_wide_sparse_rows_are_proposed_to_stay_sparse(tmp_path: Path) -> None:
    wide = tmp_path / "wide.libsvm"
    wide.write_text("".join(f"{row % 2} 3:{row} {30_000 + row}:1\n" for row in range(60)))
    found = inspect(wide, label_column="auto", header="auto", batch=200)
    assert "--set features=sparse" in found.command
    assert len(found.columns) == 1000
    assert fitting_batch(wide, label_column="auto", header="auto", batch=200) == 4
    narrow = tmp_path / "narrow.libsvm"
    narrow.write_text("".join(f"{row % 2} 3:{row}\n" for row in range(60)))
    assert "features=sparse" not in inspect(narrow, label_column="auto", header="auto", batch=200).command
