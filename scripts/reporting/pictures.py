"""The look that all pictures share, and the kinds of picture that both the inspection and the report use.

Figures are drawn by matplotlib's Agg canvas directly: no pyplot, no display, no automatic layout (which doubles the
time of a small figure). Sizes are in inches; every function returns the bytes of a PNG, the same for the same input.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

INK: Final = "#1f2937"
MUTED: Final = "#6b7280"
GRID: Final = "#e5e7eb"
BLUE: Final = "#2563eb"
ORANGE: Final = "#ea580c"
GREEN: Final = "#059669"
SERIES: Final = (BLUE, ORANGE, GREEN, INK)
"""Colours that stay apart, beside each other, for eyes that see no red, no green or no blue."""

_LONGEST_NAME: Final = 18
_DPI: Final = 120
_SMALLEST_SIDE: Final = 8
_DARKEST, _LIGHTEST = -1.0, 255.0
_DIGITS: Final = re.compile(r"\d+")
COLUMNS: Final = 10
"""How many pictures stand in a row of a grid."""

# Of grids of pictures, in pixels.
_CELL: Final = 96
_GAP: Final = 14
_MARGIN: Final = 22
_CAPTION: Final = 30
_HEADING: Final = 34


def image_side(names: Sequence[str], low: float, high: float) -> int | None:
    """The side of the square picture that features with such names and bounds make, or None where they are no pixels.

    Pixels are a square number, have names that differ by digits alone, and values within what images are saved as.
    """
    side = math.isqrt(len(names))
    if side * side != len(names) or side < _SMALLEST_SIDE or not _DARKEST <= low <= high <= _LIGHTEST:
        return None
    return side if len({_DIGITS.sub("", name) for name in names}) == 1 else None


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty white figure with its title at the upper left."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["font.size"] = 9
    figure = Figure((width, height), _DPI, facecolor="white")
    figure.text(0.18 / width, 1 - 0.16 / height, title, size=11, weight="bold", color=INK, va="top")
    return figure


def new_axes(figure: Figure, x: str, y: str, box: tuple[float, float, float, float] | None = None) -> Axes:
    """Axes with a light grid, in inches from the left, bottom, right and top edge."""
    left, bottom, right, top = box or (0.72, 0.55, 0.2, 0.5)
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))
    axes.set_xlabel(x, color=MUTED)
    axes.set_ylabel(y, color=MUTED)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_large_numbers())
    return axes


def _large_numbers() -> Any:
    """Ticks as matplotlib writes them, but 2.5M where it would write 2.5 and put 1e6 in a corner."""
    from matplotlib.ticker import EngFormatter, ScalarFormatter

    class Formatter(ScalarFormatter):
        def set_locs(self, locs: Any) -> None:
            super().set_locs(locs)
            self._large = max(map(abs, locs), default=0) >= 1e5 and not self.offset

        def __call__(self, x: Any, pos: Any = None) -> str:
            return EngFormatter(sep="")(x, pos) if self._large else super().__call__(x, pos)

        def get_offset(self) -> str:
            return "" if self._large else str(super().get_offset())

    return Formatter()


def png(figure: Figure) -> bytes:
    """The drawn figure; no date or version inside, so equal pictures are equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    with warnings.catch_warnings():  # letters that the font lacks are boxes, which nobody can help
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        canvas.print_png(stream, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return stream.getvalue()


def image_grid(groups: Sequence[tuple[str, Array, Sequence[str]]], *, title: str) -> bytes:
    """Square pictures (count, side, side) in rows, each with a caption below; each group has a heading.

    All pictures of a figure share one scale of grey, dark on white as ink is, and are enlarged by a whole factor.
    """
    shown = [group for group in groups if len(group[1])]
    side = shown[0][1].shape[1]
    cell = side * max(1, _CELL // side) + 2
    widest = min(COLUMNS, max(len(images) for _, images, _ in shown))
    lines = sum(math.ceil(len(images) / COLUMNS) for _, images, _ in shown)
    heads = sum(bool(heading) for heading, _, _ in shown)
    width = max(2 * _MARGIN + widest * (cell + _GAP), 360)
    height = 60 + lines * (cell + _CAPTION) + heads * _HEADING
    figure = new_figure(width / _DPI, height / _DPI, title)
    low = min(float(images.min()) for _, images, _ in shown)
    high = max(float(images.max()) for _, images, _ in shown)
    canvas = np.full((height, width), 255, np.uint8)
    top = 54
    for heading, images, captions in shown:
        if heading:
            figure.text(_MARGIN / width, 1 - (top + 12) / height, heading, size=9, color=MUTED, va="center")
            top += _HEADING
        for index, image in enumerate(images):
            left = _MARGIN + index % COLUMNS * (cell + _GAP)
            line = top + index // COLUMNS * (cell + _CAPTION)
            canvas[line : line + cell, left : left + cell] = _framed(image, low, high, cell)
            middle = (left + cell / 2) / width
            below = 1 - (line + cell + 4) / height
            figure.text(middle, below, captions[index], size=7.5, color=INK, ha="center", va="top")
        top += math.ceil(len(images) / COLUMNS) * (cell + _CAPTION)
    figure.figimage(canvas, cmap="gray", vmin=0, vmax=255, origin="upper")
    return png(figure)


def _framed(image: Array, low: float, high: float, cell: int) -> npt.NDArray[np.uint8]:
    """One picture as greys, enlarged, with a thin frame around it."""
    factor = (cell - 2) // len(image)
    grey = 255 - np.clip((image - low) / ((high - low) or 1) * 255, 0, 255)
    out = np.full((cell, cell), 229, np.uint8)
    out[1:-1, 1:-1] = grey.astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    return out


def bars(
    groups: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], *, title: str, y: str, form: str = "{:,.0f}"
) -> bytes:
    """Grouped vertical bars, `series` of one value per group; values are written on them where there is room."""
    names = [short(name, _LONGEST_NAME) for name in groups]
    across = max(5.2, min(12.0, 1.4 + 0.34 * len(groups) * len(series)))
    room, longest = (across - 1) / len(groups), 0.075 * max(map(len, names))
    upward = longest > room
    figure = new_figure(across, 3.3 + upward * longest, title)
    axes = new_axes(figure, "", y, (0.8, 0.5 + upward * longest, 0.2, 0.75))
    width = 0.82 / len(series)
    places = np.arange(len(groups))
    for index, (name, values) in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * width
        drawn = axes.bar(places + offset, values, width * 0.92, color=SERIES[index % 4], label=name)
        if len(groups) * len(series) <= 24:
            axes.bar_label(drawn, [form.format(value) for value in values], size=6.5, color=MUTED, padding=1)
    axes.set_xticks(places, names, color=INK, rotation=90 * upward)
    axes.grid(False, axis="x")
    if len(series) > 1:
        legend(axes)
    return png(figure)


def short(name: str, longest: int) -> str:
    """The name, or both of its ends, since names often differ only there."""
    if len(name) <= longest:
        return name
    return f"{name[: longest // 2]}…{name[len(name) - (longest - 1) // 2 :]}"


def legend(axes: Any, where: str = "above") -> None:
    """A frameless legend in one row above the axes, or inside at one of matplotlib's places."""
    if where == "above":
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=4, frameon=False, fontsize=8, labelcolor=INK)
    else:
        axes.legend(loc=where, frameon=False, fontsize=8, labelcolor=INK)


