"""Sparse data: the rows that dense numbers give, by any number of instances, and no zero is ever written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import dump_svmlight_file

from scripts import convert, inspect_data
from scripts.formats.recordio import Sparse, read
from scripts.profiling import inspection
from scripts.profiling.inspection import read_statistics
from scripts.profiling.schema import read_schema
from scripts.reporting import pictures
from scripts.scoring.predictions import feature_rows, sent_rows
from scripts.splitting import sparse_shuffle

ROOT = Path(__file__).parents[3]
SPLITS = ("train", "validation", "test")
BINARY = ("--task", "binary_classifier", "--positive-class", "1")


def matrix(rows: int, columns: int, seed: int = 0, start: int = 1) -> tuple[Any, Any]:
    """A row's number in its first column tells rows apart."""
    rest = scipy.sparse.random(rows, columns - 1, 0.05, "csr", np.float32, random_state=seed)
    first = scipy.sparse.csr_matrix(np.arange(start, start + rows, dtype=np.float32)[:, None])
    return scipy.sparse.hstack([first, rest], format="csr"), np.arange(rows) * 7 % 3 % 2


def save_npz(path: Path, of: Any, labels: Any) -> None:
    parts = {"data": of.data, "indices": of.indices, "indptr": of.indptr, "shape": np.array(of.shape)}
    np.savez(path, **parts, format=b"csr", y=labels)


def save_libsvm(path: Path, of: Any, labels: Any) -> None:
    dump_svmlight_file(of, labels, str(path), zero_based=False)


