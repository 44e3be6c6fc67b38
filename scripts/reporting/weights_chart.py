"""Pictures of a linear model's weights: bars, a map of features and classes, or the pixels themselves.

Blue adds, orange takes away, white does nothing; the two colours stay apart for colour-blind eyes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scripts.reporting.pictures import BLUE, COLUMNS, INK, MUTED, ORANGE, new_axes, new_figure, png, short

Array = npt.NDArray[Any]

_NAME: Final = 28
_CELL: Final = 1.15
_COLOURS: Final = (ORANGE, "#ffffff", BLUE)


def coefficient_bars(names: Sequence[str], values: Array, *, x: str) -> bytes:
    """One horizontal bar a feature, in the order given, from above."""
    shown = [short(name, _NAME) for name in names]
    left = 0.35 + 0.075 * max(map(len, shown))
    figure = new_figure(left + 4.4, 1.15 + 0.24 * len(shown), "Coefficients")
    axes = new_axes(figure, x, "", (left, 0.55, 0.5, 0.5))
    places = np.arange(len(shown))[::-1]
    drawn = axes.barh(places, values, 0.72, color=[BLUE if value >= 0 else ORANGE for value in values])
    axes.bar_label(drawn, [f"{value:+.3g}" for value in values], size=6.5, color=MUTED, padding=2)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, shown, color=INK)
    axes.margins(x=0.15)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.grid(False, axis="y")
    return png(figure)


def coefficient_map(names: Sequence[str], classes: Sequence[str], values: Array) -> bytes:
    """A cell for each feature (rows) and class (columns), its colour by value."""
    shown = [short(name, _NAME) for name in names]
    columns = [short(name, 14) for name in classes]
    left = 0.35 + 0.075 * max(map(len, shown))
    below = 0.3 + 0.07 * max(map(len, columns))
    figure = new_figure(max(4.2, left + 0.45 * len(columns) + 0.6), 0.7 + below + 0.24 * len(shown), "Coefficients")
    axes = new_axes(figure, "", "", (left, below, 0.3, 0.5))
    most = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=_diverging(), vmin=-most, vmax=most, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, color=INK, rotation=90)
    axes.set_yticks(range(len(shown)), shown, color=INK)
    axes.grid(False)
    return png(figure)


def weight_grid(images: Array, captions: Sequence[str], *, title: str) -> bytes:
    """Square pictures of weights (count, side, side), all on one scale that is symmetric around white."""
    across = min(len(images), COLUMNS // 2)
    down = math.ceil(len(images) / across)
    size = 2.6 if len(images) == 1 else _CELL
    width, height = max(3.2, 0.4 + across * (size + 0.12)), 0.6 + down * (size + 0.32)
    figure = new_figure(width, height, title)
    most = float(np.abs(images).max()) or 1.0
    for index, image in enumerate(images):
        left = 0.2 + index % across * (size + 0.12)
        top = 0.5 + index // across * (size + 0.32)
        box = (left, height - top - size, width - left - size, top)
        axes = new_axes(figure, "", "", box)
        axes.imshow(image, cmap=_diverging(), vmin=-most, vmax=most, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(captions[index], color=INK, fontsize=8)
        for spine in axes.spines.values():
            spine.set_visible(True)
    return png(figure)


def _diverging() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", _COLOURS)