def binned(values: Array, most: int) -> tuple[Array, Array]:
    """Counts and edges of at most so many bins: fewer for few values, one for values too close to tell apart.

    Whole numbers that are not too far apart have a bin each.
    """
    values = values.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if high - low < most and (values == np.floor(values)).all() and abs(low) < 2**52:
        return np.histogram(values, np.arange(low - 0.5, high + 1))
    bins = min(most, max(5, math.isqrt(4 * len(values))))
    if (high - low) / bins <= 4 * np.spacing(max(abs(low), abs(high))):
        return np.array([len(values)]), np.array([low - 0.5, high + 0.5])
    return np.histogram(values, bins, (low, high))


def histograms(columns: Array, titles: Sequence[str], *, title: str, x: str = "") -> bytes:
    """One small histogram for each column of (rows, columns); `x` says what all of them are."""
    from matplotlib.ticker import MaxNLocator

    across = min(4, len(titles))
    down = math.ceil(len(titles) / across)
    figure = new_figure(max(4.4, 2.4 * across), 0.45 + 1.75 * down, title)
    width, height = figure.get_size_inches()
    for index, name in enumerate(titles):
        left = (index % across) * width / across + 0.62
        top = 0.72 + (index // across) * 1.75
        box = (left, height - top - 1.05, width - left - width / across + 0.75, top)
        axes = new_axes(figure, x, "" if index % across else "rows", box)
        counts, edges = binned(columns[:, index], 30)
        axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
        if (edges % 1 == 0.5).all():
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_title(short(name, 24), size=8.5, color=INK, loc="left", pad=4)
        axes.tick_params(labelsize=7)
        axes.xaxis.get_offset_text().set_fontsize(7)
        axes.grid(False, axis="x")
    return png(figure)
