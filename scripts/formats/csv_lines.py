"""Writing features as CSV lines that read back to the same float32, quickly.

Pixels are k/256 and so have 256 spellings, which are looked up; other numbers get the nine digits that any float32
needs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.formats.tables import Floats

_PIXELS: Final = np.array([f"{level / 256:.9g}" for level in range(256)], object)


def csv_lines(features: Floats) -> bytes:
    """One line a row, no header."""
    levels = _pixel_levels(features)
    if levels is not None:
        rows = [",".join(row) for row in _PIXELS[levels].tolist()]
    else:
        form = ",".join(["%.9g"] * features.shape[1])
        rows = [form % tuple(row) for row in features.tolist()]
    return ("\n".join(rows) + "\n").encode() if rows else b""


def raw_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """One line a row of cells, quoted where they must be, no header. No cell holds a line break."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def label_lines(labels: Floats) -> bytes:
    """One label a line: a whole number where it is one."""
    return "".join(f"{label:.9g}\n" for label in labels.tolist()).encode()


def _pixel_levels(features: Floats) -> npt.NDArray[np.uint8] | None:
    if not features.size or features.min() < 0 or features.max() >= 1:
        return None
    scaled = features * 256
    levels = scaled.astype(np.uint8)
    return levels if np.array_equal(levels, scaled) else None