def converted(tmp_path: Path, features: str, instances: int = 1) -> Path:
    """The outputs of so many instances in one folder; data are dealt out as S3's keys are."""
    base, gathered = tmp_path / f"base-{features}", tmp_path / f"out-{features}-{instances}"
    more = ["--features", features, *BINARY]
    assert inspect_data.main(["--data", str(tmp_path / "data"), "--output", str(base), *more]) == 0
    files, hosts = sorted((tmp_path / "data").iterdir()), [f"algo-{number + 1}" for number in range(instances)]
    for number, host in enumerate(hosts):
        own = tmp_path / f"own-{features}-{instances}-{number}"
        (own / "data").mkdir(parents=True)
        for file in files[number::instances]:
            shutil.copy(file, own / "data")
        (own / "resources.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
        given = {"data": own / "data", "output": own / "out", "baseline": base, "resources": own / "resources.json"}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        assert convert.main([*words, *more]) == 0
        shutil.copytree(own / "out", gathered, dirs_exist_ok=True)
    return gathered


def rows(folder: Path) -> list[tuple[float, ...]]:
    """Features and label of each record, zeros included."""
    found: list[tuple[float, ...]] = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            for chunk in read(stream):
                dense = chunk.features.dense() if isinstance(chunk.features, Sparse) else chunk.features
                labels = np.full(len(dense), np.nan) if chunk.labels is None else chunk.labels
                found += map(tuple, np.column_stack([dense, labels]).tolist())
    return found


@pytest.mark.parametrize("features", ["sparse", "numeric"])
def test_the_picture_of_many_columns_shows_those_that_are_most_often_not_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    drawn: dict[str, Any] = {}

    def histograms(columns: Any, titles: Any, **words: str) -> bytes:
        drawn.update(values=columns, titles=titles, **words)
        return pictures.histograms(columns, titles, **words)

    monkeypatch.setattr(inspection, "histograms", histograms)
    (tmp_path / "data").mkdir()
    random, often = np.random.default_rng(0), np.array([700, 3, 90, 801, 44, 5, 6, 300, 301, 302, 303, 777])
    shares = np.full(899, 0.01)
    shares[often] = np.linspace(0.95, 0.4, 12)
    cells = (random.random((2000, 899)) < shares) * random.integers(1, 9, (2000, 899))
    save_npz(tmp_path / "data" / "a.npz", scipy.sparse.csr_matrix(cells), np.arange(2000) % 7 // 6)
    out = converted(tmp_path, features)
    assert drawn["titles"] == [f"feature {column + 1}" for column in often]
    assert drawn["title"] == "The 12 of 899 features of train most often not 0"
    train = np.array(rows(out / "train"))[:, often]
    assert drawn["values"].shape == train.shape
    np.testing.assert_array_equal(np.count_nonzero(drawn["values"], axis=0), np.count_nonzero(train, axis=0))
    assert (out / "inspection" / "features.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("save", [pytest.param(save_npz, marks=pytest.mark.long), save_libsvm], ids=["npz", "libsvm"])
def test_sparse_rows_are_those_that_dense_ones_are(tmp_path: Path, save: Any) -> None:
    (tmp_path / "data").mkdir()
    ending = "npz" if save is save_npz else "libsvm"
    for part, (of, labels) in enumerate((matrix(2300, 40), matrix(400, 40, 1, 5000))):
        save(tmp_path / "data" / f"part-{part}.{ending}", of, labels)
    dense, sparse = converted(tmp_path, "numeric"), converted(tmp_path, "sparse")
    for name in SPLITS:
        assert Counter(rows(dense / name)) == Counter(rows(sparse / name))
    assert rows(dense / "test") == rows(sparse / "test")
    assert rows(dense / "train") != sorted(rows(sparse / "train"))
    assert (dense / "labels" / "labels.csv").read_bytes() == (sparse / "labels" / "labels.csv").read_bytes()
    counted = [read_statistics(of / "inspection") for of in (dense, sparse)]
    assert counted[0] and counted[1]
    for name in ("present", "zeros", "mean", "deviation", "low", "high"):
        np.testing.assert_allclose(getattr(counted[1], name), getattr(counted[0], name), rtol=1e-6, err_msg=name)
    assert (dense / "inspection" / "inspection.json").read_bytes() == (
        sparse / "inspection" / "inspection.json"
    ).read_bytes()
    assert sum(path.stat().st_size for path in (sparse / "train").iterdir()) < 0.5 * sum(
        path.stat().st_size for path in (dense / "train").iterdir()
    )


@pytest.mark.long
def test_any_number_of_instances_makes_the_same_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the widest rows, and the only index 0, are another instance's; the shuffle takes several files."""
    monkeypatch.setattr(sparse_shuffle, "PILE_BYTES", 5000)
    (tmp_path / "data").mkdir()
    for part in range(5):
        of, labels = matrix(300 + part, 20 + (part == 4), part, 1 + 1000 * part)
        dump_svmlight_file(of[:, ::-1] if part else of, labels, str(tmp_path / "data" / f"{part}.svm"), zero_based=True)
    found = {count: converted(tmp_path, "sparse", count) for count in (1, 2, 4)}
    for name in SPLITS:
        wanted = Counter(rows(found[1] / name))
        assert len(wanted) > 100
        for count in (2, 4):
            assert Counter(rows(found[count] / name)) == wanted


def test_features_of_test_are_what_was_sent_to_the_model(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    save_npz(tmp_path / "data" / "a.npz", *matrix(1200, 30))
    folder = converted(tmp_path, "sparse") / "features"
    wanted = [row[:-1] for row in rows(folder)]
    content_type, sent = sent_rows(folder)
    assert content_type == "application/x-recordio-protobuf"
    assert b"".join(sent) == (folder / "features.recordio").read_bytes()
    chosen = feature_rows(folder, [0, 7, 119])
    assert {row: tuple(values.tolist()) for row, values in chosen.items()} == {row: wanted[row] for row in (0, 7, 119)}


@pytest.mark.long
def test_wide_rows_have_profiles_of_the_columns_that_say_something(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.libsvm").write_text(
        "".join(f"{row % 2} 5:{row} {900_000 + row}:1\n" for row in range(3000))
    )
    output = converted(tmp_path, "sparse")
    found = read_schema(tmp_path / "base-sparse")
    assert (found.width, len(found.columns)) == (902_999, 1000)
    assert found.columns[0].name == "feature 5"
    assert sum(path.stat().st_size for path in (tmp_path / "base-sparse").iterdir()) < 3_000_000
    assert json.loads((output / "inspection" / "inspection.json").read_bytes())["features"]["count"] == 902_999


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{label} 1:nan 3:1\n",
            "line 1, feature 1: nan is no finite float32, as in 40 of 40 rows; fill it in or remove",
        ),
        ("{label} 1:1 3:1e39\n", "line 1, feature 3: inf is no finite float32, as in 40 of 40 rows; fill it in"),
        ("{label} 1:1 3:{label}\n", "feature 3 equals the label in every row; remove the column"),
        ("nan 1:1 3:1\n", "line 1: the label is nan, as in 40 of 40 rows; fill it in or remove the line"),
    ],
    ids=["missing", "infinite", "leak", "label"],
)
def test_what_cannot_be_learnt_is_told_as_of_dense_rows(
    tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.libsvm").write_text("".join(text.format(label=row % 2) for row in range(40)))
    told = []
    for features in ("numeric", "sparse"):
        given = ["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--features", features]
        assert inspect_data.main([*given, *BINARY]) == 1
        told.append(capsys.readouterr().err)
    assert reason in told[1]
    assert told[0] == told[1]


def test_dense_formats_are_not_taken_as_sparse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("y,x\n0,1\n1,2\n")
    assert inspect_data.main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--features", "sparse"]) == 1
    assert "a.csv: features=sparse takes libsvm and SciPy's sparse .npz, and this is CSV;" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("ending", ["npz", "libsvm"])
@pytest.mark.parametrize("features", ["sparse", "numeric"])
def test_peak_memory_does_not_grow_with_the_files(tmp_path: Path, ending: str, features: str) -> None:
    """As dense numbers the rows of eight files would be 12 GB."""
    random, columns = np.random.default_rng(0), 20_000 if features == "sparse" else 500
    at = (columns * random.random((20_000, 40)) ** 2).astype(np.int32)
    of = scipy.sparse.csr_matrix((np.ones(at.size, np.float32), at.ravel(), np.arange(0, at.size + 1, 40)))
    of.resize((20_000, columns))
    of.sum_duplicates()
    for files in (1, 8):
        (tmp_path / str(files)).mkdir()
    save = save_npz if ending == "npz" else save_libsvm
    save(tmp_path / "1" / f"0.{ending}", of, np.arange(20_000) % 2)
    for number in range(8):
        (tmp_path / "8" / f"{number}.{ending}").hardlink_to(tmp_path / "1" / f"0.{ending}")
    peaks = {}
    for files in ("1", "8"):
        base, more = tmp_path / f"base-{files}", ["--features", features, *BINARY]
        given = ["--data", str(tmp_path / files)]
        peaks[files] = max(
            peak("scripts.inspect_data", *given, "--output", str(base), *more),
            peak("scripts.convert", *given, "--output", str(tmp_path / f"out-{files}"), "--baseline", str(base), *more),
        )
    assert peaks["8"] < 500
    assert peaks["8"] < peaks["1"] + 100, peaks  # the shuffle's files have become as large as they get


def peak(module: str, *words: str) -> float:
    """The most megabytes that a script took."""
    command = [sys.executable, "-m", "tests.support.own_peak", module, *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1]) / 1024
