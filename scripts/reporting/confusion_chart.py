"""The confusion matrix as a picture, drawn by Pillow, which every image with matplotlib has.

Matplotlib itself takes half a second to load, which the validation of an endpoint would spend on this one picture. The
font is matplotlib's own, so that the picture stands well beside its charts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from scripts.reporting.pictures import short

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_INK: Final = "#1f2937"
_MUTED: Final = "#6b7280"
# From no row to all rows of an actual class.
_SHADES: Final = np.array([(247, 250, 255), (191, 219, 254), (96, 165, 250), (37, 99, 235), (30, 64, 175)], np.float64)
_DARK: Final = 0.5
_TOP: Final = 84
_RIGHT: Final = 36
_BOTTOM: Final = 72
_TEXT: Final = 15
_MOST_WRITTEN: Final = 20
_LONGEST_NAME: Final = 18
_LONGEST_ACROSS: Final = 40
_STEPS: Final = (1, 5, 10, 50, 100, 500)


def confusion_chart(matrix: npt.NDArray[np.int64], names: Sequence[str]) -> bytes:
    """A PNG: rows by actual class, columns by predicted one; `names` are those of the classes.

    Cells are coloured by their share of the actual class, so that a rare class shows as well as a frequent one.
    """
    from PIL import Image, ImageDraw

    count = len(names)
    cell = _cell(count)
    side = cell * count
    shown = [short(name, _LONGEST_NAME) for name in names]
    widest = max(int(_font(_TEXT).getlength(name)) for name in shown)
    upward = widest > max(cell - 6, _LONGEST_ACROSS)
    left, bottom = 68 + widest, _BOTTOM + (widest - _TEXT if upward else 0)
    image = Image.new("RGB", (left + side + _RIGHT, _TOP + side + bottom), "white")
    draw = ImageDraw.Draw(image)
    draw.text((30, 20), "Confusion matrix", _INK, _font(18, bold=True), "lt")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image.paste(Image.fromarray(_cells(shares, cell)), (left, _TOP))
    if count <= _MOST_WRITTEN:
        _write_counts(draw, matrix, shares, left, cell)
    _write_names(draw, shown, left, cell)
    if upward:
        for index in range(0, count, _step(cell, _TEXT)):
            width = int(_font(_TEXT).getlength(shown[index]))
            middle = left + int((index + 0.5) * cell) - _TEXT // 2 - 4
            _write_upward(image, shown[index], middle, _TOP + side + 8 + (width + 2) // 2, _INK)
    else:
        _write_names_across(draw, shown, left, cell, widest)
    draw.text((left + side / 2, _TOP + side + bottom - 16), "predicted", _MUTED, _font(_TEXT), "ms")
    _write_upward(image, "actual", 26, _TOP + side // 2, _MUTED)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def _cell(count: int) -> int:
    """The side of a cell in pixels: large for two classes, small enough for the page for many."""
    return max(2, min(150, 660 // max(count, 1)) if count > 2 else 150)


def _write_counts(draw: ImageDraw, matrix: Any, shares: Any, left: int, cell: int) -> None:
    size = _fitting(f"{int(matrix.max()):,}", cell - 6, 26 if len(matrix) == 2 else 16)
    for row, column in np.ndindex(*matrix.shape):
        if matrix[row, column]:
            color = "white" if shares[row, column] > _DARK else _INK
            middle = (left + (column + 0.5) * cell, _TOP + (row + 0.5) * cell)
            draw.text(middle, f"{matrix[row, column]:,}", color, _font(size, bold=bool(row == column)), "mm")


def _write_names(draw: ImageDraw, names: Sequence[str], left: int, cell: int) -> None:
    """The names of the rows: all, or every fifth, tenth, ... where there is no room for more."""
    for index in range(0, len(names), _step(cell, _TEXT)):
        draw.text((left - 10, _TOP + (index + 0.5) * cell), names[index], _INK, _font(_TEXT), "rm")


def _write_names_across(draw: ImageDraw, names: Sequence[str], left: int, cell: int, widest: int) -> None:
    for index in range(0, len(names), _step(cell, widest)):
        draw.text((left + (index + 0.5) * cell, _TOP + cell * len(names) + 8), names[index], _INK, _font(_TEXT), "mt")


def _step(cell: int, size: int) -> int:
    """Every which name is written, so that each has so many pixels."""
    return next((step for step in _STEPS if step * cell >= size + 6), _STEPS[-1])


def _write_upward(image: Any, text: str, left: int, middle: int, color: str) -> None:
    from PIL import Image, ImageDraw

    font = _font(_TEXT)
    width = int(font.getlength(text)) + 2
    line = Image.new("RGB", (width, _TEXT + 8), "white")
    ImageDraw.Draw(line).text((0, _TEXT), text, color, font, "ls")
    image.paste(line.transpose(Image.Transpose.ROTATE_90), (left, middle - width // 2))


def _cells(shares: Any, cell: int) -> npt.NDArray[np.uint8]:
    """The coloured cells (height, width, 3), with a white line between them where there is room for one."""
    places = np.linspace(0, 1, len(_SHADES))
    colors = np.stack([np.interp(shares, places, shade) for shade in _SHADES.T], axis=-1)
    cells = colors.round().astype(np.uint8).repeat(cell, axis=0).repeat(cell, axis=1)
    for line in range(1, 1 + min(2, cell // 4)):
        cells[cell - line :: cell] = 255
        cells[:, cell - line :: cell] = 255
    return cells


def _fitting(text: str, width: int, largest: int) -> int:
    """The largest size of type at which the text is no wider than so many pixels, but at least 6."""
    sizes = (size for size in range(largest, 6, -1) if _font(size, bold=True).getlength(text) <= width)
    return next(sizes, 6)


@cache
def _font(size: int, *, bold: bool = False) -> Any:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / "mpl-data" / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.exists():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)
