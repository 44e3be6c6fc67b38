"""Conversion by several instances: each sees its files alone, and together they make what one would make."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts import convert, inspect_data
from scripts.formats import csv_table
from scripts.formats.recordio import read
from scripts.profiling import profiles
from scripts.profiling.inspection import read_statistics
from scripts.splitting import channel_writer, shuffle, split_plan

ROOT = Path(__file__).parents[3]
SPLITS = ("train", "validation", "test")
BINARY = ("--task", "binary_classifier", "--positive-class", "b")


def tables(folder: Path, sizes: tuple[int, ...], classes: str = "aaabbc") -> None:
    """CSV files whose first feature tells rows apart."""
    folder.mkdir(parents=True)
    random, row = np.random.default_rng(4), 0
    for number, size in enumerate(sizes):
        lines = ["y,row,noise"]
        for _ in range(size):
            lines.append(f"{classes[random.integers(len(classes))]},{row},{random.normal():.5f}")
            row += 1
        (folder / f"rows-{number}.csv").write_text("\n".join(lines) + "\n")


def inspected(data: Path, output: Path, *more: str) -> Path:
    assert inspect_data.main(["--data", str(data), "--output", str(output), *more]) == 0
    return output


def converted(tmp_path: Path, instances: int, *more: str, parts: int = 1) -> Path:
    """The outputs of so many instances in one folder, as S3 gathers them; data are dealt out as S3's keys are."""
    baseline = inspected(tmp_path / "data", tmp_path / "baseline")
    files, hosts = sorted((tmp_path / "data").iterdir()), [f"algo-{number + 1}" for number in range(instances)]
    gathered = tmp_path / f"out-{instances}-{parts}"
    for number, host in enumerate(hosts):
        own = tmp_path / f"instance-{instances}-{number}"
        (own / "data").mkdir(parents=True, exist_ok=True)
        for file in files[number::instances]:
            shutil.copy(file, own / "data")
        (own / "resources.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
        given = {"data": own / "data", "output": own / "out", "baseline": baseline, "resources": own / "resources.json"}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        words += ["--parts", str(parts), "--seed", "7", "--message", str(own / "message")]
        assert convert.main([*words, *(more or BINARY)]) == 0
        assert bool((own / "message").read_text()) == (number == 0), "what is true of all data is said once"
        shutil.copytree(own / "out", gathered, dirs_exist_ok=True)
    return gathered


def rows(folder: Path) -> Iterator[tuple[float, ...]]:
    for path in sorted(folder.glob("*.recordio")):
        with path.open("rb") as stream:
            for chunk in read(stream):
                assert chunk.labels is not None
                yield from map(tuple, np.column_stack([np.asarray(chunk.features), chunk.labels]).tolist())


@pytest.mark.parametrize(
    "block", [150, pytest.param(40_000_000, marks=pytest.mark.long)], ids=["many blocks", "one block a file"]
)
@pytest.mark.parametrize("task", [pytest.param("binary_classifier", marks=pytest.mark.long), "multiclass_classifier"])
def test_one_two_and_four_instances_make_the_same_rows_of_each_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, task: str
) -> None:
    monkeypatch.setattr(split_plan, "BLOCK_BYTES", block)
    monkeypatch.setattr(split_plan, "_FEWEST_BLOCK_ROWS", 7)
    monkeypatch.setattr(shuffle, "PILE_BYTES", 2000)
    tables(tmp_path / "data", (130, 1, 88, 40, 61))
    made = {count: converted(tmp_path, count, "--task", task, "--positive-class", "b") for count in (1, 2, 4)}
    found = {count: {name: list(rows(output / name)) for name in SPLITS} for count, output in made.items()}
    for name in SPLITS:
        assert sorted(found[1][name]) == sorted(found[2][name]) == sorted(found[4][name])
    assert sorted(row[0] for name in SPLITS for row in found[1][name]) == list(range(320)), "each row once"
    classes = json.loads((made[4] / "labels" / "_classes.json").read_text())
    totals = Counter(row[2] for name in SPLITS for row in found[1][name])
    for name in SPLITS[1:]:
        for label, count in Counter(row[2] for row in found[1][name]).items():
            assert abs(count - totals[label] / 10) <= len(classes), "as many of each class as of the others"
    for output in made.values():
        told = json.loads((output / "inspection" / "inspection.json").read_text())
        assert {name: told["splits"][name]["rows"] for name in SPLITS} == {n: len(found[1][n]) for n in SPLITS}
        counted = read_statistics(output / "inspection")
        train = np.array(found[1]["train"])[:, :2]
        assert counted is not None and counted.rows == len(train)
        np.testing.assert_allclose(counted.deviation, train.std(axis=0), rtol=1e-6)


