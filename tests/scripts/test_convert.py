"""The whole conversion: files as the contract names them, splits, targets, and nothing half-written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import convert
from scripts.errors import ScriptError
from scripts.formats.csv_lines import csv_lines, label_lines
from scripts.formats.recordio import read
from scripts.profiling.inspection import read_statistics
from scripts.splitting import channel_writer
from scripts.splitting.targets import Wanted, class_names

SPLITS = ("train", "validation", "test")


def digits(folder: Path, rows: int = 200, side: int = 8, **names: Any) -> tuple[Any, Any]:
    random = np.random.default_rng(7)
    y = np.arange(rows) % 10
    x = random.integers(0, 200, (rows, side * side)).astype(np.uint8)
    x[:, 0] = np.arange(rows) % 251  # tells rows apart
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "digits.npz", x=x, y=y)
    return x, y


def run(data: Path, output: Path, *more: str, task: str = "binary_classifier") -> int:
    message = output.parent / "message"
    common = ["--data", str(data), "--output", str(output), "--task", task, "--message", str(message)]
    return convert.main([*common, "--positive-class", "3", "--label-column", "first", "--seed", "5", *more])


def channel(output: Path, name: str) -> tuple[Any, Any]:
    with (output / name / "part-00000.recordio").open("rb") as stream:
        chunks = list(read(stream))
    return np.concatenate([c.features for c in chunks]), np.concatenate([c.labels for c in chunks])  # type: ignore[misc]


def test_writes_every_output_of_the_contract(tmp_path: Path) -> None:
    x, y = digits(tmp_path / "data")
    assert run(tmp_path / "data", tmp_path / "out") == 0
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert files == [
        "features/features.csv",
        "inspection/classes.png",
        "inspection/digits.png",
        "inspection/inspection.json",
        "inspection/mean.png",
        "inspection/statistics.json",
        "labels/_classes.json",
        "labels/labels.csv",
        "test/part-00000.recordio",
        "train/part-00000.recordio",
        "validation/part-00000.recordio",
    ]
    assert (tmp_path / "message").read_text() == (
        "label of the array y; 64 features; rows: train 160, validation 20, test 20; classes not 3, 3"
    )
    rows = {name: channel(tmp_path / "out", name) for name in SPLITS}
    everything = np.concatenate([features for features, _ in rows.values()])
    assert sorted(map(tuple, everything.tolist())) == sorted(map(tuple, (x / np.float32(256)).tolist()))
    lookup = {tuple(row): label for row, label in zip((x / np.float32(256)).tolist(), y.tolist(), strict=True)}
    for features, labels in rows.values():
        assert [float(lookup[tuple(row)] == 3) for row in features.tolist()] == labels.tolist()
    csv = np.loadtxt(tmp_path / "out" / "features" / "features.csv", np.float32, delimiter=",")
    np.testing.assert_array_equal(csv, rows["test"][0])
    assert (tmp_path / "out" / "labels" / "labels.csv").read_text().split() == [f"{v:.0f}" for v in rows["test"][1]]


def test_same_seed_gives_the_same_bytes_and_another_seed_another_split(tmp_path: Path) -> None:
    digits(tmp_path / "data")
    contents = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert run(tmp_path / "data", tmp_path / name, "--seed", seed) == 0
        contents.append({p.name + p.parent.name: p.read_bytes() for p in (tmp_path / name).rglob("*.*")})
    assert contents[0] == contents[1]
    assert contents[0]["part-00000.recordiotest"] != contents[2]["part-00000.recordiotest"]


def test_multiclass_labels_count_classes_from_0_in_their_natural_order(tmp_path: Path) -> None:
    lines = [f"{name},{number},{number % 7}" for number in range(60) for name in ("b", "10", "9")]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    assert run(tmp_path / "a.csv", tmp_path / "out", task="multiclass_classifier") == 0
    summary = json.loads((tmp_path / "out" / "inspection" / "inspection.json").read_text())
    assert summary["classes"] == ["10", "9", "b"]
    (tmp_path / "a.csv").write_text("\n".join(lines).replace("b,", "2.0,") + "\n")
    assert run(tmp_path / "a.csv", tmp_path / "out", task="multiclass_classifier") == 0
    summary = json.loads((tmp_path / "out" / "inspection" / "inspection.json").read_text())
    assert summary["classes"] == ["2", "9", "10"]
    assert summary["splits"]["train"]["labels"] == {"2": 48, "9": 48, "10": 48}
    assert set(channel(tmp_path / "out", "train")[1].tolist()) == {0, 1, 2}
    assert summary["pictures"] == ["classes.png", "features.png"]


def test_regressor_keeps_real_labels(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=(50, 3))
    np.savetxt(tmp_path / "a.csv", values, delimiter=",", header="y,a,b", comments="")
    assert run(tmp_path / "a.csv", tmp_path / "out", "--label-column", "a", task="regressor") == 0
    labels = np.concatenate([channel(tmp_path / "out", name)[1] for name in SPLITS])
    np.testing.assert_allclose(np.sort(labels), np.sort(values[:, 1]), rtol=1e-6)
    summary = json.loads((tmp_path / "out" / "inspection" / "inspection.json").read_text())
    assert summary["features"]["names"] == ["y", "b"]
    written = np.loadtxt(tmp_path / "out" / "labels" / "labels.csv")
    np.testing.assert_array_equal(written.astype(np.float32), channel(tmp_path / "out", "test")[1])


def test_says_what_was_taken_for_label_and_features(tmp_path: Path) -> None:
    lines = [f"{row},{row * 2}.5,{row % 3}" for row in range(50)]
    (tmp_path / "a.csv").write_text("\n".join([",size,target", *lines]) + "\n")
    assert run(tmp_path / "a.csv", tmp_path / "out", "--label-column", "auto", task="regressor") == 0
    assert (tmp_path / "message").read_text() == (
        "label 'target' (column 3 of 3, the unnamed first column left out); 1 feature (size); "
        "rows: train 40, validation 5, test 5; values 0 to 2"
    )
    summary = json.loads((tmp_path / "out" / "inspection" / "inspection.json").read_text())
    assert (summary["label"], summary["features"]["names"]) == (
        "'target' (column 3 of 3, the unnamed first column left out)",
        ["size"],
    )


def test_inspection_states_true_statistics(tmp_path: Path) -> None:
    digits(tmp_path / "data")
    run(tmp_path / "data", tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "inspection" / "inspection.json").read_text())
    train = channel(tmp_path / "out", "train")[0].astype(np.float64)
    features = summary["features"]
    assert (features["count"], features["image_side"], features["scale"]) == (64, 8, 1 / 256)
    counted = read_statistics(tmp_path / "out" / "inspection")
    assert counted is not None and counted.rows == 160
    for told, true in ((counted.mean, train.mean(axis=0)), (counted.deviation, train.std(axis=0))):
        np.testing.assert_allclose(told, true, rtol=1e-9)
    for exact, true in ((counted.low, train.min(axis=0)), (counted.zeros, (train == 0).sum(axis=0))):
        np.testing.assert_array_equal(exact, true)
    assert summary["positive_class"] == "3"
    assert summary["splits"]["train"]["positive_rows"] == 16


@pytest.mark.parametrize(
    ("text", "task", "reason"),
    [
        ("1,2\n0,4\n" * 30, "binary_classifier", "no label is the positive class '3'; the labels are 0, 1: choose one"),
        ("3,2\n" * 29 + "1,2\n", "binary_classifier", "validation: every label is '3'; a binary classifier needs rows"),
        ("3,2\n" * 30, "binary_classifier", "every label is '3'; give rows of other labels too, or another column"),
        ("3,2\n1,2\n" * 15, "multiclass_classifier", r"train: 2 classes \(1, 3\), where .* at least 3"),
        ("x,2\n1,2\n" * 15, "regressor", "the label 'x' is no number, which a regressor needs"),
        (
            "nan,2\n1,2\n" * 15,
            "regressor",
            "a.csv: line 1, column 1: the label is nan, as in 15 of 30 rows; fill it in",
        ),
        ("1e39,2\n1,2\n" * 15, "regressor", r"the label 1e\+39 is no finite float32"),
        (
            "inf,2\n3,2\n" * 15,
            "binary_classifier",
            "a.csv: line 1, column 1: the label is inf, as in 15 of 30 rows; fill it in",
        ),
        ("3,2\n1,2\n", "binary_classifier", "2 rows are too few to split"),
    ],
)
def test_labels_that_the_task_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, task: str, reason: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert run(tmp_path / "a.csv", tmp_path / "out", task=task) == 1
    assert re.search(reason, (tmp_path / "message").read_text())
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_own_split_with_a_class_that_train_lacks(tmp_path: Path) -> None:
    for name, text in (("train", "1,0\n2,0\n3,0\n"), ("validation", "1,0\n"), ("test", "4,0\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    assert run(tmp_path, tmp_path.parent / "out4", task="multiclass_classifier") == 1
    assert "test: the label '4' is no class of train (1, 2, 3)" in (tmp_path.parent / "message").read_text()


def test_own_splits_must_be_equally_wide(tmp_path: Path) -> None:
    for name, text in (("train", "1,0\n0,0\n"), ("validation", "1,0\n0,1\n"), ("test", "1,0,5\n0,1,5\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    assert run(tmp_path, tmp_path.parent / "out5", "--positive-class", "1") == 1
    assert "train.csv: 1 features, but test.csv has 2" in (tmp_path.parent / "message").read_text()


def test_failure_while_writing_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits(tmp_path / "data")

    def broken(*_: Any, **__: Any) -> None:
        raise ScriptError("the disk is full")

    monkeypatch.setattr(channel_writer, "inspect", broken)
    assert run(tmp_path / "data", tmp_path / "out") == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_volume_without_space_is_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    digits(tmp_path / "data")
    code = (
        "import resource, sys; from scripts import convert; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        f"sys.exit(convert.main(['--data', {str(tmp_path / 'data')!r}, '--output', {str(tmp_path / 'out')!r}, "
        f"'--task', 'regressor', '--message', {str(tmp_path / 'message')!r}]))"
    )
    # What measures coverage would want to write a file, too.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    path = tmp_path / "out" / "train" / "part-00000.recordio"
    assert done.stderr.startswith(f"error: {path}: File too large; free some space")
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_given_splits_keep_their_order_and_train_is_shuffled(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in SPLITS:
        (tmp_path / "data" / f"{name}.csv").write_text("".join(f"{row % 2 * 3},{row}\n" for row in range(40)))
    assert run(tmp_path / "data", tmp_path / "out") == 0
    order = {name: channel(tmp_path / "out", name)[0].ravel().tolist() for name in SPLITS}
    assert order["validation"] == order["test"] == list(range(40))
    assert order["train"] != list(range(40))
    assert sorted(order["train"]) == list(range(40))


def test_class_names_do_not_depend_on_how_a_number_is_written() -> None:
    for labels in (np.array([0, 7]), np.array([0.0, 7.0]), np.array(["0", "7.0"]), np.array(["0", "7"], object)):
        assert class_names(labels).tolist() == ["0", "7"]
    assert class_names(np.array([0.5, 1])).tolist() == ["0.5", "1"]
    assert class_names(np.array(["a ", "1"], object)).tolist() == ["a", "1"]


def test_positive_class_may_be_written_as_the_data_does_not() -> None:
    wanted = Wanted.of("binary_classifier", {"train": {"0": 20, "1": 20}, "test": {"0": 3, "1": 4}}, "1.0")
    assert wanted.classes == ("0", "1")
    assert wanted.labels(np.array(["0", "1", "0"], object)).tolist() == [0, 1, 0]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_csv_lines_read_back_to_the_same_float32(values: list[float]) -> None:
    row = np.array([values, values[::-1]], np.float32)
    found = [np.array(line.split(b","), np.float32) for line in csv_lines(row).splitlines()]
    np.testing.assert_array_equal(found, row)


def test_pixels_have_short_spellings() -> None:
    assert csv_lines(np.array([[0, 0.5, 255 / 256]], np.float32)) == b"0,0.5,0.99609375\n"
    assert csv_lines(np.empty((0, 3), np.float32)) == b""
    assert label_lines(np.array([1, 0, 2.5, -3e8], np.float32)) == b"1\n0\n2.5\n-300000000\n"
