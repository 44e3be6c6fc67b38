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
_STEPS: Final = (1, 5, 10, 50, 100, 500)


def confusion_chart(matrix: npt.NDArray[np.int64], names: Sequence[str]) -> bytes:
    """A PNG: rows by actual class, columns by predicted one; `names` are those of the classes.

    Cells are coloured by their share of the actual class, so that a rare class shows as well as a frequent one.
    """
    from PIL import Image, ImageDraw

    count = len(names)
    cell = _cell(count)
    side = cell * count
    left = 68 + max(int(_font(_TEXT).getlength(_short(name))) for name in names)
    image = Image.new("RGB", (left + side + _RIGHT, _TOP + side + _BOTTOM), "white")
    draw = ImageDraw.Draw(image)
    draw.text((30, 20), "Confusion matrix", _INK, _font(18, bold=True), "lt")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image.paste(Image.fromarray(_cells(shares, cell)), (left, _TOP))
    if count <= _MOST_WRITTEN:
        _write_counts(draw, matrix, shares, left, cell)
    _write_names(draw, names, left, cell)
    draw.text((left + side / 2, _TOP + side + _BOTTOM - 16), "predicted", _MUTED, _font(_TEXT), "ms")
    _write_upward(image, "actual", 26, _TOP + side // 2)
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
    """All names, or every fifth, tenth, ... where there is no room for more."""
    widest = max(_font(_TEXT).getlength(_short(name)) for name in names)
    step = next((step for step in _STEPS if step * cell >= widest + 6), len(names))
    for index in range(0, len(names), step):
        middle = (index + 0.5) * cell
        draw.text((left - 10, _TOP + middle), _short(names[index]), _INK, _font(_TEXT), "rm")
        draw.text((left + middle, _TOP + cell * len(names) + 8), _short(names[index]), _INK, _font(_TEXT), "mt")


def _write_upward(image: Any, text: str, left: int, middle: int) -> None:
    from PIL import Image, ImageDraw

    font = _font(_TEXT)
    width = int(font.getlength(text)) + 2
    line = Image.new("RGB", (width, _TEXT + 8), "white")
    ImageDraw.Draw(line).text((0, _TEXT), text, _MUTED, font, "ls")
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


def _short(name: str) -> str:
    return name if len(name) <= 9 else f"{name[:8]}…"


@cache
def _font(size: int, *, bold: bool = False) -> Any:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / "mpl-data" / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.exists():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)
