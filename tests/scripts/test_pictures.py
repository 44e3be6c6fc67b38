"""Pictures are PNGs of the promised kind for ordinary and for awkward data, and the same bytes every time."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from scripts import charts, pictures
from scripts.confusion_picture import confusion_chart
from scripts.curves import sweep
from scripts.pictures import bars, binned, histograms, image_grid, image_side


def size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize(("features", "side"), [(784, 28), (64, 8), (49, None), (16, None), (785, None), (1, None)])
def test_only_square_numbers_of_features_are_images(features: int, side: int | None) -> None:
    assert image_side(features) == side


def test_grid_grows_with_its_pictures_and_has_no_date_inside() -> None:
    images = np.random.default_rng(0).random((23, 28, 28))
    captions = [str(index) for index in range(23)]
    few, many = image_grid([("", images[:4], captions)], title="x"), image_grid([("", images, captions)], title="x")
    assert size(few)[1] < size(many)[1]
    assert few == image_grid([("", images[:4], captions)], title="x")
    assert b"tEXt" not in few


def test_grid_enlarges_by_a_whole_factor_and_draws_ink_dark() -> None:
    image = np.zeros((8, 8))
    image[3, 4] = 1
    framed = pictures._framed(image, 0, 1, 8 * 12 + 2)
    assert framed.shape == (98, 98)
    dark = np.argwhere(framed[1:-1, 1:-1] == 0)
    assert (dark.min(0).tolist(), dark.max(0).tolist()) == ([36, 48], [47, 59])
    assert (framed[0] == framed[:, 0]).all()


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        ([1.0, 1.0], 1),
        ([3e38, 3e38], 1),
        ([1e16, 1e16 + 2], 1),
        ([0.0, 1.0], 5),
        (list(range(10_000)), 30),
        ([-3.4e38, 3.4e38], 5),
    ],
)
def test_bins_are_always_finite(values: list[float], bins: int) -> None:
    counts, edges = binned(np.array(values), 30)
    assert (len(counts), len(edges)) == (bins, bins + 1)
    assert counts.sum() == len(values)
    assert np.isfinite(edges).all()


def test_the_confusion_matrix_colours_each_cell_by_its_share_of_the_actual_class() -> None:
    from PIL import Image

    drawn = Image.open(io.BytesIO(confusion_chart(np.array([[9, 0], [0, 90]]), ["a", "b"])))
    right, bottom = drawn.size
    # Well inside the cells, beside their numbers.
    cells = [drawn.getpixel((right - 36 - x, bottom - 72 - y)) for x, y in ((290, 290), (140, 290), (290, 140))]
    assert cells == [(30, 64, 175), (247, 250, 255), (247, 250, 255)]
    assert drawn.getpixel((right - 36 - 140, bottom - 72 - 140)) == cells[0]


def test_the_confusion_matrix_needs_no_matplotlib_which_takes_long_to_load() -> None:
    code = (
        "import sys, numpy as np\nfrom scripts.confusion_picture import confusion_chart\n"
        "confusion_chart(np.eye(2, dtype=int), ['a', 'b'])\nsys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def sample_pictures() -> dict[str, Callable[[], bytes]]:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 20)
    scores = random.random(40)
    margins = random.normal(size=40) * 5
    points = sweep(labels, scores)
    return {
        "confusion": lambda: confusion_chart(np.array([[5, 0], [0, 0]]), ["no", "yes"]),
        "large confusion": lambda: confusion_chart(np.eye(60, dtype=np.int64), [str(i) for i in range(60)]),
        "roc": lambda: charts.roc_chart(points, (0.1, 0.9)),
        "precision-recall": lambda: charts.precision_recall_chart(points, (0.1, 0.9)),
        "thresholds": lambda: charts.threshold_chart(points, 0.5),
        "thresholds of margins": lambda: charts.threshold_chart(sweep(labels, margins), 0.5),
        "scores": lambda: charts.score_chart(scores, labels, 0.5),
        "scores all the same": lambda: charts.score_chart(np.full(40, 7.0), labels, 7.0),
        "confidence": lambda: charts.confidence_chart(scores, labels == 1),
        "predicted": lambda: charts.predicted_chart(margins, scores),
        "residuals": lambda: charts.residual_chart(margins, scores),
        "residual histogram": lambda: charts.residual_histogram(margins, margins),
        "bars": lambda: bars(["a long name"] * 3, [("x", [1, 2, 3]), ("y", [0, 0, 0])], title="t", y="rows"),
        "histograms": lambda: histograms(np.zeros((3, 2), np.float32), ["x" * 80, "b"], title="t"),
    }


@pytest.mark.parametrize("name", sample_pictures())
def test_every_chart_draws_awkward_data(name: str) -> None:
    width, height = size(sample_pictures()[name]())
    assert 200 < width < 1500
    assert 200 < height < 1200
