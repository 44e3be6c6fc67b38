"""Pictures are PNGs of the promised kind for ordinary and for awkward data, and the same bytes every time."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scripts.reporting import charts, pictures
from scripts.reporting.confusion_chart import confusion_chart
from scripts.reporting.pictures import bars, binned, histograms, image_grid, image_side, short
from scripts.scoring.curves import sweep


def size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize(("features", "side"), [(784, 28), (64, 8), (49, None), (16, None), (785, None), (1, None)])
def test_only_square_numbers_of_features_are_images(features: int, side: int | None) -> None:
    assert image_side([f"feature {index + 1}" for index in range(features)], 0, 1) == side


@pytest.mark.parametrize(
    ("name", "low", "high", "side"),
    [
        ("pixel{}", 0, 255, 8),
        ("{0}x{0}", -1, 1, 8),
        ("r{}c7", 0, 16, 8),
        ("pixel{}", -2.5, 3, None),
        ("pixel{}", 0, 1000, None),
        ("pixel{}", float("nan"), 1, None),
    ],
)
def test_pixels_have_names_alike_and_values_that_images_have(
    name: str, low: float, high: float, side: int | None
) -> None:
    names = [name.format(index) for index in range(64)]
    assert image_side(names, low, high) == side
    assert image_side(["age", *names[1:]], low, high) is None


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
        ([0.0, 0.5], 5),
        ([0.0, 1.0], 2),
        (list(range(-3, 6)), 9),
        (list(range(10_000)), 30),
        ([-3.4e38, 3.4e38], 5),
    ],
)
def test_bins_are_always_finite(values: list[float], bins: int) -> None:
    counts, edges = binned(np.array(values), 30)
    assert (len(counts), len(edges)) == (bins, bins + 1)
    assert counts.sum() == len(values)
    assert np.isfinite(edges).all()


def test_whole_numbers_stand_in_the_middle_of_their_bins() -> None:
    counts, edges = binned(np.array([3.0, 3, 5, 4, 3]), 30)
    assert (counts.tolist(), edges.tolist()) == ([3, 1, 1], [2.5, 3.5, 4.5, 5.5])


def test_long_names_that_differ_at_an_end_stay_different() -> None:
    names = ["category number 03", "category number 04", "no category number 3"]
    assert [short(name, 12) for name in names] == ["catego…er 03", "catego…er 04", "no cat…ber 3"]
    assert short("cat", 3) == "cat"


NAMES = ["a name of a class that is far too long", "another name of a class", "a third name of a class, the last"]


@pytest.mark.parametrize("count", [2, 3, 12, 45])
@pytest.mark.parametrize("kind", ["bars", "confusion"])
def test_long_names_are_not_cut_off_at_the_edges(kind: str, count: int) -> None:
    from PIL import Image

    names = [NAMES[index % 3] for index in range(count)]
    if kind == "bars":
        drawn = bars(names, [("train", [1] * count), ("test", [2] * count)], title="t", y="rows")
    else:
        drawn = confusion_chart(np.eye(count, dtype=np.int64), names)
    pixels = np.array(Image.open(io.BytesIO(drawn)).convert("L"))
    assert (np.concatenate([pixels[-4:].ravel(), pixels[:, :4].ravel(), pixels[:, -4:].ravel()]) == 255).all()


def test_large_numbers_on_an_axis_are_written_out() -> None:
    axes = pictures.new_axes(pictures.new_figure(4, 3, "t"), "x", "y")
    axes.plot([0, 4e6], [0, 400])
    pictures.png(axes.figure)  # type: ignore[arg-type]
    assert "2M" in [label.get_text() for label in axes.get_xticklabels()]
    assert "200" in [label.get_text() for label in axes.get_yticklabels()]
    assert axes.xaxis.get_offset_text().get_text() == ""


def test_a_logarithmic_axis_with_few_rows_has_plain_ticks() -> None:
    axes = pictures.new_axes(pictures.new_figure(4, 3, "t"), "x", "y")
    axes.stairs([8, 1, 3], [0, 1, 2, 3])
    charts._logarithmic(axes)
    pictures.png(axes.figure)  # type: ignore[arg-type]
    low, high = axes.get_ylim()
    ticks = [tick for which in ("major", "minor") for tick in axes.get_yticklabels(which=which)]
    shown = {tick.get_text() for tick in ticks if low <= tick.get_position()[1] <= high}
    assert shown - {""} == {"1", "2", "5"}


# What is left of linear red, green and blue where one kind of cone is missing (Machado et al., severity 1).
SEEN = {
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("missing", SEEN)
def test_colours_of_series_stay_apart_for_every_eye(missing: str) -> None:
    def seen(color: str) -> Any:
        code = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
        linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        x, y, z = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(
            np.array(SEEN[missing]) @ linear, 0, 1
        )
        x, y, z = np.cbrt([x / 0.9505, y, z / 1.089])
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])  # CIELAB

    shown = [seen(color) for color in pictures.SERIES]
    apart = [np.linalg.norm(one - other) for at, one in enumerate(shown) for other in shown[:at]]
    assert min(apart) > 20  # blue and violet were 2 apart to an eye without green


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
        "import sys, numpy as np\nfrom scripts.reporting.confusion_chart import confusion_chart\n"
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
        "letters that the font lacks": lambda: bars(["漢字", "b"], [("x", [1, 2])], title="t", y="rows"),
        "histograms": lambda: histograms(np.zeros((3, 2), np.float32), ["x" * 80, "b"], title="t"),
    }


@pytest.mark.parametrize("name", sample_pictures())
def test_every_chart_draws_awkward_data(name: str) -> None:
    width, height = size(sample_pictures()[name]())
    assert 200 < width < 1500
    assert 200 < height < 1200