def test_features_and_labels_of_test_stay_together_in_the_order_of_their_names(tmp_path: Path) -> None:
    tables(tmp_path / "data", (130, 1, 88, 40, 61))
    for count in (1, 2):
        output = converted(tmp_path, count)
        lines = [
            np.loadtxt(path, delimiter=",", ndmin=2)
            for name in ("features", "labels")
            for path in sorted((output / name).glob("*.csv"))
        ]
        assert len(lines) == 2 * count
        together = np.column_stack([np.concatenate(lines[:count]), np.concatenate(lines[count:])]).astype(np.float32)
        np.testing.assert_array_equal(together, np.array(list(rows(output / "test")), np.float32))


def test_train_comes_in_parts_for_as_many_instances_as_learn(tmp_path: Path) -> None:
    tables(tmp_path / "data", (130, 88))
    output = converted(tmp_path, 2, parts=3)
    sizes = [path.stat().st_size for path in sorted((output / "train").iterdir())]
    assert len(sizes) == 6
    for own in (sizes[:3], sizes[3:]):
        assert min(own) > 0.9 * max(own)
    assert [path.name for path in sorted((output / "test").iterdir())] == ["part-00000.recordio", "part-00001.recordio"]


def test_more_instances_than_files_leave_some_without_work(tmp_path: Path) -> None:
    tables(tmp_path / "data", (130,))
    one, three = converted(tmp_path, 1), converted(tmp_path, 3)
    assert list(rows(one / "train")) == list(rows(three / "train"))
    assert "1 file is shared by 3 instances, so 2 had no work" in (tmp_path / "instance-3-0" / "message").read_text()


def test_a_file_that_has_become_wider_is_refused(tmp_path: Path) -> None:
    tables(tmp_path / "data", (130,))
    baseline = inspected(tmp_path / "data", tmp_path / "baseline")
    path = tmp_path / "data" / "rows-0.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},more", *(f"{line},1" for line in lines)]))
    message = tmp_path / "message"
    given = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
    assert convert.main([*given, *BINARY, "--message", str(message)]) == 1
    assert message.read_text().startswith("rows-0.csv: 3 features where 2 were inspected; the data changed since")


