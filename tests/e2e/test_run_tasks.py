"""The other two tasks as a newcomer tries them, which digit is it and what does a house cost; and sparse rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import Ended, Here

pytestmark = pytest.mark.long


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


def made(folder: Path, ended: Ended) -> Path:
    """The folder of the run's files."""
    assert ended.code == 0, ended
    found = re.search(r"^all files (.+)$", ended.out, re.MULTILINE)
    assert found, ended
    return Path(found.group(1))


def test_multiclass_tells_ten_digits_apart(folder: Path, here: Here) -> None:
    ended = here("run", "--set", "task=multiclass", folder=folder)
    files = made(folder, ended)
    for metric in ("accuracy", "weighted_precision", "weighted_recall", "weighted_f1"):
        assert re.search(rf"^{metric} +0\.\d{{4}} +at least 0\.\d+ +Min\w+ +met", ended.out, re.MULTILINE), ended
    lines = ended.out[ended.out.index("actual") :].split("\n\n")[0].splitlines()
    assert lines[0].split()[-10:] == [str(digit) for digit in range(10)]
    printed = np.array([line.split()[1:] for line in lines[1:]], int)
    assert printed.shape == (10, 10) and printed.sum() == 500
    metrics = json.loads((files / "evaluation" / "evaluation.json").read_text())
    assert list(metrics) == ["multiclass_classification_metrics"]
    figures = metrics["multiclass_classification_metrics"]
    assert np.trace(printed) / 500 == pytest.approx(figures["accuracy"]["value"])
    assert figures["accuracy"]["value"] > 0.85
    validation = json.loads((files / "validation" / "validation.json").read_text())
    assert (validation["passed"], validation["confusion_matrix"]) == (True, printed.tolist())
    pictures = {path.name for path in (files / "evaluation").glob("*.png")}
    assert pictures == {f"{name}.png" for name in ("confusion", "confidence", "classes", "mistakes", "weights", "mean")}


def test_regression_shows_errors_in_the_units_of_the_label(folder: Path, here: Here) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(1000, 4))
    price = 20 + features @ [3.0, -2.0, 0.5, 0.0] + random.normal(size=1000)
    lines = [",".join(f"{value:.5f}" for value in row) for row in np.column_stack([features, price])]
    (folder / "houses.csv").write_text("\n".join(["size,age,rooms,noise,price", *lines]) + "\n")
    given = ("--set", "task=regression", "--param", "LabelColumn=price")
    ended = here("run", "--data", "houses.csv", *given, folder=folder)
    files = made(folder, ended)
    for metric, side in (("relative_rmse", "at most"), ("r2", "at least")):
        assert re.search(rf"^{metric} +\d\.\d{{4}} +{side} [\d.]+ +M\w+ +met", ended.out, re.MULTILINE), ended
    assert "actual" not in ended.out
    figures = json.loads((files / "evaluation" / "evaluation.json").read_text())["regression_metrics"]
    # The noise that no model can predict has a deviation of 1.
    assert figures["rmse"]["value"] == pytest.approx(1, abs=0.2)
    assert figures["mse"]["value"] == pytest.approx(figures["rmse"]["value"] ** 2)
    assert figures["r2"]["value"] > 0.9
    pictures = {path.name for path in (files / "evaluation").glob("*.png")}
    assert pictures == {f"{name}.png" for name in ("predicted", "residuals", "residual_histogram", "coefficients")}
    inspection = json.loads((files / "inspection" / "inspection.json").read_text())
    assert inspection["features"]["names"] == ["size", "age", "rooms", "noise"]


def test_sparse_rows_stay_sparse_to_the_endpoint(folder: Path, here: Here) -> None:
    """Of 30,000 columns, which as dense numbers would be 360 MB, and are refused without the setting."""
    random = np.random.default_rng(0)
    weights = random.normal(size=200)
    words = [sorted({*random.integers(200, size=20).tolist()}) for _ in range(3000)]
    labels = [int(weights[own].sum() > 0) for own in words]
    rare = [f" {300 * row}:1" if 0 < row <= 100 else "" for row in range(3000)]
    lines = [
        f"{label} {' '.join(f'{column + 1}:1' for column in own)}{more}"
        for label, own, more in zip(labels, words, rare, strict=True)
    ]
    (folder / "words.libsvm").write_text("\n".join(lines) + "\n")
    asked = ("run", "--data", "words.libsvm", "--param", "PositiveClass=1")
    refused = here(*asked, folder=folder)
    assert refused.code == 4 and "type --set features=sparse" in refused.err, refused
    loose = [
        word for name in ("Accuracy", "Precision", "Recall", "F1", "Auc") for word in ("--param", f"Min{name}=0.7")
    ]
    files = made(folder, here(*asked, "--set", "features=sparse", *loose, folder=folder))
    figures = json.loads((files / "evaluation" / "evaluation.json").read_text())["binary_classification_metrics"]
    assert figures["accuracy"]["value"] > 0.8
    assert json.loads((files / "validation" / "validation.json").read_text())["passed"]
    assert "record of features.recordio" in (files / "evaluation" / "report.html").read_text()
    size = sum(path.stat().st_size for path in (folder / ".sagemaker" / "s3").rglob("*") if path.is_file())
    assert size < 100_000_000
