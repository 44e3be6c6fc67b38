"""Which data are drawn as images, from the conversion to the report: pixels are, other squares of columns are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import dump_svmlight_file, load_digits

from scripts import convert, evaluate
from scripts.features.featurizer import Category, Featurizer
from scripts.features.request_rows import RowReader
from scripts.monitoring.registered_baseline import image_side_of
from tests.support.artefact import artifact

LABELS = np.arange(300) % 2


def words(columns: int) -> scipy.sparse.csr_matrix:
    """Counts of words in 300 texts; the last one is there."""
    counts = scipy.sparse.random(300, columns, 0.05, "lil", random_state=0)
    counts[0, columns - 1] = 1
    return scipy.sparse.csr_matrix(np.ceil(3 * counts.toarray()), dtype=np.float32)


def write(folder: Path, kind: str) -> None:
    """Data of 64 or 400 columns."""
    folder.mkdir()
    pixels = load_digits().data[:300]
    if kind == "libsvm":
        dump_svmlight_file(words(400), LABELS, str(folder / "a.libsvm"))
    elif kind == "sparse npz":
        of = words(400)
        parts = {"data": of.data, "indices": of.indices, "indptr": of.indptr, "shape": np.array(of.shape)}
        np.savez(folder / "a.npz", **parts, format=b"csr", y=LABELS)
    elif kind == "bytes":
        np.savez(folder / "a.npz", x=pixels.astype(np.uint8).reshape(-1, 8, 8), y=LABELS)
    elif kind == "pixels":
        pd.DataFrame(pixels, columns=[f"pixel{at}" for at in range(64)]).assign(y=LABELS).to_csv(
            folder / "a.csv", index=False
        )
    else:  # a table
        names = ["age", "height", *(f"pixel{at}" for at in range(62))]
        pd.DataFrame(pixels, columns=names).assign(y=LABELS).to_csv(folder / "a.csv", index=False)


@pytest.mark.parametrize(
    ("kind", "features", "side"),
    [
        ("libsvm", "numeric", None),
        ("libsvm", "sparse", None),
        ("sparse npz", "numeric", None),
        ("sparse npz", "sparse", None),
        ("table", "numeric", None),
        ("pixels", "table", None),
        ("pixels", "numeric", 8),
        ("bytes", "numeric", 8),
    ],
)
def test_pixels_alone_are_drawn_as_images(tmp_path: Path, kind: str, features: str, side: int | None) -> None:
    write(tmp_path / "data", kind)
    out = tmp_path / "out"
    given = ["--data", str(tmp_path / "data"), "--output", str(out), "--task", "binary_classifier"]
    assert convert.main([*given, "--features", features, "--message", str(tmp_path / "message")]) == 0
    found = json.loads((out / "inspection" / "inspection.json").read_text())
    assert found["features"]["image_side"] == side
    drawn = {path.name for path in (out / "inspection").glob("*.png")}
    assert drawn == ({"classes.png", "digits.png", "mean.png"} if side else {"classes.png", "features.png"})

    labels = (out / "labels" / "labels.csv").read_text().split()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.tar.gz").write_bytes(artifact(np.ones((found["features"]["count"], 1))))
    (tmp_path / "predictions").mkdir()
    wrong = [json.dumps({"predicted_label": 1 - int(label), "score": 0.5}) for label in labels]
    (tmp_path / "predictions" / "features.csv.out").write_text("\n".join(wrong) + "\n")
    asked = [word for name in ("model", "predictions") for word in (f"--{name}", str(tmp_path / name))]
    asked += [word for name in ("labels", "features", "inspection") for word in (f"--{name}", str(out / name))]
    assert evaluate.main([*asked, "--task", "binary_classifier", "--output", str(tmp_path / "report")]) == 0
    pictures = {path.name for path in (tmp_path / "report").glob("*.png")}
    images = {"mistakes.png", "weights.png", "mean.png"}
    assert pictures & images == (images if side else set())
    report = (tmp_path / "report" / "report.html").read_text()
    assert ("What each feature is worth" in report) == (side is None)


def test_a_report_without_an_inspection_draws_no_images(tmp_path: Path) -> None:
    """As of another program's conversion, of whose features nothing is known."""
    for name in ("model", "predictions", "labels", "features", "inspection"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "model.tar.gz").write_bytes(b"another algorithm's")
    (tmp_path / "predictions" / "a.out").write_text('{"predicted_label":1,"score":0.9}\n' * 4)
    (tmp_path / "labels" / "labels.csv").write_text("0\n1\n0\n1\n")
    np.savetxt(tmp_path / "features" / "features.csv", np.ones((4, 64)), delimiter=",")
    asked = [
        word
        for name in ("model", "predictions", "labels", "features", "inspection")
        for word in (f"--{name}", str(tmp_path / name))
    ]
    assert evaluate.main([*asked, "--task", "binary_classifier", "--output", str(tmp_path / "report")]) == 0
    assert not (tmp_path / "report" / "mistakes.png").exists()
    shutil.rmtree(tmp_path / "report")


def test_a_watch_draws_its_columns_as_an_image_where_they_are_pixels() -> None:
    pixels = [column.astype(float) for column in load_digits().data.T]
    words_of = [column.astype(float) for column in words(64).toarray().T]
    assert image_side_of(RowReader(64), pixels) == 8
    assert image_side_of(RowReader(64, called=tuple(f"c{at}" for at in range(64))), pixels) == 8
    assert image_side_of(RowReader(64), [column * 1000 for column in pixels]) is None
    assert image_side_of(RowReader(64, called=("age", *(f"c{at}" for at in range(63)))), pixels) is None
    assert image_side_of(RowReader(900, kept=tuple(range(0, 128, 2))), words_of) is None
    featurizer = Featurizer(tuple(Category(f"c{at}", ("a",), True) for at in range(64)))
    texts = [np.array(["a", None], object)] * 64
    assert image_side_of(RowReader(64, featurizer), texts) is None