def test_train_is_truly_shuffled_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_plan, "BLOCK_BYTES", 400)
    monkeypatch.setattr(split_plan, "_FEWEST_BLOCK_ROWS", 50)
    monkeypatch.setattr(shuffle, "PILE_BYTES", 5000)
    tables(tmp_path / "data", (4000,))
    order = np.array([row[0] for row in rows(converted(tmp_path, 1) / "train")])
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.06
    quarters = np.histogram2d(order, np.arange(len(order)), bins=4)[0]
    assert quarters.min() > 140 and quarters.max() < 260, "every part of the data is in every part of train"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: (data / "more.csv").write_text("y,row,noise\na,1,2\n"), "more.csv: the data changed since"),
        (lambda data: (data / "rows-0.csv").write_text("y,row,noise\na,1,2\n"), "rows-0.csv: 1 rows where 90 were"),
        (lambda data: (data / "rows-0.csv").write_text("y,row,noise\nz,1,2\n"), "the label 'z' was not there when"),
        (lambda data: (data / "rows-0.csv").write_text("y,row,noise\na,1,inf\n"), "no finite number"),
    ],
    ids=["more", "fewer rows", "another class", "infinite"],
)
def test_data_that_changed_after_they_were_inspected_are_refused(tmp_path: Path, change: Any, reason: str) -> None:
    tables(tmp_path / "data", (90, 20))
    baseline = inspected(tmp_path / "data", tmp_path / "baseline")
    change(tmp_path / "data")
    given = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
    assert convert.main([*given, *BINARY, "--message", str(tmp_path / "message")]) == 1
    assert reason in (tmp_path / "message").read_text()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_double_too_large_for_float32_that_was_not_there_before_is_refused(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.array(["a", "b"] * 30)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    baseline = inspected(tmp_path / "a.npz", tmp_path / "baseline")
    x[7, 1] = 1e39
    np.savez(tmp_path / "a.npz", x=x, y=y)
    given = ["--data", str(tmp_path / "a.npz"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
    assert convert.main([*given, *BINARY, "--message", str(tmp_path / "message")]) == 1
    assert (tmp_path / "message").read_text().startswith("a.npz: a feature is no finite number; the data changed since")


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_plan, "BLOCK_BYTES", 50_000)
    monkeypatch.setattr(shuffle, "PILE_BYTES", 50_000)
    monkeypatch.setattr(csv_table, "_CHUNK_VALUES", 10_000)
    monkeypatch.setattr(profiles, "_SAMPLE_ROWS", (10, 10))
    monkeypatch.setattr(channel_writer, "SAMPLE_ROWS", 10)
    monkeypatch.setattr(channel_writer, "inspect", lambda *_: None)
    peaks = []
    for count in (20_000, 20_000, 80_000):  # what is loaded once counts in the first
        (tmp_path / "rows.csv").write_text(
            "".join(f"{row % 2},{row},{row % 7},1,2,3,4,5,6,7\n" for row in range(count))
        )
        tracemalloc.start()
        baseline = inspected(tmp_path / "rows.csv", tmp_path / f"baseline-{count}", "--label-column", "first")
        given = ["--data", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "out"), "--baseline", str(baseline)]
        assert convert.main([*given, "--label-column", "first", "--task", "binary_classifier"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1], peaks


@pytest.mark.long
@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_peak_memory_of_formats_that_arrow_reads_does_not_grow_with_the_files(tmp_path: Path, kind: str) -> None:
    """Arrow's memory is seen by the system alone, so each script is a process."""
    random, names = np.random.default_rng(0), [f"x{column}" for column in range(20)]
    frame = pd.DataFrame(random.normal(size=(60_000, 20)).round(4), columns=names).assign(y=np.arange(60_000) % 2)
    (tmp_path / "1").mkdir()
    first = tmp_path / "1" / f"0.{kind}"
    if kind == "parquet":
        frame.to_parquet(first, row_group_size=20_000)
    else:
        frame.to_json(first, orient="records", lines=True)
    (tmp_path / "8").mkdir()
    for number in range(8):
        (tmp_path / "8" / f"{number}.{kind}").hardlink_to(first)
    peaks = {}
    for files in ("1", "8"):
        base, more = tmp_path / f"base-{files}", ["--task", "binary_classifier", "--positive-class", "1"]
        given = ["--data", str(tmp_path / files)]
        peaks[files] = max(
            peak("scripts.inspect_data", *given, "--output", str(base), *more),
            peak("scripts.convert", *given, "--output", str(tmp_path / f"out-{files}"), "--baseline", str(base), *more),
        )
    assert peaks["8"] < 500
    assert peaks["8"] < 1.3 * peaks["1"], peaks


def peak(module: str, *words: str) -> float:
    """The most megabytes that a script took."""
    command = [sys.executable, "-m", "tests.support.own_peak", module, *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1]) / 1024
